"""Micro F1 and F-beta: the F score of all cells of the row-by-class matrix together."""

import numpy as np

from agent.competition.metrics.f_scores import counts_per_row, label_set_source, pooled_f, with_beta
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import SparseRows
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext

_BODY = """\
hits = truth.multiply(prediction).sum()
return float({gain} * hits / max({recall}truth.sum() + prediction.sum(), 1))"""


def micro_f(truth: SparseRows, prediction: SparseRows, beta: float = 1.0) -> AdditiveScorer:
    counts = counts_per_row(truth, prediction)
    return pooled_f(*counts, beta, keys=np.stack(counts, axis=1))


def source(context: SourceContext) -> MetricSource:
    return label_set_source(context, _BODY)


F1 = Metric(
    name="micro_f1",
    definition="F1 pooled over all cells of the row-by-class matrix: 2 TP / (2 TP + FP + FN).",
    higher_is_better=True,
    prediction_kinds={"multilabel": "label_set"},
    scorer=micro_f,
    source=source,
    traits=frozenset({"pooled_cells"}),
)
F_BETA = with_beta(F1)
