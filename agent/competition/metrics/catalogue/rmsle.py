"""Root mean squared logarithmic error."""

import numpy as np

from agent.competition.metrics.catalogue.rmse import rmse
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer, target_means
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def rmsle(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Root of the mean squared difference of ln(1 + value); NaN if any value is -1 or less."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log1p(as_columns(values)) for values in (truth, prediction)]
    if not all(np.isfinite(log).all() for log in logs):
        return target_means(np.full(logs[0].shape, np.nan))
    return rmse(*logs)


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("root_mean_squared_log_error")


METRIC = Metric(
    name="rmsle",
    definition="Root of the mean squared difference of ln(1 + value), averaged over targets.",
    higher_is_better=False,
    prediction_kinds={"regression": "value"},
    scorer=rmsle,
    source=source,
    traits=frozenset({"log_scale"}),
)
