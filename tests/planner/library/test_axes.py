import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.planner.library.axes import Axis
from agent.repository.family import Slot, Value

NUMBERS = st.one_of(st.integers(-1000, 1000), st.floats(-1000, 1000, allow_nan=False, width=32))


def _slot(*values: Value, bounds: tuple[float, float] | None = None) -> Slot:
    return Slot(values=values, default=values[0], description="d", modules=(), range=bounds)


RATE = Axis.of("rate", _slot(0.02, 0.05, 0.1, 0.2, bounds=(0.005, 0.5)))


def test_rungs_of_a_ladder_are_one_apart_and_a_range_adds_one_at_each_end() -> None:
    assert [RATE.position(value) for value in (0.005, 0.02, 0.05, 0.1, 0.2, 0.5)] == [0, 1, 2, 3, 4, 5]


def test_numbers_between_rungs_lie_between_them_by_their_ratio() -> None:
    assert RATE.position(0.1 * 2**0.5) == pytest.approx(3.5)
    assert RATE.value_at(3.5) == 0.14
    penalty = Axis.of("l2", _slot(0.0, 0.1, 1.0, bounds=(0.0, 100.0)))
    assert penalty.position(0.05) == pytest.approx(0.5), "from zero on, by difference"


def test_a_ladder_without_a_range_has_no_other_values() -> None:
    folds = Axis.of("folds", _slot(1, 3, 5))
    rng = np.random.default_rng(0)
    assert {folds.sample(rng) for _ in range(50)} == {1, 3, 5}
    assert {folds.near(3, rng) for _ in range(50)} <= {1, 3, 5}


def test_only_the_options_of_a_choice_are_drawn() -> None:
    axis = Axis.of("loss", _slot("a", "b", "c"), ["a", "c"])
    assert {axis.sample(np.random.default_rng(seed)) for seed in range(30)} == {"a", "c"}
    assert not axis.is_ordered


@given(st.lists(NUMBERS, min_size=2, max_size=6, unique=True), st.data())
def test_every_drawn_number_is_one_that_the_slot_accepts(numbers: list[float], data: st.DataObject) -> None:
    integral = all(isinstance(number, int) for number in numbers)
    lower, upper = min(numbers) - 10, max(numbers) + 10
    slot = _slot(*numbers, bounds=(lower, upper))
    axis = Axis.of("x", slot)
    value = axis.sample(np.random.default_rng(data.draw(st.integers(0, 1000))))
    assert slot.accepts(value)
    assert isinstance(value, int) or not integral
    assert 0 <= axis.position(value) <= len(axis.knots) - 1


# The first two digits of 0.1 * 2**share stay 10 up to the middle between 0.10 and 0.11.
WIDEST_DISTANCE = math.log2(0.105 / 0.1)


@given(st.floats(0, 5))
@example(3.0625)
@example(3 + WIDEST_DISTANCE)
def test_positions_and_values_are_inverse_up_to_two_digits(position: float) -> None:
    found = RATE.position(RATE.value_at(position))
    assert found == pytest.approx(position, abs=WIDEST_DISTANCE + 1e-9)


@given(position=st.floats(-2, 8), seed=st.integers(0, 1000))
def test_nothing_outside_the_bounds_of_the_search_is_drawn(position: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ladder = _slot(0.02, 0.05, 0.1, 0.2)
    axis = Axis.of("rate", _slot(0.02, 0.05, 0.1, 0.2, bounds=(0.001, 1.0)), bounds=(0.03, 0.15))
    steps = Axis.of("rate", ladder, bounds=(0.05, 0.1))
    for value in (axis.value_at(position), axis.sample(rng), axis.near(0.2, rng)):
        assert 0.03 <= float(value) <= 0.15
    for value in (steps.value_at(position), steps.sample(rng), steps.near(0.2, rng)):
        assert value in (0.05, 0.1)
    assert axis.can_vary
    assert not Axis.of("rate", ladder, bounds=(0.1, 0.1)).can_vary
