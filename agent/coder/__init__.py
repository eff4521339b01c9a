"""Asks language models for code: fixes of what failed, and modules that no template renders."""
