"""Scorers of predicted values, (N,) or (N, T); several targets are averaged with equal weight."""

import numpy as np

from agent.competition.metrics.metric import Floats, Rows, SummedRows


def columns_of(values: Rows) -> Floats:
    """Values as float64 (N, T)."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def rmse(truth: Rows, prediction: Rows) -> SummedRows:
    """Root of the mean squared error."""
    squares = (columns_of(truth) - columns_of(prediction)) ** 2
    return SummedRows(squares, lambda totals, rows: np.sqrt(totals / rows[:, None]).mean(axis=1))


def rmsle(truth: Rows, prediction: Rows) -> SummedRows:
    """Root of the mean squared difference of ln(1 + value); NaN where a value is -1 or less."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log1p(columns_of(values)) for values in (truth, prediction)]
    if not all(np.isfinite(log).all() for log in logs):
        return _means(np.full(logs[0].shape, np.nan))
    return rmse(*logs)


def mae(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean absolute error."""
    return _means(np.abs(columns_of(truth) - columns_of(prediction)))


def mape(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean of |error| / |truth|, a share; a truth of 0 counts as float64's epsilon (as in scikit-learn)."""
    true = columns_of(truth)
    return _means(np.abs(true - columns_of(prediction)) / np.maximum(np.abs(true), np.finfo(np.float64).eps))


def pinball(truth: Rows, prediction: Rows, quantile: float) -> SummedRows:
    """Mean of quantile * (truth - prediction) where that is positive, else (1 - quantile) * its size.

    The quantile of the truth's distribution minimises it (Koenker and Bassett, 1978).
    """
    gaps = columns_of(truth) - columns_of(prediction)
    return _means(np.maximum(quantile * gaps, (quantile - 1) * gaps))


def _means(losses: Floats) -> SummedRows:
    """The mean of losses (N, T) over rows, then over targets."""
    return SummedRows(losses, lambda totals, rows: (totals / rows[:, None]).mean(axis=1))


def r2(truth: Rows, prediction: Rows) -> SummedRows:
    """Share of variance explained; for a constant truth 1 if all is right, else 0 (as in scikit-learn)."""
    true = columns_of(truth)
    # A shift leaves R2 as it is and keeps the sums of squares small; of a constant, only the median is exact.
    shifted = true - np.median(true, axis=0)
    residuals = true - columns_of(prediction)

    def finish(totals: Floats, rows: Floats) -> Floats:
        unexplained, squares, sums = np.split(totals, 3, axis=1)
        variation = squares - sums**2 / rows[:, None]
        constant = variation <= 1e-12 * squares  # rounding of the subtraction, no variation
        explained = 1.0 - unexplained / np.where(constant, 1.0, variation)
        shares: Floats = np.where(constant, (unexplained == 0).astype(np.float64), explained)
        mean: Floats = shares.mean(axis=1)
        return mean

    return SummedRows(np.hstack([residuals**2, shifted**2, shifted]), finish)
