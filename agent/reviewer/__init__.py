"""Reads what candidates did: for now, words for what comparisons taught."""
