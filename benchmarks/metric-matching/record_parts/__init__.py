"""Modules of the sample generator: concepts, three languages, records and vectors of metric names."""
