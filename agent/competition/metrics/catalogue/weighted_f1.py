"""Weighted F1 and F-beta: the F score of each class, weighted by the number of its true labels."""

import numpy as np

from agent.competition.metrics.f_scores import label_set_source, label_source, with_beta
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, label_keys, pair_as_sets, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, ratio
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
hits, true = truth.multiply(prediction).sum(axis=0), truth.sum(axis=0)
shares = {gain} * hits / np.maximum({recall}true + prediction.sum(axis=0), 1)
return float(shares @ true / max(true.sum(), 1))"""


def weighted_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    true, predicted = pair_as_sets(truth, prediction)

    def finish(totals: Floats, rows: Floats) -> Floats:
        hits, trues, guesses = np.split(totals, 3, axis=1)
        shares = ratio((1 + beta**2) * hits, beta**2 * trues + guesses, undefined=0.0)
        return ratio((shares * trues).sum(axis=1), trues.sum(axis=1), undefined=0.0)

    statistics = side_by_side(true * predicted, true, predicted)
    return AdditiveScorer(statistics, finish, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    if context.prediction == "label_set":
        return label_set_source(context, _LABEL_SETS)
    return label_source(context, "weighted")


F1 = Metric(
    name="weighted_f1",
    definition="F1 of each class, averaged with the number of its true labels as its weight.",
    higher_is_better=True,
    prediction_kinds={"classification": "label", "multilabel": "label_set"},
    scorer=weighted_f,
    source=source,
    traits=frozenset({"separate_classes"}),
)
F_BETA = with_beta(F1)
