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


# The Mann-Whitney statistic; equal outputs share their mean rank.
_TWO_CLASSES_OF_MEANS = """\
positive = truth == 1
number = positive.sum()
ranks = rankdata(means[:, :, 1], axis=1)[:, positive].sum(axis=1)
return (ranks - number * (number + 1) / 2) / (number * (len(truth) - number))"""


def roc_auc(truth: Rows, prediction: Rows) -> ClassMeanScorer:
    classes = rank_classes(truth, prediction)
    return ClassMeanScorer(classes, area_under_curve, placement_values, needs_negatives=True)


def area_under_curve(positives: Floats, negatives: Floats) -> Floats:
    """Return the weighted share (B,) of (positive, negative) pairs in the right order. Ties count half."""
    below = np.cumsum(negatives, axis=1) - negatives
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return ratio(right, positives.sum(axis=1) * negatives.sum(axis=1), undefined=np.nan)


def placement_values(positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Return the influence (G,) of one positive and of one negative row (DeLong et al., 1988).

    The placement value of a row is the share of rows of the other side that it is in the right order with.
    """
    true, false = positives.sum(), negatives.sum()
    of_positive = (np.cumsum(negatives) - negatives / 2) / false
    of_negative = 1 - (np.cumsum(positives) - positives / 2) / true
    area = (positives * of_positive).sum() / true
    rows = true + false
    return (of_positive - area) * rows / true, (of_negative - area) * rows / false


def source(context: SourceContext) -> MetricSource:
    imports = ("from sklearn.metrics import roc_auc_score",)
    if context.task == "multilabel":
        return MetricSource(_LABEL_SETS, imports)
    if context.n_classes == 2:
        ranks = ("from scipy.stats import rankdata",)
        return MetricSource(_TWO_CLASSES, imports, _TWO_CLASSES_OF_MEANS, ranks)
    return MetricSource(_CLASSES, imports)


METRIC = Metric(
    name="roc_auc",
    definition="Area under the ROC curve of the second class, or averaged one-vs-rest for more than two "
    "classes and for label sets.",
    higher_is_better=True,
    prediction_kinds={"classification": "probability", "multilabel": "probability"},
    scorer=roc_auc,
    source=source,
)
