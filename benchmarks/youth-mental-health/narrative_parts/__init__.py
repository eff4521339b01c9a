"""Modules of the sample generator: variables, clauses, reports and label noise."""
