"""Parts that the F scores share.

F-beta is (1 + beta^2) TP / (beta^2 (TP + FN) + (TP + FP)) (van Rijsbergen, 1979). Recall counts beta times as
much as precision. As in scikit-learn, F-beta is 0 if nothing is true and nothing predicted.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, SparseRows
from agent.competition.metrics.scorers import AdditiveScorer, ratio
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call


def with_beta(metric: Metric) -> Metric:
    """Return the F-beta variant of an F1 score, with `f_beta` in place of `f1` in all names."""
    return replace(
        metric,
        name=metric.name.replace("f1", "f_beta"),
        definition=metric.definition.replace("F1", "F-beta (beta {beta:g})").split(": ")[0].rstrip(".") + ".",
        alternatives=tuple(name.replace("f1", "f_beta") for name in metric.alternatives),
        parameter_names=("beta",),
    )


def counts_per_row(truth: SparseRows, prediction: SparseRows) -> tuple[Floats, Floats, Floats]:
    """Return the numbers (N,) of hit, true and predicted labels of each row."""
    hits = (truth * prediction).sum(axis=1, dtype=np.float64)
    return hits, truth.sum(axis=1, dtype=np.float64), prediction.sum(axis=1, dtype=np.float64)


def pooled_f(
    hits: Floats, true: Floats, predicted: Floats, beta: float, keys: npt.NDArray[Any] | None
) -> AdditiveScorer:
    """Return the scorer of F-beta from counts (N,) summed over rows."""
    statistics = np.stack([(1 + beta**2) * hits, beta**2 * true + predicted], axis=1)

    def finish(totals: Floats, rows: Floats) -> Floats:
        return ratio(totals[:, 0], totals[:, 1], undefined=0.0)

    return AdditiveScorer(statistics, finish, keys)


def label_source(context: SourceContext, average: str = "") -> MetricSource:
    """Return the code of an F score of labels; `average` is the argument of scikit-learn's functions."""
    beta = context.parameters.get("beta")
    arguments = [f"beta={beta}"] if beta is not None else []
    arguments += [f'average="{average}"'] if average else []
    function = "f1_score" if beta is None else "fbeta_score"
    return sklearn_call(function, ", ".join([*arguments, "zero_division=0"]))


def label_set_source(context: SourceContext, body: str) -> MetricSource:
    """Return the code of an F score of label sets.

    Args:
        context: The competition.
        body: The code with the factors of the F score: `{gain}` of hits, `{recall}` of true labels.
    """
    beta = context.parameters.get("beta")
    gain, recall = ("2", "") if beta is None else (f"(1 + {beta}**2)", f"{beta}**2 * ")
    return MetricSource(body.format(gain=gain, recall=recall))
