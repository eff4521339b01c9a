"""MARS: an agentic search over small training repositories."""

__version__ = "0.1.0"
