"""Micro F1 over the classes that occur in the answers.

MLE-bench grades iMet-2020-FGVC7 like this, because it fits its label binariser on the answers.
"""

import numpy as np

from agent.competition.metrics.catalogue.micro_f1 import micro_f
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import SparseRows
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext

_BODY = """\
answered = np.flatnonzero(truth.sum(axis=0))
hits = truth.multiply(prediction).sum()
return float(2 * hits / max(truth.sum() + prediction[:, answered].sum(), 1))"""


def micro_f1_answer_classes(truth: SparseRows, prediction: SparseRows) -> AdditiveScorer:
    """Micro F1 over the classes that occur in the truth. Resamples keep the classes of the whole truth."""
    answered = np.unique(truth.indices[truth.data])
    return micro_f(truth[:, answered], prediction[:, answered])


def source(context: SourceContext) -> MetricSource:
    return MetricSource(_BODY)


METRIC = Metric(
    name="micro_f1_answer_classes",
    definition="Micro F1 over the classes that occur in the answers: predicting a label that no answer has "
    "is free (MLE-bench's rule for iMet-2020).",
    higher_is_better=True,
    prediction_kinds={"multilabel": "label_set"},
    scorer=micro_f1_answer_classes,
    source=source,
    traits=frozenset({"answer_classes", "pooled_cells"}),
)
