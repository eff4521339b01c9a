"""The rooms of the sample generator: what is planned, what it looks like, how it is painted."""
