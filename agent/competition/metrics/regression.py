"""Scorers of predicted values, (N,) or (N, T); several targets are averaged with equal weight."""

import numpy as np

from agent.competition.metrics.metric import Floats, Rows, SummedRows


def _columns(values: Rows) -> Floats:
    """Values as float64 (N, T)."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def rmse(truth: Rows, prediction: Rows) -> SummedRows:
    """Root of the mean squared error."""
    squares = (_columns(truth) - _columns(prediction)) ** 2
    return SummedRows(squares, lambda totals, rows: np.sqrt(totals / rows[:, None]).mean(axis=1))


def mae(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean absolute error."""
    distances = np.abs(_columns(truth) - _columns(prediction))
    return SummedRows(distances, lambda totals, rows: (totals / rows[:, None]).mean(axis=1))


def r2(truth: Rows, prediction: Rows) -> SummedRows:
    """Share of variance explained; for a constant truth 1 if all is right, else 0 (as in scikit-learn)."""
    true = _columns(truth)
    # A shift leaves R2 as it is and keeps the sums of squares small; of a constant, only the median is exact.
    shifted = true - np.median(true, axis=0)
    residuals = true - _columns(prediction)

    def finish(totals: Floats, rows: Floats) -> Floats:
        unexplained, squares, sums = np.split(totals, 3, axis=1)
        variation = squares - sums**2 / rows[:, None]
        constant = variation <= 1e-12 * squares  # rounding of the subtraction, no variation
        explained = 1.0 - unexplained / np.where(constant, 1.0, variation)
        shares: Floats = np.where(constant, (unexplained == 0).astype(np.float64), explained)
        mean: Floats = shares.mean(axis=1)
        return mean

    return SummedRows(np.hstack([residuals**2, shifted**2, shifted]), finish)
