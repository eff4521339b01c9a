"""Logarithmic loss."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, is_sparse
from agent.competition.metrics.scorers import AdditiveScorer, row_means
from agent.competition.metrics.source import MetricSource, SourceContext

_EPSILON = float(np.finfo(np.float64).eps)

_LABEL_SETS = """\
cells = truth.toarray()
chosen = np.where(cells, prediction, 1 - prediction)
smallest = np.finfo(np.float64).eps
return float(-np.log(np.clip(chosen, smallest, 1 - smallest)).mean())"""

_LABELS = "return float(log_loss(truth, prediction, labels=np.arange(prediction.shape[1])))"


_LABELS_OF_MEANS = """\
probability = means[:, np.arange(len(truth)), truth].astype(np.float64)
smallest = np.finfo(np.float64).eps
return -np.log(np.clip(probability, smallest, 1 - smallest)).mean(axis=1)"""


def log_loss(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean of -ln of the true class's probability, clipped to [eps, 1 - eps] of float64.

    For label sets, the mean over all cells of the -ln of the probability of the true cell value.
    """
    if is_sparse(truth):
        chosen = np.where(truth.toarray(), prediction, 1 - prediction)
    else:
        chosen = prediction[np.arange(len(truth)), truth].astype(np.float64)[:, None]
    return row_means(-np.log(np.clip(chosen, _EPSILON, 1 - _EPSILON)).mean(axis=1))


def source(context: SourceContext) -> MetricSource:
    if context.task == "multilabel":
        return MetricSource(_LABEL_SETS)
    return MetricSource(_LABELS, ("from sklearn.metrics import log_loss",), _LABELS_OF_MEANS)


METRIC = Metric(
    name="log_loss",
    definition="Mean of -ln of the probability given to the true class, or over all cells for label sets.",
    higher_is_better=False,
    prediction_kinds={"classification": "probability", "multilabel": "probability"},
    scorer=log_loss,
    source=source,
    sums_to_one=True,
)
