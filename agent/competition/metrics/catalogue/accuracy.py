"""Accuracy."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows
from agent.competition.metrics.scorers import AdditiveScorer, row_means
from agent.competition.metrics.source import MetricSource, SourceContext


def accuracy(truth: Rows, prediction: Rows) -> AdditiveScorer:
    hits = (truth == prediction).astype(np.float64)
    return row_means(hits, keys=hits[:, None])


def source(context: SourceContext) -> MetricSource:
    return MetricSource("return float(np.mean(truth == prediction))")


METRIC = Metric(
    name="accuracy",
    definition="Share of rows whose predicted label is the true one.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=accuracy,
    source=source,
)
