"""Mean absolute error."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer, target_means
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call

_OF_MEANS = """\
return np.abs(means.astype(np.float64) - truth.reshape(len(truth), -1)).mean(axis=(1, 2))"""


def mae(truth: Rows, prediction: Rows) -> AdditiveScorer:
    return target_means(np.abs(as_columns(truth) - as_columns(prediction)))


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("mean_absolute_error", of_means=_OF_MEANS)


METRIC = Metric(
    name="mae",
    definition="Mean absolute error, averaged over targets.",
    higher_is_better=False,
    prediction_kinds={"regression": "value"},
    scorer=mae,
    source=source,
    traits=frozenset({"median"}),
)
