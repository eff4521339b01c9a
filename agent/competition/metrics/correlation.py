"""Scorers of how predicted values go with the true ones, (N,) or (N, T) averaged over targets.

Undefined (NaN) where the truth or the prediction of a target does not vary.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Floats, Rows, SummedRows, ratio
from agent.competition.metrics.regression import columns_of


def pearson(truth: Rows, prediction: Rows) -> SummedRows:
    """Pearson's linear correlation."""
    # Shift and scale leave a correlation as it is and keep the sums small; a constant becomes all 0.
    true, guess = (_standardised(columns_of(values)) for values in (truth, prediction))

    def finish(totals: Floats, rows: Floats) -> Floats:
        parts = [part / rows[:, None] for part in np.split(totals, 5, axis=1)]
        mean: Floats = _correlation(*parts).mean(axis=1)
        return mean

    return SummedRows(np.hstack([true, guess, true**2, guess**2, true * guess]), finish)


def _standardised(values: Floats) -> Floats:
    centred = values - np.median(values, axis=0)
    largest = np.abs(centred).max(axis=0)
    return centred / np.where(largest > 0, largest, 1.0)


def _correlation(x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """The correlation from means of x, y and their products, elementwise."""
    spreads = [squares - mean**2 for mean, squares in ((x, xx), (y, yy))]
    varies = (spreads[0] > 1e-14 * xx) & (spreads[1] > 1e-14 * yy)  # below is the subtraction's rounding
    scale = np.sqrt(np.where(varies, spreads[0] * spreads[1], 0.0))
    return np.clip(ratio(xy - x * y, scale, undefined=np.nan), -1.0, 1.0)


@dataclass(frozen=True)
class _Ranks:
    """One column of values, sorted; equal ones share the mean of their ranks."""

    order: npt.NDArray[np.intp]  # (N,)
    ties: npt.NDArray[np.intp]  # where each run of equal values starts
    run_of_row: npt.NDArray[np.intp]  # (N,), the run that each row is in

    @classmethod
    def of(cls, values: Floats) -> "_Ranks":
        order = np.argsort(values, kind="stable")
        ties = np.concatenate([[0], np.flatnonzero(np.diff(values[order])) + 1])
        run_of_row = np.empty(len(values), dtype=np.intp)
        run_of_row[order] = np.repeat(np.arange(len(ties)), np.diff([*ties, len(values)]))
        return cls(order, ties, run_of_row)

    def among(self, weights: Floats) -> Floats:
        """Ranks (B, N), less their mean, where row n is there weights[b, n] times."""
        runs = np.add.reduceat(weights[:, self.order], self.ties, axis=1)
        middles = np.cumsum(runs, axis=1) - runs / 2
        centred: Floats = middles[:, self.run_of_row] - weights.sum(axis=1, keepdims=True) / 2
        return centred


@dataclass(frozen=True)
class _RankCorrelation:
    pairs: tuple[tuple[_Ranks, _Ranks], ...]  # per target

    def scores(self, weights: Floats) -> Floats:
        rows = weights.sum(axis=1)
        found = []
        for true, guess in self.pairs:
            x, y = true.among(weights), guess.among(weights)
            # Both ranks have a mean of 0: the middles of runs balance around the middle of all rows.
            means = [(weights * product).sum(axis=1) / rows for product in (x * x, y * y, x * y)]
            found.append(_correlation(np.zeros_like(rows), np.zeros_like(rows), *means))
        mean: Floats = np.mean(found, axis=0)
        return mean


def spearman(truth: Rows, prediction: Rows) -> _RankCorrelation:
    """Pearson's correlation of the ranks (Spearman, 1904)."""
    true, guess = columns_of(truth), columns_of(prediction)
    return _RankCorrelation(
        tuple((_Ranks.of(true[:, index]), _Ranks.of(guess[:, index])) for index in range(true.shape[1]))
    )
