"""Coefficient of determination."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


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


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("r2_score")


METRIC = Metric(
    name="r2",
    definition="Share of the variance explained, averaged over targets.",
    higher_is_better=True,
    prediction_kinds={"regression": "value"},
    scorer=r2,
    source=source,
)
