"""Mean average precision of the first k labels."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rankings import find_hits
from agent.competition.metrics.rows import Rows
from agent.competition.metrics.scorers import AdditiveScorer, ratio, row_means
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
hits = np.take_along_axis(truth.toarray(), prediction, axis=1)
possible = np.minimum(truth.sum(axis=1), {k})
precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
return float(np.mean((hits * precision).sum(axis=1) / np.maximum(possible, 1)))"""

_LABELS = """\
places = np.arange(1, prediction.shape[1] + 1)
return float(np.mean(((prediction == truth[:, None]) / places).sum(axis=1)))"""


def map_at_k(truth: Rows, prediction: Rows, k: int) -> AdditiveScorer:
    """Average precision at k, averaged over rows; 0 for a row without a true label.

    For each row: the precision of the list up to each hit, summed and divided by the smaller of k and the
    number of true labels.
    """
    hits, relevant = find_hits(truth, prediction[:, :k])
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return row_means(ratio((hits * precision).sum(axis=1), np.minimum(relevant, k), undefined=0.0))


def source(context: SourceContext) -> MetricSource:
    return MetricSource(_LABEL_SETS.format(**context.parameters) if context.task == "multilabel" else _LABELS)


METRIC = Metric(
    name="map_at_k",
    definition="Mean over rows of the average precision of the {k} labels named first.",
    higher_is_better=True,
    prediction_kinds={"classification": "ranking", "multilabel": "ranking"},
    scorer=map_at_k,
    source=source,
    parameter_names=("k",),
)
