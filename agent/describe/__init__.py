"""Drafts competition.yaml from a description of the competition, with a language model's help."""
