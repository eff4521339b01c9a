"""Brier score."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, is_sparse
from agent.competition.metrics.scorers import AdditiveScorer, row_means
from agent.competition.metrics.source import MetricSource, SourceContext

_LABEL_SETS = """\
cells = truth.toarray()
return float(np.mean((prediction - cells) ** 2))"""

_TWO_CLASSES = "return float(np.mean((prediction[:, 1] - truth) ** 2))"

_CLASSES = """\
certain = np.eye(prediction.shape[1])[truth]
return float(np.mean(np.sum((prediction - certain) ** 2, axis=1)))"""


def brier(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Mean squared error of probabilities (Brier, 1950).

    For two classes the error of the second class, otherwise summed over classes; for label sets the mean over
    all cells.
    """
    if is_sparse(truth):
        return row_means(((prediction - truth.toarray()) ** 2).mean(axis=1))
    if prediction.shape[1] == 2:
        return row_means((prediction[:, 1] - truth) ** 2)
    residuals = prediction.astype(np.float64, copy=True)
    residuals[np.arange(len(truth)), truth] -= 1
    return row_means((residuals**2).sum(axis=1))


def source(context: SourceContext) -> MetricSource:
    if context.task == "multilabel":
        return MetricSource(_LABEL_SETS)
    return MetricSource(_TWO_CLASSES if context.n_classes == 2 else _CLASSES)


METRIC = Metric(
    name="brier",
    definition="Mean squared error of the second class's probability, or summed over more than two classes, "
    "or over all cells for label sets.",
    higher_is_better=False,
    prediction_kinds={"classification": "probability", "multilabel": "probability"},
    scorer=brier,
    source=source,
    sums_to_one=True,
)
