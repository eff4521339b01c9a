"""Pinball loss of one quantile."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer, target_means
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def pinball(truth: Rows, prediction: Rows, quantile: float) -> AdditiveScorer:
    """Mean of max(quantile * d, (quantile - 1) * d), with d = truth - prediction (Koenker and Bassett, 1978).

    The quantile of the distribution of the truth minimises the pinball loss.
    """
    gaps = as_columns(truth) - as_columns(prediction)
    return target_means(np.maximum(quantile * gaps, (quantile - 1) * gaps))


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("mean_pinball_loss", f"alpha={context.parameters['quantile']}")


METRIC = Metric(
    name="pinball",
    definition="Pinball loss of the {quantile:g} quantile, averaged over targets.",
    higher_is_better=False,
    prediction_kinds={"regression": "value"},
    scorer=pinball,
    source=source,
    traits=frozenset({"quantile"}),
    parameter_names=("quantile",),
)
