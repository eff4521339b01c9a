"""Chooses the next values of a structure's slots: expected improvement over a surrogate of all evidence."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agent.planner.library.axes import Axis, Floats, Space
from agent.planner.library.surrogate import Observations, Surrogate
from agent.repository.family import Value

Slots = Mapping[str, Value]

# What a family declares is better than what lies far from it: expected relative increase of the error.
PER_RUNG = 0.0012  # for each slot, one rung away from its usual value; it grows with the square
PER_CHOICE = 0.008  # for each slot with another choice
MOST_TRIALS = 120  # the latest and best ones; more cost time and change little
SINGLE_STEPS = (0.5, 1.0, 2.0)  # rungs by which one slot is moved alone
JUMPS = 160  # candidates that change two to five slots of a good point
JUMP_WIDTH = 1.2  # rungs, standard deviation
BASES = 3  # good points that candidates start from
ANYWHERE = 60  # candidates drawn from the whole space
REFINED = 4  # best candidates that are varied once more
REFINEMENTS = 24  # variations of each
# Above this log ratio to the median, errors are compressed: how bad a bad point is teaches little.
_BAD = 0.15
_NORMAL_SD = 1.4826
SIMPLER = 0.95  # a point with fewer changes is preferred at this share of the expected improvement
_CHOICE_DIGITS = 9  # of a worth; values that agree in them are equal on every machine


@dataclass(frozen=True)
class Trial:
    """One evaluated point; without an error it failed."""

    slots: Slots
    error: float | None


@dataclass(frozen=True)
class Comparison:
    """What is known of a change: from other runs (a lesson), or from the family (a move's prior)."""

    before: Slots
    after: Slots
    gain: float  # relative reduction of the error
    sd: float
    is_here: bool = False  # observed in this very context, so that it says something about other changes too


@dataclass(frozen=True)
class Suggestion:
    """A point and what is expected of it."""

    slots: dict[str, Value]
    gain: float  # expected reduction of the logarithm of the error, against the best point so far


@dataclass(frozen=True)
class Sampler:
    """The evidence about one structure.

    Attributes:
        space: The slots to choose.
        usual: The draft's values, which the family holds good.
        trials: Evaluated points, oldest first.
        comparisons: Differences that are known from elsewhere.
        settle: Gives slots without effect their usual value, so that equal points are equal.
    """

    space: Space
    usual: Slots
    trials: Sequence[Trial]
    comparisons: Sequence[Comparison] = ()
    settle: Callable[[Slots], Slots] = lambda slots: slots

    def suggest(
        self,
        bases: Sequence[Slots],
        rng: np.random.Generator,
        extra: Sequence[Slots] = (),
        cost: Callable[[Slots], float] = lambda slots: 1.0,
    ) -> Iterator[Suggestion]:
        """Yield points that are not evaluated yet, the most promising first.

        Args:
            bases: Points to vary, the best first; at least one.
            rng: Draws the candidates.
            extra: Further candidates, such as those of moves.
            cost: Factor that divides the expected improvement of a point.
        """
        found = self._unseen([*self._candidates(bases[:BASES], rng), *extra])
        best = [found[at] for at in _descending(self._worth(found, cost))[:REFINED]]
        varied = (self._varied(slots, rng, 1 + at % 2) for slots in best for at in range(REFINEMENTS))
        found = self._unseen([*found, *varied])
        worth = self._worth(found, cost)
        order = _descending(worth)
        simple = [self._simplified(found[at], bases[0], worth[at], cost) for at in order[:1]]
        for slots in [*simple, *(found[at] for at in order)]:
            yield Suggestion(dict(slots), float(self._best - self._predict([slots])[0][0]))

    def _simplified(self, slots: Slots, base: Slots, worth: float, cost: Callable[[Slots], float]) -> Slots:
        """Return the point without those changes of the base that do not pay, so that lessons name causes."""
        while changed := self._changed(base, slots):
            points = self._unseen([{**slots, name: base[name]} for name in changed])
            # A slot that loses its effect gets its usual value, which may be another change.
            simpler = [point for point in points if len(self._changed(base, point)) < len(changed)]
            values = self._worth(simpler, cost)
            if not len(values) or values.max() < SIMPLER * worth:
                return slots
            slots = simpler[_descending(values)[0]]
        return slots

    def _changed(self, base: Slots, slots: Slots) -> list[str]:
        return [axis.name for axis in self.space.axes if slots[axis.name] != base[axis.name]]

    def gain(self, before: Slots, after: Slots) -> tuple[float, float]:
        """Return the expected reduction of the log error by a change, and the deviation of the new point."""
        means, sds = self._predict([before, after])
        return float(means[0] - means[1]), float(sds[1])

    # -- evidence --------------------------------------------------------------------------------------

    @cached_property
    def _scored(self) -> tuple[list[Trial], Floats]:
        """The evaluated trials that count, and their compressed log errors, relative to the median."""
        scored = [trial for trial in self.trials if trial.error is not None]
        losses = log_errors([trial.error for trial in scored if trial.error is not None])
        if len(scored) > MOST_TRIALS:
            half = MOST_TRIALS // 2
            good = set(np.argsort(losses, kind="stable")[:half].tolist())
            kept = [at for at in range(len(scored)) if at in good or at >= len(scored) - half]
            scored, losses = [scored[at] for at in kept], losses[kept]
        return scored, losses

    @cached_property
    def _surrogate(self) -> Surrogate | None:
        scored, losses = self._scored
        pairs = [slots for one in self.comparisons for slots in (one.before, one.after)]
        points = [*(trial.slots for trial in scored), *pairs]
        if not points:
            return None
        weights = np.zeros((len(scored) + len(self.comparisons), len(points)))
        weights[: len(scored), : len(scored)] = np.eye(len(scored))
        for at in range(len(self.comparisons)):
            first = len(scored) + 2 * at
            weights[len(scored) + at, [first, first + 1]] = (-1.0, 1.0)
        effects = np.array([-_log_gain(one.gain) for one in self.comparisons])
        spreads = np.array([one.sd for one in self.comparisons])
        values = np.concatenate([losses, effects]) - weights @ self._expected(points)
        noisy = np.arange(len(weights)) < len(scored)
        variances = np.concatenate([np.zeros(len(scored)), spreads**2])
        joint = np.array([True] * len(scored) + [one.is_here for one in self.comparisons])
        seen = Observations(self.space.positions(points), weights, values, variances, noisy, joint)
        return Surrogate(self.space.ordered, seen)

    @cached_property
    def _best(self) -> float:
        """The lowest posterior mean of an evaluated point; of the usual one before any evaluation."""
        scored, _ = self._scored
        means, _ = self._predict([trial.slots for trial in scored] or [self.usual])
        return float(means.min())

    def _expected(self, points: Sequence[Slots]) -> Floats:
        """Return the prior means (k,) of the log errors, without the level."""
        away = np.abs(self.space.positions(points) - self.space.positions([self.usual]))
        rungs = np.where(self.space.ordered, PER_RUNG * away**2, PER_CHOICE * (away > 0))
        return np.asarray(rungs.sum(axis=1))

    def _predict(self, points: Sequence[Slots]) -> tuple[Floats, Floats]:
        expected = self._expected(points)
        if self._surrogate is None:
            return expected, np.full(len(points), 0.05)
        means, sds = self._surrogate.predict(self.space.positions(points))
        return means + expected, sds

    # -- candidates ------------------------------------------------------------------------------------

    def _candidates(self, bases: Sequence[Slots], rng: np.random.Generator) -> Iterator[Slots]:
        for axis in self.space.axes:
            yield from ({**bases[0], axis.name: value} for value in _single_values(axis, bases[0][axis.name]))
        for at in range(JUMPS):
            count = 2 + int(rng.integers(4))
            yield self._varied(bases[at % len(bases)], rng, count)
        for _ in range(ANYWHERE):
            drawn = {axis.name: axis.sample(rng) for axis in self.space.axes}
            yield {**bases[0], **drawn}

    def _varied(self, slots: Slots, rng: np.random.Generator, count: int) -> Slots:
        axes = self.space.axes
        chosen = rng.choice(len(axes), size=min(count, len(axes)), replace=False)
        moved = {axes[at].name: axes[at].near(slots[axes[at].name], rng, JUMP_WIDTH) for at in chosen}
        return {**slots, **moved}

    def _unseen(self, points: Sequence[Slots]) -> list[Slots]:
        """Return the points that are not evaluated, each once."""
        known = {_key(trial.slots) for trial in self.trials}
        found: dict[str, Slots] = {}
        for slots in map(self.settle, points):
            key = _key(slots)
            if key not in known:
                found.setdefault(key, slots)
        return list(found.values())

    def _worth(self, points: Sequence[Slots], cost: Callable[[Slots], float]) -> Floats:
        """Return the worth (k,) of points: expected improvement per cost times the chance to run at all."""
        if not points:
            return np.zeros(0)
        means, sds = self._predict(points)
        gains = expected_improvement(self._best - means, sds) * self._feasible(points)
        worth = gains / np.array([cost(slots) for slots in points])
        return np.array([float(f"{value:.{_CHOICE_DIGITS}g}") for value in worth])

    def _feasible(self, points: Sequence[Slots]) -> Floats:
        """Return the chances (k,) that points do not fail."""
        failed = [trial.slots for trial in self.trials if trial.error is None]
        scored, _ = self._scored
        if not failed:
            return np.ones(len(points))
        bad = self._alike(points, failed).sum(axis=1)
        good = self._alike(points, [trial.slots for trial in scored] or [self.usual]).sum(axis=1)
        return np.asarray((1.0 + good) / (1.0 + good + 2.0 * bad))

    def _alike(self, points: Sequence[Slots], others: Sequence[Slots]) -> Floats:
        gaps = np.abs(self.space.positions(points)[:, None] - self.space.positions(others)[None])
        gaps = np.where(self.space.ordered, gaps, 1.5 * (gaps > 0))
        return np.asarray(np.exp(-np.square(gaps).sum(axis=2)))


def _descending(values: Floats) -> list[int]:
    """Return the indices of values in descending order; equal values keep theirs."""
    return [int(at) for at in np.argsort(-values, kind="stable")]


def expected_improvement(gains: Floats, sds: Floats) -> Floats:
    """Return E[max(g, 0)] of normal variables g with means `gains` and standard deviations `sds`."""
    ratio = gains / sds
    density = np.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    return np.asarray(gains * normal_distribution(ratio) + sds * density)


def normal_distribution(values: Floats) -> Floats:
    """Return the standard normal distribution function at values."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in values.tolist()])


def log_errors(errors: Sequence[float]) -> Floats:
    """Return log errors relative to their median; bad ones are compressed, zeros get a floor."""
    found = np.array(errors, dtype=np.float64)
    if not len(found):
        return found
    typical = float(np.median(found))
    if typical <= 0:
        shifted = found - found.min()
        return np.asarray(shifted / (float(np.median(shifted)) or 1.0))
    logs = np.log(np.maximum(found, 0.02 * typical) / typical)
    over = np.maximum(logs - _BAD, 0.0)
    return np.asarray(np.minimum(logs, _BAD) + _BAD * np.log1p(over / _BAD))


def _single_values(axis: Axis, value: Value) -> list[Value]:
    """Return the values that a slot takes alone."""
    if not axis.continuous:
        return [other for other in axis.options if other != value]
    at = axis.position(value)
    steps = [axis.value_at(at + sign * step) for step in SINGLE_STEPS for sign in (-1, 1)]
    return list(dict.fromkeys(step for step in steps if step != value))


def _log_gain(gain: float) -> float:
    """Return the reduction of the log error; gains are relative to the larger of both errors."""
    bounded = min(max(gain, -0.7), 0.7)
    return -math.log1p(-bounded) if bounded > 0 else math.log1p(bounded)


def _key(slots: Slots) -> str:
    return str(sorted(slots.items()))
