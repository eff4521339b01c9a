"""Defaults of options. The command line shows them without importing the rest of this package."""

TOLERANCE = 1e-6
"""Absolute tolerance of the metric. On a CPU the same seed and threads give the same score up to rounding."""
SEEDS = 3
"""Number of new seeds that verify a lesson."""
