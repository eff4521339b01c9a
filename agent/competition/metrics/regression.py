"""Scorers of predicted values (N,) or (N, T). Several targets are averaged with equal weight."""

import numpy as np

from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows


def as_columns(values: Rows) -> Floats:
    """Return values as float64 (N, T)."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def rmse(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Root of the mean squared error."""
    squares = (as_columns(truth) - as_columns(prediction)) ** 2
    return AdditiveScorer(squares, lambda totals, rows: np.sqrt(totals / rows[:, None]).mean(axis=1))


def rmsle(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Root of the mean squared difference of ln(1 + value); NaN if any value is -1 or less."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log1p(as_columns(values)) for values in (truth, prediction)]
    if not all(np.isfinite(log).all() for log in logs):
        return _means(np.full(logs[0].shape, np.nan))
    return rmse(*logs)


def mae(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean absolute error."""
    return _means(np.abs(as_columns(truth) - as_columns(prediction)))


def mape(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean of |error| / |truth|, a share; a truth of 0 counts as float64's epsilon (as in scikit-learn)."""
    true = as_columns(truth)
    return _means(np.abs(true - as_columns(prediction)) / np.maximum(np.abs(true), np.finfo(np.float64).eps))


def pinball(truth: Rows, prediction: Rows, quantile: float) -> AdditiveScorer:
    """Mean of max(quantile * d, (quantile - 1) * d), with d = truth - prediction (Koenker and Bassett, 1978).

    The quantile of the distribution of the truth minimises the pinball loss.
    """
    gaps = as_columns(truth) - as_columns(prediction)
    return _means(np.maximum(quantile * gaps, (quantile - 1) * gaps))


def _means(losses: Floats) -> AdditiveScorer:
    """Return the scorer of losses (N, T), averaged over rows, then over targets."""
    return AdditiveScorer(losses, lambda totals, rows: (totals / rows[:, None]).mean(axis=1))


def r2(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Share of the variance explained; for a constant truth 1 if every row is right, else 0.

    scikit-learn has the same convention.
    """
    true = as_columns(truth)
    # R2 is invariant to a shift. Small squares round less, and the median of a constant is exact.
    shifted = true - np.median(true, axis=0)
    residuals = true - as_columns(prediction)

    def finish(totals: Floats, rows: Floats) -> Floats:
        unexplained, squares, sums = np.split(totals, 3, axis=1)
        variation = squares - sums**2 / rows[:, None]
        constant = variation <= 1e-12 * squares  # less is rounding of the subtraction
        explained = 1.0 - unexplained / np.where(constant, 1.0, variation)
        shares: Floats = np.where(constant, (unexplained == 0).astype(np.float64), explained)
        mean: Floats = shares.mean(axis=1)
        return mean

    return AdditiveScorer(np.hstack([residuals**2, shifted**2, shifted]), finish)
