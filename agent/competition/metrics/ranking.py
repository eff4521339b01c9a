"""Scorers of rankings (N, K): distinct class indices per row, best first, padded with -1.

The truth is a label (N,) or a label set (N, C). A row without a true label scores 0.
"""

import numpy as np

from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows, ratio


def map_at_k(truth: Rows, prediction: Rows, k: int) -> AdditiveScorer:
    """Average precision at k, averaged over rows.

    For each row: the precision of the list up to each hit, summed and divided by the smaller of k and the
    number of true labels.
    """
    hits, relevant = _hits(truth, prediction[:, :k])
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return _row_means(ratio((hits * precision).sum(axis=1), np.minimum(relevant, k), undefined=0.0))


def ndcg_at_k(truth: Rows, prediction: Rows, k: int) -> AdditiveScorer:
    """Discounted cumulative gain of the hits over the best possible one (Jarvelin and Kekalainen, 2002).

    A hit at place i, counted from 1, gains 1 / log2(i + 1).
    """
    hits, relevant = _hits(truth, prediction[:, :k])
    gains = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], gains.cumsum()])[np.minimum(relevant, k).astype(np.intp)]
    return _row_means(ratio(hits @ gains[: hits.shape[1]], best, undefined=0.0))


def _hits(truth: Rows, prediction: Rows) -> tuple[Floats, Floats]:
    """Return hits (N, K), 1 for a place with a true label, and the number of true labels (N,)."""
    if truth.ndim == 1:
        return (prediction == truth[:, None]).astype(np.float64), np.ones(len(truth))
    filled = prediction >= 0
    rows, places = np.nonzero(filled)
    hits = np.zeros(prediction.shape)
    hits[rows, places] = np.asarray(truth[rows, prediction[filled]], dtype=np.float64).ravel()
    return hits, truth.sum(axis=1, dtype=np.float64)


def _row_means(scores: Floats) -> AdditiveScorer:
    return AdditiveScorer(scores[:, None], lambda totals, rows: totals[:, 0] / rows)
