"""Samples F1 and F-beta: the F score of each row's label set, averaged over rows."""

import numpy as np

from agent.competition.metrics.f_scores import counts_per_row, label_set_source, with_beta
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import SparseRows
from agent.competition.metrics.scorers import AdditiveScorer, ratio, row_means
from agent.competition.metrics.source import MetricSource, SourceContext

_BODY = """\
hits = truth.multiply(prediction).sum(axis=1)
named = {recall}truth.sum(axis=1) + prediction.sum(axis=1)
return float(np.mean({gain} * hits / np.maximum(named, 1)))"""


def samples_f(truth: SparseRows, prediction: SparseRows, beta: float = 1.0) -> AdditiveScorer:
    hits, true, predicted = counts_per_row(truth, prediction)
    shares = ratio((1 + beta**2) * hits, beta**2 * true + predicted, undefined=0.0)
    return row_means(shares, keys=np.stack([hits, true, predicted], axis=1))


def source(context: SourceContext) -> MetricSource:
    return label_set_source(context, _BODY)


F1 = Metric(
    name="samples_f1",
    definition="F1 of each row's label set, averaged over rows; 0 for a row where nothing is true or "
    "predicted.",
    higher_is_better=True,
    prediction_kinds={"multilabel": "label_set"},
    scorer=samples_f,
    source=source,
    traits=frozenset({"row_sets"}),
)
F_BETA = with_beta(F1)
