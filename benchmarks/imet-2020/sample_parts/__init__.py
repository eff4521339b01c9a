"""Modules of the sample generator: content, appearance and painting of the pictures."""
