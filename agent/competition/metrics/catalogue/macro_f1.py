"""Macro F1 and F-beta: the F score of each class, averaged over classes."""

from agent.competition.metrics.f_scores import label_set_source, label_source, with_beta
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, label_keys, pair_as_sets, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, mean_over_classes
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
hits = truth.multiply(prediction).sum(axis=0)
named = {recall}truth.sum(axis=0) + prediction.sum(axis=0)
return float(np.mean({gain} * hits[named > 0] / named[named > 0])) if named.any() else 0.0"""


def macro_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    true, predicted = pair_as_sets(truth, prediction)
    numerators = (1 + beta**2) * (true * predicted)
    statistics = side_by_side(numerators, beta**2 * true + predicted)
    return AdditiveScorer(statistics, mean_over_classes, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    if context.prediction == "label_set":
        return label_set_source(context, _LABEL_SETS)
    return label_source(context, "macro")


F1 = Metric(
    name="macro_f1",
    definition="F1 of each class, averaged over the classes that occur in the truth or the prediction.",
    higher_is_better=True,
    prediction_kinds={"classification": "label", "multilabel": "label_set"},
    scorer=macro_f,
    source=source,
    traits=frozenset({"class_mean", "rare_classes", "separate_classes"}),
)
F_BETA = with_beta(F1)
