"""Moves as arms of a bandit: prior gain, posterior given the lessons, Thompson samples."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from agent.memory.lesson import Lesson, Scope
from agent.repository.family import Move, Value
from agent.repository.idea import Change

# Variance factor for lessons of unknown structure, and for lessons about the same new values with other old
# values.
SIMILAR_CHANGE_VARIANCE_FACTOR = 4.0


@dataclass(frozen=True)
class Arm:
    """A move that can be applied to the parent, with its posterior gain and time factor."""

    move: Move
    slots: dict[str, Value]
    changes: tuple[Change, ...]
    gain: float  # posterior mean, relative error reduction
    gain_sd: float
    time_factor: float
    lessons: tuple[str, ...]  # ids of the supporting lessons
    tries: int  # how often this run has made the move so far

    def sample(self, rng: np.random.Generator, per_cost: bool) -> float:
        """Draw a Thompson sample of the gain, divided by the number of earlier tries plus one.

        With `per_cost` the gain is taken relative to the time factor.
        """
        gain = float(rng.normal(self.gain, self.gain_sd)) / (1 + self.tries)
        if not per_cost:
            return gain
        return gain / self.time_factor if gain > 0 else gain * self.time_factor


def posterior(
    move: Move,
    changes: tuple[Change, ...],
    lessons: Iterable[Lesson],
    scope: Scope,
    all_evidence: bool = False,
) -> tuple[float, float, float, tuple[str, ...]]:
    """Return the posterior of a move's gain: (mean, sd, time factor, ids of supporting lessons).

    Normal prior times normal likelihoods.

    Args:
        move: The move, with its prior.
        changes: The changes that the move makes.
        lessons: What is known.
        scope: Where the move is made.
        all_evidence: Whether inconclusive lessons change the gain too; by former rules only their measured
            times count. "Inconclusive" is a word for people; a large standard error has a small weight
            anyway.
    """
    precision = 1.0 / move.gain.sd**2
    mean = move.gain.mean * precision
    log_times = [math.log(move.cost)]
    support = []
    query = _ChangeQuery.of(changes)
    for lesson in lessons:
        relation = _relation(lesson, query, scope)
        if relation is None:
            continue
        sign, inflation = relation
        if inflation == 1.0:
            log_times.append(sign * math.log(max(lesson.time_factor, 1e-3)))
        if lesson.verdict == "inconclusive" and not all_evidence:
            continue
        variance = max(lesson.standard_error, 1e-3) ** 2 * inflation
        precision += 1.0 / variance
        mean += sign * lesson.effect / variance
        if sign * lesson.effect > 0 and lesson.verdict != "inconclusive":
            support.append(lesson.id)
    time_factor = math.exp(sum(log_times) / len(log_times))
    return mean / precision, precision**-0.5, time_factor, tuple(support)


@dataclass(frozen=True)
class _ChangeQuery:
    """Changes in the forms that lessons are matched against, computed once for all lessons."""

    changes: tuple[Change, ...]
    undone: tuple[Change, ...]
    target: frozenset[tuple[str, Value]]

    @classmethod
    def of(cls, changes: tuple[Change, ...]) -> "_ChangeQuery":
        undone = tuple(Change(slot=c.slot, old=c.new, new=c.old) for c in changes)
        return cls(changes, undone, frozenset((change.slot, change.new) for change in changes))


def _relation(lesson: Lesson, query: _ChangeQuery, scope: Scope) -> tuple[float, float] | None:
    """Return (sign, variance factor) of a lesson's evidence about the changes, or None if it is unrelated."""
    distance = distance_factor(lesson.scope, scope)
    if distance is None or not lesson.changes:
        return None
    if lesson.changes == query.changes:
        return 1.0, distance
    if lesson.changes == query.undone:
        return -1.0, distance
    if {(change.slot, change.new) for change in lesson.changes} == query.target:
        return 1.0, distance * SIMILAR_CHANGE_VARIANCE_FACTOR
    return None


def distance_factor(learned: Scope, here: Scope) -> float | None:
    """Return the factor on the variance of a lesson from another scope; None if it says nothing here.

    A lesson of former versions has no structure, so it may have been learned in any. Where no structure is
    asked for, as by former rules, each is right.
    """
    if (learned.task, learned.family) != (here.task, here.family):
        return None
    if here.structure and learned.structure not in ("", here.structure):
        return None
    factor = (1.0 + abs(learned.magnitude - here.magnitude)) ** 2
    return factor * (SIMILAR_CHANGE_VARIANCE_FACTOR if here.structure and not learned.structure else 1.0)
