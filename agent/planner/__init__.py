"""Planners: they propose ideas behind one Protocol."""
