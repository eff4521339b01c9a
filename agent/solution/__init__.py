"""Chooses, blends and keeps the best repository of a competition."""
