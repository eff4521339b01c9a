"""Average precision."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.ranked_classes import ClassMeanScorer, rank_classes
from agent.competition.metrics.rows import Floats, Rows
from agent.competition.metrics.scorers import ratio
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
cells = truth.toarray()
present = np.flatnonzero(cells.any(axis=0))
each = [average_precision_score(cells[:, label], prediction[:, label]) for label in present]
return float(np.mean(each))"""

_TWO_CLASSES = "return float(average_precision_score(truth, prediction[:, 1]))"

_CLASSES = """\
present = np.unique(truth)
each = [average_precision_score(truth == label, prediction[:, label]) for label in present]
return float(np.mean(each))"""


def average_precision(truth: Rows, prediction: Rows) -> ClassMeanScorer:
    classes = rank_classes(truth, prediction)
    return ClassMeanScorer(classes, mean_precision, precision_influence, needs_negatives=False)


def mean_precision(positives: Floats, negatives: Floats) -> Floats:
    """Return the mean precision (B,) over thresholds, weighted by the recall that each threshold adds."""
    hits = positives[:, ::-1].cumsum(axis=1)[:, ::-1]
    predicted = hits + negatives[:, ::-1].cumsum(axis=1)[:, ::-1]
    precision = ratio(hits, predicted, undefined=0.0)
    return ratio((positives * precision).sum(axis=1), positives.sum(axis=1), undefined=np.nan)


def precision_influence(positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Return the influence (G,) of one positive and of one negative row.

    A row counts by its own precision, if it is positive, and by the precision of all thresholds at or below
    its probability.
    """
    hits = positives[::-1].cumsum()[::-1]
    predicted = hits + negatives[::-1].cumsum()[::-1]
    true = positives.sum()
    precision = hits / predicted
    gains = np.cumsum(positives / predicted)
    losses = np.cumsum(positives * precision / predicted)
    average = (positives * precision).sum() / true
    share = true / (true + negatives.sum())
    return (precision - average + gains - losses) / share, -losses / share


def source(context: SourceContext) -> MetricSource:
    imports = ("from sklearn.metrics import average_precision_score",)
    if context.task == "multilabel":
        return MetricSource(_LABEL_SETS, imports)
    return MetricSource(_TWO_CLASSES if context.n_classes == 2 else _CLASSES, imports)


METRIC = Metric(
    name="average_precision",
    definition="Average precision of the second class, or its mean over the classes that occur in the truth "
    "for more than two classes and for label sets.",
    higher_is_better=True,
    prediction_kinds={"classification": "probability", "multilabel": "probability"},
    scorer=average_precision,
    source=source,
)
