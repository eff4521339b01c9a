"""Language models behind OpenAI-compatible endpoints: typed answers, recorded calls."""
