"""The direction of a metric: the one place that knows which of two scores is better."""

import math
from dataclasses import dataclass
from typing import TypeVar

from agent.competition.metrics.rows import Floats

Scores = TypeVar("Scores", float, Floats)


@dataclass(frozen=True)
class Direction:
    """Orders scores of one metric. A score that is missing or not finite is worse than every other score."""

    higher_is_better: bool

    def better(self, a: float | None, b: float | None) -> bool:
        """Return whether score `a` is strictly better than score `b`."""
        return self.key(a) < self.key(b)

    def key(self, value: float | None) -> float:
        """Return the sort key of a score; ascending order puts the best score first."""
        if value is None or not math.isfinite(value):
            return math.inf
        return -value if self.higher_is_better else value

    def gain(self, new: Scores, old: Scores) -> Scores:
        """Return how much better `new` is than `old`, in units of the metric; negative if worse.

        Args:
            new: A score, or scores (B,).
            old: A score, or scores (B,).
        """
        return new - old if self.higher_is_better else old - new
