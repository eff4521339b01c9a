"""Quadratic weighted kappa."""

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, label_keys
from agent.competition.metrics.scorers import AdditiveScorer, ratio
from agent.competition.metrics.source import MetricSource, SourceContext

_BODY = """\
ranks = np.arange({n_classes})  # all ranks, so that absent ones keep their distance
return float(cohen_kappa_score(truth, prediction, labels=ranks, weights="quadratic"))"""


def quadratic_weighted_kappa(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Cohen's kappa with weights (i - j)^2 over class indices i, j; undefined (NaN) for a single class.

    Squared weights need no confusion matrix: the chance disagreement of independent margins is
    sum(t^2) + sum(p^2) - 2 sum(t) sum(p) / n.
    """
    true, predicted = truth.astype(np.float64), prediction.astype(np.float64)

    def finish(totals: Floats, rows: Floats) -> Floats:
        disagreement, squares, true_sum, predicted_sum = totals.T
        by_chance = squares - 2 * true_sum * predicted_sum / rows
        return 1.0 - ratio(disagreement, by_chance, undefined=np.nan)

    columns = [(true - predicted) ** 2, true**2 + predicted**2, true, predicted]
    return AdditiveScorer(np.stack(columns, axis=1), finish, label_keys(truth, prediction))


def source(context: SourceContext) -> MetricSource:
    imports = ("from sklearn.metrics import cohen_kappa_score",)
    return MetricSource(_BODY.format(n_classes=context.n_classes), imports)


METRIC = Metric(
    name="qwk",
    definition="Cohen's kappa with quadratic weights over the order of the classes.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=quadratic_weighted_kappa,
    source=source,
    traits=frozenset({"class_order"}),
)
