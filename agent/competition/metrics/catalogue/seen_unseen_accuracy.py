"""Mean of the accuracy on rows of known classes and on rows of the novel class."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows
from agent.competition.metrics.scorers import AdditiveScorer, mean_over_classes
from agent.competition.metrics.source import MetricSource, SourceContext

_BODY = """\
unseen = truth == {novel:g}  # the class of all rows whose class no training row has
hits = truth == prediction
return float(np.mean([hits[part].mean() for part in (~unseen, unseen) if part.any()]))"""


def seen_unseen_accuracy(truth: Rows, prediction: Rows, novel: float) -> AdditiveScorer:
    """Return the scorer of class indices (N,); `novel` is the index of the novel class."""
    hits, unseen = truth == prediction, truth == novel
    statistics = np.column_stack([hits & ~unseen, hits & unseen, ~unseen, unseen]).astype(np.float64)
    return AdditiveScorer(statistics, mean_over_classes, statistics.astype(np.int8))


def source(context: SourceContext) -> MetricSource:
    return MetricSource(_BODY.format(**context.parameters))


METRIC = Metric(
    name="seen_unseen_accuracy",
    definition="Mean of the accuracy on rows of known classes and the accuracy on rows of the novel class, "
    "whose index is {novel:g}; a part without rows is left out.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=seen_unseen_accuracy,
    source=source,
    traits=frozenset({"open_set"}),
    parameter_names=("novel",),
)
