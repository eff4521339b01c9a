"""How predictions are scored, and what each row counts in training."""

import numpy as np
from sklearn.metrics import f1_score


def score(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over the classes of each one's F1; both are (N,) class indices."""
    return float(f1_score(truth, prediction, average="macro", zero_division=0))


def row_weights(truth: np.ndarray) -> np.ndarray:
    """Weights (N,) whose mean is 1; every class that occurs counts as much as any other, as in the score."""
    _, position, counts = np.unique(truth, return_inverse=True, return_counts=True)
    return len(truth) / (len(counts) * counts[position])
