"""Inputs as people have them: made-up data of every kind that once failed, with the right behaviour."""
