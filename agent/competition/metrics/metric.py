"""What a metric is: its form of prediction, its direction, and scores of many resamples at once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from agent.competition.spec import PredictionKind, Task
from agent.errors import SetupError

__all__ = ["Floats", "Metric", "PredictionKind", "Rows", "SummedRows", "WeightedScorer", "ratio", "row_count"]

Floats = npt.NDArray[np.float64]

# label: (N,) int class indices; label_set: (N, C) bool csr_array; probability: (N, C) float; ranking: (N, K)
# int class indices, best first and different, -1 behind the last; value: (N,) float, or (N, T) for T targets.
# mask: (N, P) int64 csr_array, where a run of pixels begins its length, pixels counted from 0.
# The truth of probabilities and rankings is a label, or a label set where the task is multilabel.
Rows: TypeAlias = npt.NDArray[Any] | csr_array


class WeightedScorer(Protocol):
    """One pair of truth and prediction, ready to be scored under many weightings of its rows."""

    def scores(self, weights: Floats) -> Floats:
        """Scores (B,) for the row weights (B, N); NaN where a weighting leaves the metric undefined."""


@dataclass(frozen=True)
class SummedRows:
    """A metric that depends on its rows only through sums: all resamples are one matrix product."""

    statistics: Floats | csr_array  # (N, K), what each row contributes
    finish: Callable[[Floats, Floats], Floats]  # totals (B, K), numbers of rows (B,) -> scores (B,)
    # (N, Q) small integers: rows with equal keys contribute the same, so that resampling may merge them.
    keys: npt.NDArray[Any] | None = None

    def scores(self, weights: Floats) -> Floats:
        return self.finish(weights @ self.statistics, weights.sum(axis=1))


@dataclass(frozen=True)
class Metric:
    """A competition's metric; its best value is 1 with `higher_is_better`, else 0, or `best_score` if given.

    `get_metric` binds the parameters that a metric needs to its scorer and its definition.
    """

    name: str
    definition: str  # one sentence for users and planners
    higher_is_better: bool
    kinds: Mapping[Task, PredictionKind]
    scorer: Callable[..., WeightedScorer]  # of (truth, prediction) and, until bound, the parameters by name
    sums_to_one: bool = False  # the probabilities of a row must be a distribution, unless labels come in sets
    two_classes: bool = False  # whether it is about the second of exactly two classes
    needs: tuple[str, ...] = ()  # names of its parameters
    parameters: Mapping[str, float] = field(default_factory=dict)
    best_score: float | None = None  # where it is neither 1 nor 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that the metric serves."""
        return tuple(self.kinds)

    @property
    def best(self) -> float:
        """The score of perfect predictions."""
        return self.best_score if self.best_score is not None else float(self.higher_is_better)

    def prediction_kind(self, task: Task) -> PredictionKind:
        """The form of prediction that the metric needs; SetupError for a task that it does not serve."""
        if task not in self.kinds:
            raise SetupError(
                f"The metric '{self.name}' does not serve the task '{task}', only {', '.join(self.kinds)}."
            )
        return self.kinds[task]

    def score(self, truth: Rows, prediction: Rows) -> float:
        """The metric over all rows; NaN where undefined, infinite where absurd values overflow.

        Raises:
            ValueError: the numbers of rows differ or are 0.
        """
        every_row_once = np.ones((1, row_count(truth, prediction)))
        with np.errstate(over="ignore"):
            return float(self.scorer(truth, prediction).scores(every_row_once)[0])

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` is strictly better than `b`; a score that is not finite is worst."""
        if not math.isfinite(a):
            return False
        if not math.isfinite(b):
            return True
        return a > b if self.higher_is_better else a < b

    def error(self, score: float) -> float:
        """How far a score is from the best one, 0 at best: 1 - score, or the loss itself."""
        return self.best - score if self.higher_is_better else score - self.best


def ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Elementwise division, with `undefined` where the denominator is 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def row_count(*arrays: Rows) -> int:
    """The number of rows that all arrays share; raises ValueError if they differ or there are none."""
    counts = {int(array.shape[0]) for array in arrays}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f"truth and predictions must have the same number of rows, at least one, not {counts}"
        )
    return counts.pop()
