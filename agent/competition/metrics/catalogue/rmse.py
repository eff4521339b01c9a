"""Root mean squared error."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call

_OF_MEANS = """\
errors = means.astype(np.float64) - truth.reshape(len(truth), -1)
return np.sqrt(np.square(errors).mean(axis=1)).mean(axis=1)"""


def rmse(truth: Rows, prediction: Rows) -> AdditiveScorer:
    squares = (as_columns(truth) - as_columns(prediction)) ** 2
    return AdditiveScorer(squares, lambda totals, rows: np.sqrt(totals / rows[:, None]).mean(axis=1))


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("root_mean_squared_error", of_means=_OF_MEANS)


METRIC = Metric(
    name="rmse",
    definition="Root of the mean squared error, averaged over targets.",
    higher_is_better=False,
    prediction_kinds={"regression": "value"},
    scorer=rmse,
    source=source,
)
