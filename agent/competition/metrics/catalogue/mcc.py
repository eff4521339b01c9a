"""Matthews correlation coefficient."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, label_keys, pair_as_sets, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, ratio
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def matthews_correlation(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Correlation of true and predicted labels as one-hot vectors (Gorodkin, 2004); 0 if one is constant.

    (n c - t.p) / sqrt((n^2 - t.t) (n^2 - p.p)), with n rows, c hits, and the vectors t and p of true and
    predicted rows per class.
    """
    true, predicted = pair_as_sets(truth, prediction)
    hits = (truth == prediction).astype(np.float64)[:, None]

    def finish(totals: Floats, rows: Floats) -> Floats:
        trues, guesses = np.split(totals[:, 1:], 2, axis=1)
        covariance = rows * totals[:, 0] - (trues * guesses).sum(axis=1)
        spreads = [rows**2 - (counts**2).sum(axis=1) for counts in (trues, guesses)]
        return ratio(covariance, np.sqrt(spreads[0] * spreads[1]), undefined=0.0)

    return AdditiveScorer(side_by_side(hits, true, predicted), finish, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    return sklearn_call("matthews_corrcoef")


METRIC = Metric(
    name="mcc",
    definition="Matthews correlation coefficient of true and predicted labels, for any number of classes.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=matthews_correlation,
    source=source,
    traits=frozenset({"rare_classes"}),
)
