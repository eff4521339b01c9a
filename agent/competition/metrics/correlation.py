"""Correlations of predicted and true values (N,), or (N, T) averaged over targets.

Undefined (NaN) if the truth or the prediction of a target is constant.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows, ratio
from agent.competition.metrics.regression import as_columns


def pearson(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Pearson's linear correlation."""
    # A correlation is invariant to shift and scale. Small sums round less, and a constant becomes all 0.
    true, guess = (_standardised(as_columns(values)) for values in (truth, prediction))

    def finish(totals: Floats, rows: Floats) -> Floats:
        parts = [part / rows[:, None] for part in np.split(totals, 5, axis=1)]
        mean: Floats = _correlation(*parts).mean(axis=1)
        return mean

    return AdditiveScorer(np.hstack([true, guess, true**2, guess**2, true * guess]), finish)


def _standardised(values: Floats) -> Floats:
    centred = values - np.median(values, axis=0)
    largest = np.abs(centred).max(axis=0)
    return centred / np.where(largest > 0, largest, 1.0)


def _correlation(x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return the correlation from the means of x, y and their products, elementwise."""
    spreads = [squares - mean**2 for mean, squares in ((x, xx), (y, yy))]
    varies = (spreads[0] > 1e-14 * xx) & (spreads[1] > 1e-14 * yy)  # less is rounding of the subtraction
    scale = np.sqrt(np.where(varies, spreads[0] * spreads[1], 0.0))
    return np.clip(ratio(xy - x * y, scale, undefined=np.nan), -1.0, 1.0)


@dataclass(frozen=True)
class _Ranks:
    """The ranks of one column of values. Equal values share their mean rank."""

    order: npt.NDArray[np.intp]  # (N,)
    run_starts: npt.NDArray[np.intp]  # (G,), start of each run of equal values
    run_of_row: npt.NDArray[np.intp]  # (N,), index of the run of each row

    @classmethod
    def from_values(cls, values: Floats) -> "_Ranks":
        order = np.argsort(values, kind="stable")
        ties = np.concatenate([[0], np.flatnonzero(np.diff(values[order])) + 1])
        run_of_row = np.empty(len(values), dtype=np.intp)
        run_of_row[order] = np.repeat(np.arange(len(ties)), np.diff([*ties, len(values)]))
        return cls(order, ties, run_of_row)

    def centred_ranks(self, weights: Floats) -> Floats:
        """Return ranks (B, N) minus their mean, with row n repeated weights[b, n] times."""
        runs = np.add.reduceat(weights[:, self.order], self.run_starts, axis=1)
        mean_ranks = np.cumsum(runs, axis=1) - runs / 2
        centred: Floats = mean_ranks[:, self.run_of_row] - weights.sum(axis=1, keepdims=True) / 2
        return centred


@dataclass(frozen=True)
class _RankCorrelation:
    pairs: tuple[tuple[_Ranks, _Ranks], ...]  # per target

    def scores(self, weights: Floats) -> Floats:
        rows = weights.sum(axis=1)
        found = []
        for true, guess in self.pairs:
            x, y = true.centred_ranks(weights), guess.centred_ranks(weights)
            # Both centred ranks have mean 0.
            means = [(weights * product).sum(axis=1) / rows for product in (x * x, y * y, x * y)]
            found.append(_correlation(np.zeros_like(rows), np.zeros_like(rows), *means))
        mean: Floats = np.mean(found, axis=0)
        return mean


def spearman(truth: Rows, prediction: Rows) -> _RankCorrelation:
    """Pearson's correlation of the ranks (Spearman, 1904)."""
    true, guess = as_columns(truth), as_columns(prediction)
    return _RankCorrelation(
        tuple(
            (_Ranks.from_values(true[:, index]), _Ranks.from_values(guess[:, index]))
            for index in range(true.shape[1])
        )
    )
