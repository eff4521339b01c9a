"""Hits of rankings (N, K): distinct class indices per row, best first, padded with -1."""

import numpy as np

from agent.competition.metrics.rows import Floats, Rows


def find_hits(truth: Rows, prediction: Rows) -> tuple[Floats, Floats]:
    """Return hits (N, K), 1 for a place with a true label, and the number of true labels (N,).

    The truth is a label (N,) or a label set (N, C).
    """
    if truth.ndim == 1:
        return (prediction == truth[:, None]).astype(np.float64), np.ones(len(truth))
    filled = prediction >= 0
    rows, places = np.nonzero(filled)
    hits = np.zeros(prediction.shape)
    hits[rows, places] = np.asarray(truth[rows, prediction[filled]], dtype=np.float64).ravel()
    return hits, truth.sum(axis=1, dtype=np.float64)
