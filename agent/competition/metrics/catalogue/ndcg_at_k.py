"""Normalised discounted cumulative gain of the first k labels."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rankings import find_hits
from agent.competition.metrics.rows import Rows
from agent.competition.metrics.scorers import AdditiveScorer, ratio, row_means
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
hits = np.take_along_axis(truth.toarray(), prediction, axis=1)
possible = np.minimum(truth.sum(axis=1), {k})
gains = 1 / np.log2(np.arange(2, {end}))
best = np.cumsum(gains)[np.maximum(possible, 1) - 1]
return float(np.mean(hits @ gains[: hits.shape[1]] / best))"""

_LABELS = """\
places = np.arange(1, prediction.shape[1] + 1)
return float(np.mean(((prediction == truth[:, None]) / np.log2(places + 1)).sum(axis=1)))"""


def ndcg_at_k(truth: Rows, prediction: Rows, k: int) -> AdditiveScorer:
    """Discounted cumulative gain of the hits over the best possible one (Jarvelin and Kekalainen, 2002).

    A hit at place i, counted from 1, gains 1 / log2(i + 1). A row without a true label scores 0.
    """
    hits, relevant = find_hits(truth, prediction[:, :k])
    gains = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], gains.cumsum()])[np.minimum(relevant, k).astype(np.intp)]
    return row_means(ratio(hits @ gains[: hits.shape[1]], best, undefined=0.0))


def source(context: SourceContext) -> MetricSource:
    if context.task != "multilabel":
        return MetricSource(_LABELS)
    k = int(context.parameters["k"])
    return MetricSource(_LABEL_SETS.format(k=k, end=k + 2))


METRIC = Metric(
    name="ndcg_at_k",
    definition="Mean over rows of the normalised discounted cumulative gain of the {k} labels named first.",
    higher_is_better=True,
    prediction_kinds={"classification": "ranking", "multilabel": "ranking"},
    scorer=ndcg_at_k,
    source=source,
    parameter_names=("k",),
)
