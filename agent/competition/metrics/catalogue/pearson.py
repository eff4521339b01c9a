"""Pearson's linear correlation."""

import numpy as np

from agent.competition.metrics.correlation import correlation, correlation_source
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext


def pearson(truth: Rows, prediction: Rows) -> AdditiveScorer:
    # A correlation is invariant to shift and scale. Small sums round less, and a constant becomes all 0.
    true, guess = (_standardised(as_columns(values)) for values in (truth, prediction))

    def finish(totals: Floats, rows: Floats) -> Floats:
        parts = [part / rows[:, None] for part in np.split(totals, 5, axis=1)]
        mean: Floats = correlation(*parts).mean(axis=1)
        return mean

    return AdditiveScorer(np.hstack([true, guess, true**2, guess**2, true * guess]), finish)


def _standardised(values: Floats) -> Floats:
    centred = values - np.median(values, axis=0)
    largest = np.abs(centred).max(axis=0)
    return centred / np.where(largest > 0, largest, 1.0)


def source(context: SourceContext) -> MetricSource:
    return correlation_source("pearsonr")


METRIC = Metric(
    name="pearson",
    definition="Pearson's linear correlation, averaged over targets.",
    higher_is_better=True,
    prediction_kinds={"regression": "value"},
    scorer=pearson,
    source=source,
)
