"""Slots as axes of a space: positions of values on their ladder, and values at positions.

One rung of the ladder has length 1, whatever the values are, because the author of a family spaces rungs so
that each of them matters. Values between two rungs lie between their positions. A range adds one position
beyond each end of the ladder.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from agent.repository.family import Family, Slot, Value

Floats = npt.NDArray[np.float64]

# Neighbouring positive numbers of at least this ratio are interpolated on a logarithmic scale.
_GEOMETRIC_RATIO = 1.5
_DIGITS = 2  # significant digits of a sampled number


@dataclass(frozen=True)
class Axis:
    """One slot. Without knots, its values are choices of equal distance."""

    name: str
    values: tuple[Value, ...]
    knots: tuple[float, ...] = ()  # increasing numbers; neighbours are 1 apart
    continuous: bool = False
    integral: bool = False
    options: tuple[Value, ...] = ()  # the choices that may be drawn
    bounds: tuple[float, float] = (-math.inf, math.inf)  # of the numbers that may be drawn

    @classmethod
    def of(
        cls,
        name: str,
        slot: Slot,
        options: Sequence[Value] | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> "Axis":
        """Return the axis of a slot; without `options`, every choice may be drawn.

        Args:
            name: The name of the slot.
            slot: The slot.
            options: Choices that may be drawn; None: all.
            bounds: Bounds of the numbers that may be drawn; None: none but the slot's range.
        """
        numbers = [value for value in slot.values if _is_number(value)]
        if len(numbers) < len(slot.values) or (len(set(numbers)) < 2 and slot.range is None):
            drawn = slot.values if options is None else [value for value in slot.values if value in options]
            return cls(name, slot.values, options=tuple(drawn))
        knots = sorted({float(number) for number in numbers})
        if slot.range is not None:
            lower, upper = slot.range
            knots = [*([lower] if lower < knots[0] else []), *knots, *([upper] if upper > knots[-1] else [])]
        integral = all(isinstance(value, int) for value in slot.values)
        low, high = bounds or (-math.inf, math.inf)
        drawn = tuple(value for value in slot.values if low <= float(value) <= high)
        return cls(name, slot.values, tuple(knots), slot.range is not None, integral, drawn, (low, high))

    @property
    def is_ordered(self) -> bool:
        return bool(self.knots)

    @property
    def can_vary(self) -> bool:
        """Whether there is more than one value to draw."""
        return self.bounds[0] < self.bounds[1] if self.continuous else len(self.options) > 1

    def position(self, value: Value) -> float:
        """Return the position of a number on the ladder, or the index of a choice."""
        known = self._known_positions.get(value)
        return self._position(value) if known is None else known

    @cached_property
    def _known_positions(self) -> dict[Value, float]:
        """The positions of the values, which a sampler asks for thousands of times."""
        return {value: self._position(value) for value in self.values}

    def _position(self, value: Value) -> float:
        if not self.knots:
            return float(self.values.index(value)) if value in self.values else -1.0
        number = min(max(float(value), self.knots[0]), self.knots[-1])
        after = bisect_left(self.knots, number)
        if after == 0:
            return 0.0
        low, high = self.knots[after - 1], self.knots[after]
        if _is_geometric(low, high):
            return after - 1 + math.log(number / low) / math.log(high / low)
        return after - 1 + (number - low) / (high - low)

    def value_at(self, position: float) -> Value:
        """Return the allowed value nearest to a position."""
        if not self.knots:
            return self.values[int(position)]
        if not self.continuous:
            return min(self.options, key=lambda value: abs(self.position(value) - position))
        lowest, highest = map(self.position, self.bounds)
        at = min(max(position, lowest), highest)
        below = min(int(at), len(self.knots) - 2)
        low, high, share = self.knots[below], self.knots[below + 1], at - below
        number = low * (high / low) ** share if _is_geometric(low, high) else low + share * (high - low)
        return self._rounded(number)

    def sample(self, rng: np.random.Generator) -> Value:
        """Return a value drawn uniformly over the positions, or over the choices."""
        if not self.continuous:
            return self.options[int(rng.integers(len(self.options)))]
        lowest, highest = map(self.position, self.bounds)
        return self.value_at(float(rng.uniform(lowest, highest)))

    def near(self, value: Value, rng: np.random.Generator, width: float = 1.0) -> Value:
        """Return a value near another one: a normal step on the ladder, or any choice."""
        if not self.is_ordered:
            return self.options[int(rng.integers(len(self.options)))]
        return self.value_at(self.position(value) + width * float(rng.standard_normal()))

    def _rounded(self, number: float) -> Value:
        """Return a short number within the range, for titles that people read."""
        short = float(f"{number:.{_DIGITS}g}")
        low, high = max(self.knots[0], self.bounds[0]), min(self.knots[-1], self.bounds[1])
        short = min(max(short, low), high)
        if self.integral:
            return int(min(max(round(short), math.ceil(low)), math.floor(high)))
        known = next((value for value in self.values if float(value) == short), None)
        return short if known is None else known


@dataclass(frozen=True)
class Space:
    """The axes of one structure."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(
        cls,
        family: Family,
        fixed: Iterable[str],
        options: Mapping[str, Sequence[Value]] | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
    ) -> "Space":
        """Return the space of a family's slots.

        Args:
            family: The family.
            fixed: Slots that keep their values.
            options: Choices that may be drawn, by slot; all of them for other slots.
            bounds: Bounds of the numbers that may be drawn, by slot.
        """
        kept, drawn, within = set(fixed), options or {}, bounds or {}
        slots = {name: slot for name, slot in family.slots.items() if name not in kept and slot.sampled}
        axes = (Axis.of(name, slot, drawn.get(name), within.get(name)) for name, slot in slots.items())
        return cls(tuple(axis for axis in axes if axis.can_vary))

    def __len__(self) -> int:
        return len(self.axes)

    def positions(self, points: Sequence[Mapping[str, Value]]) -> Floats:
        """Return the positions (points, axes) of slots."""
        found = [[axis.position(slots[axis.name]) for axis in self.axes] for slots in points]
        return np.array(found, dtype=np.float64).reshape(len(points), len(self.axes))

    @property
    def ordered(self) -> npt.NDArray[np.bool_]:
        return np.array([axis.is_ordered for axis in self.axes], dtype=np.bool_)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_geometric(low: float, high: float) -> bool:
    return low > 0 and high / low >= _GEOMETRIC_RATIO
