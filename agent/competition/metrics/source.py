"""The code of a metric that templates write into repositories."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.competition.spec import PredictionKind, Task


@dataclass(frozen=True)
class SourceContext:
    """The properties of a competition that the code of a metric may depend on."""

    task: Task
    prediction: PredictionKind
    n_classes: int | None
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class MetricSource:
    """The body of `score(truth, prediction)` in a repository, with the imports of the body.

    The arrays have the forms of `rows`. The repository imports numpy as `np` and, in multilabel tasks,
    `csr_array`. The body may use scikit-learn and scipy, and must return a `float`.
    """

    body: str  # without indent; the last line returns the score
    imports: tuple[str, ...] = ()  # whole import lines, sorted
    # Body of `scores_of_means(truth, means)`: the scores (P,) of raw outputs (P, N, K), which an ensemble
    # compares; "" without one.
    of_means: str = ""
    of_means_imports: tuple[str, ...] = ()


def sklearn_call(function: str, arguments: str = "", of_means: str = "") -> MetricSource:
    """Return the code that calls a function of sklearn.metrics.

    Args:
        function: The name of the function.
        arguments: The arguments after truth and prediction, for example `zero_division=0`.
        of_means: The body that scores many outputs at once.
    """
    given = f"truth, prediction, {arguments}" if arguments else "truth, prediction"
    imports = (f"from sklearn.metrics import {function}",)
    return MetricSource(f"return float({function}({given}))", imports, of_means)
