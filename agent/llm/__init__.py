"""Asks language models behind OpenAI-compatible endpoints; answers are typed, calls are recorded."""
