"""Distances between seeds: executions, requests and probes of one run share no seed by chance."""

SEED_STEP = 1000
"""Distance between the seeds of a node's repeats, and between the seeds that follow from two run seeds."""

VERIFICATION_SEED_STEP = 100_000
"""Distance between the seeds of a run and those of the verifications of its lessons."""

SEED_LIMIT = 2**32
"""Seeds are smaller: numpy and scikit-learn accept no larger ones."""
