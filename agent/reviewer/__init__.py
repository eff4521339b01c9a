"""Reads what candidates did: a veto of code that scored well, words for what comparisons taught."""
