"""Moves as arms of a bandit: a prior, what lessons say of it, and a sample of its worth."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from agent.memory.lesson import Lesson, Scope
from agent.repository.family import Move, Value
from agent.repository.idea import Change

# How much less a lesson about a like change says than one about this very change (factor on its variance).
LIKE_CHANGE_INFLATION = 4.0


@dataclass(frozen=True)
class Arm:
    """A move that can be applied to the parent, and what is believed of it."""

    move: Move
    slots: dict[str, Value]
    changes: tuple[Change, ...]
    gain: float  # posterior mean, relative error reduction
    gain_sd: float
    time_factor: float
    lessons: tuple[str, ...]  # ids of the lessons that speak for it
    tries: int  # how often this run has made the move already

    def sample(self, rng: np.random.Generator, per_cost: bool) -> float:
        """Thompson sample of the gain, per cost if asked; a move tried before counts less each time."""
        gain = float(rng.normal(self.gain, self.gain_sd)) / (1 + self.tries)
        if not per_cost:
            return gain
        return gain / self.time_factor if gain > 0 else gain * self.time_factor


def believe(
    move: Move, changes: tuple[Change, ...], lessons: Iterable[Lesson], scope: Scope
) -> tuple[float, float, float, tuple[str, ...]]:
    """(mean, sd, time factor, ids of supporting lessons) of a move's gain.

    Normal prior times normal evidence. Inconclusive lessons leave the gain as it is (they steer nothing), but
    their measured times count.
    """
    precision = 1.0 / move.gain.sd**2
    mean = move.gain.mean * precision
    log_times = [math.log(move.cost)]
    support = []
    wanted = _Wanted.of(changes)
    for lesson in lessons:
        relation = _relation(lesson, wanted, scope)
        if relation is None:
            continue
        sign, inflation = relation
        if inflation == 1.0:
            log_times.append(sign * math.log(max(lesson.time_factor, 1e-3)))
        if lesson.verdict == "inconclusive":
            continue
        variance = max(lesson.standard_error, 1e-3) ** 2 * inflation
        precision += 1.0 / variance
        mean += sign * lesson.effect / variance
        if sign * lesson.effect > 0:
            support.append(lesson.id)
    time_factor = math.exp(sum(log_times) / len(log_times))
    return mean / precision, precision**-0.5, time_factor, tuple(support)


@dataclass(frozen=True)
class _Wanted:
    """Changes in the forms in which lessons are compared with them, made once for all lessons."""

    changes: tuple[Change, ...]
    undone: tuple[Change, ...]
    target: frozenset[tuple[str, Value]]

    @classmethod
    def of(cls, changes: tuple[Change, ...]) -> "_Wanted":
        undone = tuple(Change(slot=c.slot, old=c.new, new=c.old) for c in changes)
        return cls(changes, undone, frozenset((change.slot, change.new) for change in changes))


def _relation(lesson: Lesson, wanted: _Wanted, scope: Scope) -> tuple[float, float] | None:
    """(sign, variance inflation) of what the lesson says about the changes; None when it says nothing."""
    if (lesson.scope.task, lesson.scope.family) != (scope.task, scope.family) or not lesson.changes:
        return None
    distance = (1.0 + abs(lesson.scope.magnitude - scope.magnitude)) ** 2
    if lesson.changes == wanted.changes:
        return 1.0, distance
    if lesson.changes == wanted.undone:
        return -1.0, distance
    if {(change.slot, change.new) for change in lesson.changes} == wanted.target:
        return 1.0, distance * LIKE_CHANGE_INFLATION
    return None
