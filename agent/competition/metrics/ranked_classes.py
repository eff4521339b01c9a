"""Scorers that rank rows by the probability of each class: ROC AUC and average precision.

The truth is a label (N,) or a label set (N, C). Of two exclusive classes the second is scored; otherwise the
score is an average over classes. The average leaves out a class that is never true and, for AUC, a class that
is always true. Without any class left, the score is undefined (NaN).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.rows import Floats, Rows, is_sparse, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, ratio

_MIN_ROWS = 128  # fewer rows are resampled one by one
# Rows of one side of a class. The mean over fewer rows varies more when their number is drawn too.
_MIN_SIDE = 30


@dataclass(frozen=True)
class RankedClass:
    """One class against the rest, with rows sorted by the probability of the class."""

    order: npt.NDArray[np.intp]  # (N,)
    positive: npt.NDArray[np.bool_]  # (N,), in that order
    run_starts: npt.NDArray[np.intp]  # (G,), start of each run of equal probabilities

    @classmethod
    def from_probabilities(cls, positive: npt.NDArray[np.bool_], probability: Floats) -> "RankedClass":
        order = np.argsort(probability)
        steps = np.flatnonzero(np.diff(probability[order])) + 1
        return cls(order, positive[order], np.concatenate([[0], steps]))

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the weights (B, G) of positive and negative rows in each run, least probable first."""
        ordered = weights[:, self.order]
        both = np.add.reduceat(ordered, self.run_starts, axis=1)
        positives = np.add.reduceat(ordered * self.positive, self.run_starts, axis=1)
        return positives, both - positives

    def sort_back(self, of_positive: Floats, of_negative: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return whether rows (N,) are positive, and their value (N,) from the values (G,) of the runs."""
        lengths = np.diff(self.run_starts, append=len(self.order))
        sides = [np.repeat(values, lengths) for values in (of_negative, of_positive)]
        is_positive, values = np.empty(len(self.order), dtype=np.bool_), np.empty(len(self.order))
        is_positive[self.order] = self.positive
        values[self.order] = np.where(self.positive, sides[1], sides[0])
        return is_positive, values


@dataclass(frozen=True)
class ClassMeanScorer:
    """Averages `score`, a function of (positives, negatives), over classes.

    `influence` takes the numbers (G,) of positive and negative rows in each run. It returns the derivatives
    (G,) of the score by the weight of one positive and of one negative row, times the number of rows.
    """

    classes: tuple[RankedClass, ...]
    score: Callable[[Floats, Floats], Floats]
    influence: Callable[[Floats, Floats], tuple[Floats, Floats]]
    needs_negatives: bool

    def scores(self, weights: Floats) -> Floats:
        scores = np.stack([self.score(*ranked.counts(weights)) for ranked in self.classes])  # (C, B)
        defined = np.isfinite(scores)
        total = np.where(defined, scores, 0.0).sum(axis=0)
        return ratio(total, defined.sum(axis=0).astype(np.float64), undefined=np.nan)

    def linearise(self) -> AdditiveScorer | None:
        """Return the expansion. Few positive or negative rows of a class are no linear effect but a mean."""
        rows = len(self.classes[0].order) if self.classes else 0
        if rows < _MIN_ROWS:
            return None
        total, defined, linear, small = 0.0, 0, np.zeros(rows), list[_SmallSide]()
        for ranked in self.classes:
            positives, negatives = (counts[0] for counts in ranked.counts(np.ones((1, rows))))
            score = float(self.score(positives[None], negatives[None])[0])
            if not np.isfinite(score):
                continue
            total, defined = total + score, defined + 1
            is_positive, effects = ranked.sort_back(*self.influence(positives, negatives))
            for side, drops in ((is_positive, True), (~is_positive, self.needs_negatives)):
                members = np.flatnonzero(side)
                if 0 < len(members) < _MIN_SIDE:
                    small.append(_SmallSide.from_effects(members, effects, score, drops))
            linear += effects
        if not defined:
            return None
        if not small:
            means = (total + linear) / defined
            return AdditiveScorer(means[:, None], lambda totals, count: totals[:, 0] / count, is_mean=True)
        return _with_small_sides(total, defined, linear, small)


@dataclass(frozen=True)
class _SmallSide:
    """The few positive or negative rows of a class. Without any of them the class may be undefined."""

    members: npt.NDArray[np.intp]  # (M,)
    deviations: Floats  # (M,), whose mean over the drawn members changes the score of the class
    score: float
    drops: bool  # the class is undefined without members

    @classmethod
    def from_effects(
        cls, members: npt.NDArray[np.intp], effects: Floats, score: float, drops: bool
    ) -> "_SmallSide":
        """Make the side and leave its mean effect, that of the number of its rows, in `effects` (N,)."""
        own = effects[members]
        mean = own.mean()
        effects[members] = mean
        return cls(members, (own - mean) * len(members) / len(effects), score, drops)


def _with_small_sides(total: float, defined: int, linear: Floats, small: list[_SmallSide]) -> AdditiveScorer:
    """Return the scorer of the mean of `defined` classes, whose scores sum to `total`, and their effects."""
    from scipy.sparse import csr_array

    lengths = [len(side.members) for side in small]
    cells = (np.concatenate([side.members for side in small]), np.repeat(np.arange(len(small)), lengths))
    shape = (len(linear), len(small))
    deviations = csr_array((np.concatenate([side.deviations for side in small]), cells), shape=shape)
    counts = csr_array((np.ones(sum(lengths)), cells), shape=shape)
    scores = np.array([side.score for side in small])
    drops = np.array([side.drops for side in small])

    def finish(totals: Floats, rows: Floats) -> Floats:
        sums, drawn = np.split(totals[:, 1:], 2, axis=1)
        absent = (drawn == 0) & drops
        changes = ratio(sums, drawn, undefined=0.0) - absent * scores
        left = defined - absent.sum(axis=1).astype(np.float64)
        return ratio(total + changes.sum(axis=1) + totals[:, 0] / rows, left, undefined=np.nan)

    return AdditiveScorer(side_by_side(csr_array(linear[:, None]), deviations, counts), finish)


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
