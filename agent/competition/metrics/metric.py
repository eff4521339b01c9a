"""The metric type: prediction form, direction, scorer, and the code that repositories get."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.competition.metrics.direction import Direction
from agent.competition.metrics.rows import Rows, row_count
from agent.competition.metrics.scorers import WeightedScorer, score_every_row_once
from agent.competition.metrics.source import MetricSource, SourceContext
from agent.competition.metrics.traits import Trait
from agent.competition.spec import PredictionKind, Task
from agent.core.errors import SetupError

__all__ = ["Metric", "PredictionKind"]


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
    source: Callable[[SourceContext], MetricSource] | None = None  # None: no repository can use the metric
    traits: frozenset[Trait] = frozenset()  # what the metric rewards
    sums_to_one: bool = False  # the probabilities of a row must sum to 1, except for label sets
    binary_only: bool = False  # scores the second of exactly two classes
    divides_by_truth: bool = False  # a true value of 0 makes the score past sense
    alternatives: tuple[str, ...] = ()  # metrics to use instead for more than two classes
    parameter_names: tuple[str, ...] = ()  # keys of metric_parameters in competition.yaml
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

    @property
    def direction(self) -> Direction:
        """The order of the scores."""
        return Direction(self.higher_is_better)

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
        rows = row_count(truth, prediction)
        return score_every_row_once(self.scorer(truth, prediction), rows)

    def is_better(self, a: float, b: float) -> bool:
        """Return whether score `a` is strictly better than `b`. A score that is not finite is worst."""
        return self.direction.better(a, b)

    def error(self, score: float) -> float:
        """Return the distance of a score from the best score, for example 1 - score, or the loss itself."""
        return self.direction.gain(self.best, score)

    def source_for(self, task: Task, n_classes: int | None) -> MetricSource:
        """Return the code that repositories of a competition get.

        Raises:
            SetupError: The metric does not serve the task, or has no code for repositories.
        """
        prediction = self.prediction_kind(task)
        if self.source is None:
            raise SetupError(
                f"The metric '{self.name}' has no code for repositories, so no template can use the metric; "
                "give the metric a `source`, or let a language model write the solution (--planner llm)."
            )
        return self.source(SourceContext(task, prediction, n_classes, self.parameters))
