"""Lessons: what comparing experiments taught, with the evidence."""
