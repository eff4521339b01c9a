"""Draft `competition.yaml` with a language model that reads the description of the competition."""
