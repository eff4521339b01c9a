"""Scorers that rank rows by the probability of each class: ROC AUC and average precision.

The truth is a label (N,) or a label set (N, C). Of two exclusive classes the second is scored; otherwise the
score is an average over classes. The average leaves out a class that is never true and, for AUC, a class that
is always true. Without any class left, the score is undefined (NaN).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.rows import Floats, Rows, is_sparse
from agent.competition.metrics.scorers import ratio


@dataclass(frozen=True)
class RankedClass:
    """One class against the rest, with rows sorted by the probability of the class."""

    order: npt.NDArray[np.intp]  # (N,)
    positive: npt.NDArray[np.bool_]  # (N,), in that order
    run_starts: npt.NDArray[np.intp]  # (G,), start of each run of equal probabilities

    @classmethod
    def from_probabilities(cls, positive: npt.NDArray[np.bool_], probability: Floats) -> "RankedClass":
        order = np.argsort(probability, kind="stable")
        steps = np.flatnonzero(np.diff(probability[order])) + 1
        return cls(order, positive[order], np.concatenate([[0], steps]))

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the weights (B, G) of positive and negative rows in each run, least probable first."""
        ordered = weights[:, self.order]
        positives = np.add.reduceat(ordered * self.positive, self.run_starts, axis=1)
        return positives, np.add.reduceat(ordered * ~self.positive, self.run_starts, axis=1)


@dataclass(frozen=True)
class ClassMeanScorer:
    """Averages `score`, a function of (positives, negatives), over classes."""

    classes: tuple[RankedClass, ...]
    score: Callable[[Floats, Floats], Floats]

    def scores(self, weights: Floats) -> Floats:
        scores = np.stack([self.score(*ranked.counts(weights)) for ranked in self.classes])  # (C, B)
        defined = np.isfinite(scores)
        total = np.where(defined, scores, 0.0).sum(axis=0)
        return ratio(total, defined.sum(axis=0).astype(np.float64), undefined=np.nan)


def rank_classes(truth: Rows, prediction: Rows) -> tuple[RankedClass, ...]:
    """Return the ranked rows of each class to score, for probabilities (N, C)."""
    if is_sparse(truth):
        sets = truth.tocsc()
        return tuple(
            RankedClass.from_probabilities(sets[:, [index]].toarray()[:, 0], prediction[:, index])
            for index in range(truth.shape[1])
        )
    classes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    return tuple(RankedClass.from_probabilities(truth == index, prediction[:, index]) for index in classes)
