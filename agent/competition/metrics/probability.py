"""Scorers of probabilities (N, C); the truth is a label (N,) or a label set (N, C).

Of two classes that exclude each other AUC and average precision score the second, otherwise they are means
over classes. A class that is never true, or for AUC always, is left out of the mean; without any class left
the score is undefined (NaN).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from agent.competition.metrics.metric import Floats, Rows, SummedRows, ratio

_EPSILON = float(np.finfo(np.float64).eps)


def log_loss(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean of -ln of the true class's probability, clipped to [eps, 1 - eps] of float64.

    For label sets the mean over all cells of -ln of the probability given to what is true of the cell.
    """
    if isinstance(truth, csr_array):
        chosen = np.where(truth.toarray(), prediction, 1 - prediction)
    else:
        chosen = prediction[np.arange(len(truth)), truth].astype(np.float64)[:, None]
    return _row_means(-np.log(np.clip(chosen, _EPSILON, 1 - _EPSILON)).mean(axis=1))


def brier(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean squared error of probabilities (Brier, 1950).

    Of the second of two classes, else summed over classes; for label sets the mean over all cells.
    """
    if isinstance(truth, csr_array):
        return _row_means(((prediction - truth.toarray()) ** 2).mean(axis=1))
    if prediction.shape[1] == 2:
        return _row_means((prediction[:, 1] - truth) ** 2)
    missing = prediction.astype(np.float64, copy=True)
    missing[np.arange(len(truth)), truth] -= 1
    return _row_means((missing**2).sum(axis=1))


def _row_means(losses: Floats) -> SummedRows:
    return SummedRows(losses[:, None], lambda totals, rows: totals[:, 0] / rows)


@dataclass(frozen=True)
class _RankedColumn:
    """One class against the rest, rows sorted by the class's probability."""

    order: npt.NDArray[np.intp]  # (N,)
    positive: npt.NDArray[np.bool_]  # (N,), in that order
    ties: npt.NDArray[np.intp]  # where each run of equal probabilities starts

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weights (B, G) of the positive and of the negative rows in each run, the least probable first."""
        ordered = weights[:, self.order]
        positives = np.add.reduceat(ordered * self.positive, self.ties, axis=1)
        return positives, np.add.reduceat(ordered * ~self.positive, self.ties, axis=1)


def _area(positives: Floats, negatives: Floats) -> Floats:
    """Weighted share (B,) of (positive, negative) pairs in the right order, ties counting half."""
    below = np.cumsum(negatives, axis=1) - negatives
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return ratio(right, positives.sum(axis=1) * negatives.sum(axis=1), undefined=np.nan)


def _average_precision(positives: Floats, negatives: Floats) -> Floats:
    """Precision (B,) at each threshold, averaged with the recall that it adds as weight."""
    hits = positives[:, ::-1].cumsum(axis=1)[:, ::-1]
    named = hits + negatives[:, ::-1].cumsum(axis=1)[:, ::-1]
    precision = ratio(hits, named, undefined=0.0)
    return ratio((positives * precision).sum(axis=1), positives.sum(axis=1), undefined=np.nan)


@dataclass(frozen=True)
class _RankedRows:
    """The mean over classes of what `score` makes of each one's (positives, negatives)."""

    columns: tuple[_RankedColumn, ...]
    score: Callable[[Floats, Floats], Floats]

    def scores(self, weights: Floats) -> Floats:
        found = np.stack([self.score(*column.counts(weights)) for column in self.columns])  # (C, B)
        defined = np.isfinite(found)
        total = np.where(defined, found, 0.0).sum(axis=0)
        return ratio(total, defined.sum(axis=0).astype(np.float64), undefined=np.nan)


def roc_auc(truth: Rows, prediction: Rows) -> _RankedRows:
    """Area under the ROC curve of the second of two classes, else the mean one-vs-rest."""
    return _RankedRows(_ranked(truth, prediction), _area)


def average_precision(truth: Rows, prediction: Rows) -> _RankedRows:
    """Average precision of the second of two classes, else the mean over classes that occur."""
    return _RankedRows(_ranked(truth, prediction), _average_precision)


def _ranked(truth: Rows, prediction: Rows) -> tuple[_RankedColumn, ...]:
    if isinstance(truth, csr_array):
        sets = truth.tocsc()
        return tuple(
            _column(sets[:, [index]].toarray()[:, 0], prediction[:, index]) for index in range(truth.shape[1])
        )
    classes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    return tuple(_column(truth == index, prediction[:, index]) for index in classes)


def _column(positive: npt.NDArray[np.bool_], probability: Floats) -> _RankedColumn:
    order = np.argsort(probability, kind="stable")
    steps = np.flatnonzero(np.diff(probability[order])) + 1
    return _RankedColumn(order, positive[order], np.concatenate([[0], steps]))
