"""Mean absolute percentage error, as a share."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer, target_means
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def mape(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean of |error| / |truth|; a truth of 0 counts as float64's epsilon (as in scikit-learn)."""
    true = as_columns(truth)
    sizes = np.maximum(np.abs(true), np.finfo(np.float64).eps)
    return target_means(np.abs(true - as_columns(prediction)) / sizes)


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("mean_absolute_percentage_error")


METRIC = Metric(
    name="mape",
    definition="Mean of the absolute error over the true value, as a share, averaged over targets.",
    higher_is_better=False,
    prediction_kinds={"regression": "value"},
    scorer=mape,
    source=source,
    traits=frozenset({"median"}),
    divides_by_truth=True,
)
