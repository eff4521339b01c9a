"""The metric type: prediction form, direction, and scores of many resamples at once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from agent.competition.spec import PredictionKind, Task
from agent.core.errors import SetupError

__all__ = [
    "AdditiveScorer",
    "Floats",
    "Metric",
    "PredictionKind",
    "Rows",
    "WeightedScorer",
    "ratio",
    "row_count",
]

Floats = npt.NDArray[np.float64]

# One array per prediction form, with N rows, C classes and T targets:
# label: (N,) int class indices
# label_set: (N, C) bool csr_array
# probability: (N, C) float
# ranking: (N, K) distinct int class indices, best first, padded with -1
# value: (N,) float, or (N, T)
# mask: (N, P) int64 csr_array; the first pixel of each run holds the length of the run, pixels counted from 0
# The truth of probabilities and rankings is a label, or a label set if the task is multilabel.
Rows: TypeAlias = npt.NDArray[Any] | csr_array


class WeightedScorer(Protocol):
    """Scores one pair of truth and prediction under many row weightings."""

    def scores(self, weights: Floats) -> Floats:
        """Return scores (B,) for row weights (B, N); NaN if a weighting leaves the metric undefined."""


@dataclass(frozen=True)
class AdditiveScorer:
    """Scores a metric that depends on sums over rows only, so that all resamples are one matrix product."""

    statistics: Floats | csr_array  # (N, K), contribution of each row
    finish: Callable[[Floats, Floats], Floats]  # totals (B, K), numbers of rows (B,) -> scores (B,)
    # (N, Q) small integers. Rows with equal keys contribute the same, so resampling may merge them.
    keys: npt.NDArray[Any] | None = None

    def scores(self, weights: Floats) -> Floats:
        return self.finish(weights @ self.statistics, weights.sum(axis=1))


@dataclass(frozen=True)
class Metric:
    """A metric with its direction, its tasks and its scorer.

    `get_metric` binds the parameters of a metric to its scorer and its definition.
    """

    name: str
    definition: str  # one sentence for users and planners
    higher_is_better: bool
    prediction_kinds: Mapping[Task, PredictionKind]
    scorer: Callable[..., WeightedScorer]  # takes truth, prediction and unbound parameters by name
    sums_to_one: bool = False  # the probabilities of a row must sum to 1, except for label sets
    binary_only: bool = False  # scores the second of exactly two classes
    parameter_names: tuple[str, ...] = ()  # names of the parameters
    parameters: Mapping[str, float] = field(default_factory=dict)
    best_score: float | None = None  # None: 1 if higher_is_better, else 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of the metric."""
        return tuple(self.prediction_kinds)

    @property
    def best(self) -> float:
        """The score of perfect predictions."""
        return self.best_score if self.best_score is not None else float(self.higher_is_better)

    def prediction_kind(self, task: Task) -> PredictionKind:
        """Return the prediction form for a task; raises SetupError if the metric does not serve the task."""
        if task not in self.prediction_kinds:
            raise SetupError(
                f"The metric '{self.name}' does not serve the task '{task}', only "
                f"{', '.join(self.prediction_kinds)}."
            )
        return self.prediction_kinds[task]

    def score(self, truth: Rows, prediction: Rows) -> float:
        """Return the score over all rows; NaN if undefined, infinite if extreme values overflow.

        Raises:
            ValueError: The numbers of rows differ or are 0.
        """
        every_row_once = np.ones((1, row_count(truth, prediction)))
        with np.errstate(over="ignore"):
            return float(self.scorer(truth, prediction).scores(every_row_once)[0])

    def is_better(self, a: float, b: float) -> bool:
        """Return whether score `a` is strictly better than `b`. A score that is not finite is worst."""
        if not math.isfinite(a):
            return False
        if not math.isfinite(b):
            return True
        return a > b if self.higher_is_better else a < b

    def error(self, score: float) -> float:
        """Return the distance of a score from the best score, for example 1 - score, or the loss itself."""
        return self.best - score if self.higher_is_better else score - self.best


def ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Divide elementwise, with `undefined` for a denominator of 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def row_count(*arrays: Rows) -> int:
    """Return the common number of rows; raises ValueError if the numbers differ or are 0."""
    counts = {int(array.shape[0]) for array in arrays}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f"truth and predictions must have the same number of rows, at least one, not {counts}"
        )
    return counts.pop()
