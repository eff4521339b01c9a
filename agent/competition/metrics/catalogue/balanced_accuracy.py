"""Balanced accuracy."""

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, label_keys, pair_as_sets, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, mean_over_classes
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def balanced_accuracy(truth: Rows, prediction: Rows) -> AdditiveScorer:
    true, predicted = pair_as_sets(truth, prediction)
    statistics = side_by_side(true * predicted, true)
    return AdditiveScorer(statistics, mean_over_classes, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("balanced_accuracy_score")


METRIC = Metric(
    name="balanced_accuracy",
    definition="Recall of each class, averaged over the classes that occur in the truth.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=balanced_accuracy,
    source=source,
    traits=frozenset({"class_mean", "mean_recall", "rare_classes"}),
)
