"""F1 and F-beta of the second of two classes."""

import numpy as np

from agent.competition.metrics.f_scores import label_source, pooled_f, with_beta
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, label_keys
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext


def binary_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    true, predicted = (truth == 1).astype(np.float64), (prediction == 1).astype(np.float64)
    return pooled_f(true * predicted, true, predicted, beta, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    return label_source(context)


F1 = Metric(
    name="f1",
    definition="F1 of the second of two classes.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=binary_f,
    source=source,
    traits=frozenset({"rare_classes"}),
    binary_only=True,
    alternatives=("macro_f1", "weighted_f1"),
)
F_BETA = with_beta(F1)
