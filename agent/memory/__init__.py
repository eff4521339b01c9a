"""Lessons from comparisons of experiments, with their evidence."""
