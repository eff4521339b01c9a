"""Modules of the sample generator: which creatures there are, their shapes, and their pictures."""
