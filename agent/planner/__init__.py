"""Proposes ideas; one Protocol, several planners."""
