"""Scorers of probabilities (N, C). The truth is a label (N,) or a label set (N, C).

For two exclusive classes, AUC and average precision score the second class; otherwise they average over
classes. The mean leaves out a class that is never true and, for AUC, a class that is always true. Without any
class left, the score is undefined (NaN).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows, ratio

_EPSILON = float(np.finfo(np.float64).eps)


def log_loss(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean of -ln of the true class's probability, clipped to [eps, 1 - eps] of float64.

    For label sets, the mean over all cells of the -ln of the probability of the true cell value.
    """
    if isinstance(truth, csr_array):
        chosen = np.where(truth.toarray(), prediction, 1 - prediction)
    else:
        chosen = prediction[np.arange(len(truth)), truth].astype(np.float64)[:, None]
    return _row_means(-np.log(np.clip(chosen, _EPSILON, 1 - _EPSILON)).mean(axis=1))


def brier(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean squared error of probabilities (Brier, 1950).

    For two classes the error of the second class, otherwise summed over classes; for label sets the mean over
    all cells.
    """
    if isinstance(truth, csr_array):
        return _row_means(((prediction - truth.toarray()) ** 2).mean(axis=1))
    if prediction.shape[1] == 2:
        return _row_means((prediction[:, 1] - truth) ** 2)
    residuals = prediction.astype(np.float64, copy=True)
    residuals[np.arange(len(truth)), truth] -= 1
    return _row_means((residuals**2).sum(axis=1))


def _row_means(losses: Floats) -> AdditiveScorer:
    return AdditiveScorer(losses[:, None], lambda totals, rows: totals[:, 0] / rows)


@dataclass(frozen=True)
class _RankedColumn:
    """One class against the rest, with rows sorted by the probability of the class."""

    order: npt.NDArray[np.intp]  # (N,)
    positive: npt.NDArray[np.bool_]  # (N,), in that order
    run_starts: npt.NDArray[np.intp]  # (G,), start of each run of equal probabilities

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the weights (B, G) of positive and negative rows in each run, least probable first."""
        ordered = weights[:, self.order]
        positives = np.add.reduceat(ordered * self.positive, self.run_starts, axis=1)
        return positives, np.add.reduceat(ordered * ~self.positive, self.run_starts, axis=1)


def _area_under_curve(positives: Floats, negatives: Floats) -> Floats:
    """Return the weighted share (B,) of (positive, negative) pairs in the right order. Ties count half."""
    below = np.cumsum(negatives, axis=1) - negatives
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return ratio(right, positives.sum(axis=1) * negatives.sum(axis=1), undefined=np.nan)


def _average_precision(positives: Floats, negatives: Floats) -> Floats:
    """Return the mean precision (B,) over thresholds, weighted by the recall that each threshold adds."""
    hits = positives[:, ::-1].cumsum(axis=1)[:, ::-1]
    predicted = hits + negatives[:, ::-1].cumsum(axis=1)[:, ::-1]
    precision = ratio(hits, predicted, undefined=0.0)
    return ratio((positives * precision).sum(axis=1), positives.sum(axis=1), undefined=np.nan)


@dataclass(frozen=True)
class _ClassMeanScorer:
    """Averages `score`, a function of (positives, negatives), over classes."""

    columns: tuple[_RankedColumn, ...]
    score: Callable[[Floats, Floats], Floats]

    def scores(self, weights: Floats) -> Floats:
        scores = np.stack([self.score(*column.counts(weights)) for column in self.columns])  # (C, B)
        defined = np.isfinite(scores)
        total = np.where(defined, scores, 0.0).sum(axis=0)
        return ratio(total, defined.sum(axis=0).astype(np.float64), undefined=np.nan)


def roc_auc(truth: Rows, prediction: Rows) -> _ClassMeanScorer:
    """Area under the ROC curve of the second of two classes, otherwise the one-vs-rest mean over classes."""
    return _ClassMeanScorer(_rank_columns(truth, prediction), _area_under_curve)


def average_precision(truth: Rows, prediction: Rows) -> _ClassMeanScorer:
    """Average precision of the second of two classes, otherwise the mean over the classes that occur."""
    return _ClassMeanScorer(_rank_columns(truth, prediction), _average_precision)


def _rank_columns(truth: Rows, prediction: Rows) -> tuple[_RankedColumn, ...]:
    if isinstance(truth, csr_array):
        sets = truth.tocsc()
        return tuple(
            _rank_column(sets[:, [index]].toarray()[:, 0], prediction[:, index])
            for index in range(truth.shape[1])
        )
    classes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    return tuple(_rank_column(truth == index, prediction[:, index]) for index in classes)


def _rank_column(positive: npt.NDArray[np.bool_], probability: Floats) -> _RankedColumn:
    order = np.argsort(probability, kind="stable")
    steps = np.flatnonzero(np.diff(probability[order])) + 1
    return _RankedColumn(order, positive[order], np.concatenate([[0], steps]))
