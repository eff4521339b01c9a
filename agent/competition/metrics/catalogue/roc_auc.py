"""Area under the ROC curve."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.ranked_classes import ClassMeanScorer, rank_classes
from agent.competition.metrics.rows import Floats, Rows
from agent.competition.metrics.scorers import ratio
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
cells = truth.toarray()
mixed = np.flatnonzero(cells.any(axis=0) & ~cells.all(axis=0))
return float(np.mean([roc_auc_score(cells[:, label], prediction[:, label]) for label in mixed]))"""

_TWO_CLASSES = "return float(roc_auc_score(truth, prediction[:, 1]))"

_CLASSES = """\
present = np.unique(truth)
return float(np.mean([roc_auc_score(truth == label, prediction[:, label]) for label in present]))"""


def roc_auc(truth: Rows, prediction: Rows) -> ClassMeanScorer:
    return ClassMeanScorer(rank_classes(truth, prediction), area_under_curve)


def area_under_curve(positives: Floats, negatives: Floats) -> Floats:
    """Return the weighted share (B,) of (positive, negative) pairs in the right order. Ties count half."""
    below = np.cumsum(negatives, axis=1) - negatives
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return ratio(right, positives.sum(axis=1) * negatives.sum(axis=1), undefined=np.nan)


def source(context: SourceContext) -> MetricSource:
    imports = ("from sklearn.metrics import roc_auc_score",)
    if context.task == "multilabel":
        return MetricSource(_LABEL_SETS, imports)
    return MetricSource(_TWO_CLASSES if context.n_classes == 2 else _CLASSES, imports)


METRIC = Metric(
    name="roc_auc",
    definition="Area under the ROC curve of the second class, or averaged one-vs-rest for more than two "
    "classes and for label sets.",
    higher_is_better=True,
    prediction_kinds={"classification": "probability", "multilabel": "probability"},
    scorer=roc_auc,
    source=source,
)
