"""Scorers: the score of one pair of truth and prediction under many row weightings at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.rows import Floats, SparseRows


class WeightedScorer(Protocol):
    """Scores one pair of truth and prediction under many row weightings."""

    def scores(self, weights: Floats) -> Floats:
        """Return scores (B,) for row weights (B, N); NaN if a weighting leaves the metric undefined."""


def score_every_row_once(scorer: WeightedScorer, rows: int) -> float:
    """Return the score over all rows; NaN if undefined, infinite if extreme values overflow."""
    with np.errstate(over="ignore"):
        return float(scorer.scores(np.ones((1, rows)))[0])


@dataclass(frozen=True)
class AdditiveScorer:
    """Scores a metric that depends on sums over rows only, so that all resamples are one matrix product."""

    statistics: "Floats | SparseRows"  # (N, K), contribution of each row
    finish: Callable[[Floats, Floats], Floats]  # totals (B, K), numbers of rows (B,) -> scores (B,)
    # (N, Q) small integers. Rows with equal keys contribute the same, so resampling may merge them.
    keys: npt.NDArray[Any] | None = None
    is_mean: bool = False  # the score is the mean over rows and columns of dense statistics

    def scores(self, weights: Floats) -> Floats:
        return self.finish(weights @ self.statistics, weights.sum(axis=1))


@runtime_checkable
class LinearisableScorer(WeightedScorer, Protocol):
    """Scores a metric of ranks, whose dependence on the row weights has a known derivative."""

    def linearise(self) -> AdditiveScorer | None:
        """Return the scorer of the first-order expansion around every row once; None if it is too coarse."""


def row_means(scores: Floats, keys: npt.NDArray[Any] | None = None) -> AdditiveScorer:
    """Return the scorer of a metric that averages a score (N,) per row."""
    return AdditiveScorer(scores[:, None], lambda totals, rows: totals[:, 0] / rows, keys, is_mean=True)


def target_means(losses: Floats) -> AdditiveScorer:
    """Return the scorer of losses (N, T), averaged over rows, then over targets."""
    return AdditiveScorer(losses, lambda totals, rows: (totals / rows[:, None]).mean(axis=1), is_mean=True)


def mean_over_classes(totals: Floats, rows: Floats) -> Floats:
    """Average ratios over classes, from totals (B, 2C) of numerators, then denominators.

    Classes with a denominator of 0 are left out.
    """
    numerators, denominators = np.split(totals, 2, axis=1)
    shares = ratio(numerators, denominators, undefined=0.0)
    return ratio(shares.sum(axis=1), (denominators != 0).sum(axis=1).astype(np.float64), undefined=0.0)


def ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Divide elementwise, with `undefined` for a denominator of 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
