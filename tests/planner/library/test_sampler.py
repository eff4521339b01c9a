"""The sampler of values: what it learns from trials, lessons and failures."""

from collections.abc import Mapping

import numpy as np
import pytest

from agent.planner.library.axes import Axis, Space
from agent.planner.library.sampler import Comparison, Sampler, Trial, expected_improvement, log_errors
from agent.repository.family import Slot, Value

Slots = Mapping[str, Value]


def _number(name: str) -> Axis:
    return Axis.of(
        name,
        Slot(values=(1.0, 2.0, 4.0, 8.0, 16.0), default=4.0, description="d", modules=(), range=(0.5, 32.0)),
    )


KIND = Axis.of("kind", Slot(values=("a", "b", "c"), default="a", description="d", modules=()))
SPACE = Space((_number("x"), _number("y"), KIND))
USUAL: dict[str, Value] = {"x": 4.0, "y": 4.0, "kind": "a"}


def _at(x: float = 4.0, y: float = 4.0, kind: str = "a") -> dict[str, Value]:
    return {"x": x, "y": y, "kind": kind}


def _error(slots: Slots) -> float:
    """A valley at x = 16; y and kind do nothing."""
    return float(0.2 * np.exp(0.03 * (np.log2(float(slots["x"])) - 4.0) ** 2))


def _trials(*points: dict[str, Value]) -> list[Trial]:
    return [Trial(slots, _error(slots)) for slots in points]


def _first(sampler: Sampler, seed: int = 0) -> dict[str, Value]:
    return next(sampler.suggest([USUAL], np.random.default_rng(seed))).slots


def test_values_follow_the_slope_beyond_the_tried_ones() -> None:
    sampler = Sampler(SPACE, USUAL, _trials(_at(1.0), _at(2.0), _at(4.0), _at(4.0, 8.0), _at(4.0, 2.0)))
    found = [_first(sampler, seed) for seed in range(5)]
    assert all(float(slots["x"]) > 4.0 for slots in found)


def test_a_search_finds_a_valley_within_a_few_evaluations() -> None:
    trials = _trials(USUAL)
    for seed in range(10):
        best = min(trials, key=lambda trial: trial.error or 0.0).slots
        sampler = Sampler(SPACE, USUAL, trials)
        trials += _trials(next(sampler.suggest([best], np.random.default_rng(seed))).slots)
    assert min(trial.error or 1.0 for trial in trials) < 0.2 * np.exp(0.03 * 0.25)


def test_the_same_evidence_and_generator_give_the_same_values() -> None:
    trials = _trials(_at(1.0), _at(4.0), _at(2.0, 8.0, "b"))
    one, two = (
        [found.slots for found in Sampler(SPACE, USUAL, trials).suggest([USUAL], np.random.default_rng(3))]
        for _ in range(2)
    )
    assert one == two


def test_what_was_tried_is_not_suggested_again() -> None:
    trials = _trials(*(_at(x) for x in (0.5, 1.0, 2.0, 4.0, 8.0)))
    found = list(Sampler(SPACE, USUAL, trials).suggest([USUAL], np.random.default_rng(0)))
    assert len(found) > 100
    assert not [one.slots for one in found if one.slots in [trial.slots for trial in trials]]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_lesson_moves_the_belief_about_nearby_values_too(sign: int) -> None:
    told = Comparison(_at(4.0), _at(8.0), sign * 0.1, 0.01)
    sampler = Sampler(SPACE, USUAL, _trials(USUAL), [told])
    gain, _ = sampler.gain(_at(4.0), _at(7.0))
    assert sign * gain > 0.02, "a lesson about 8 says much about 7"
    assert abs(sampler.gain(_at(4.0), _at(4.0, 8.0))[0]) < 0.02, "and little about another slot"


def test_an_inconclusive_lesson_weighs_little_but_not_nothing() -> None:
    weak = Sampler(SPACE, USUAL, _trials(USUAL), [Comparison(_at(), _at(kind="b"), 0.04, 0.03)])
    clear = Sampler(SPACE, USUAL, _trials(USUAL), [Comparison(_at(), _at(kind="b"), 0.04, 0.003)])
    none = Sampler(SPACE, USUAL, _trials(USUAL))
    gains = [sampler.gain(_at(), _at(kind="b"))[0] for sampler in (none, weak, clear)]
    assert gains[0] < gains[1] < gains[2]


def test_values_near_failures_are_avoided() -> None:
    lesson = [Comparison(_at(4.0), _at(8.0), 0.1, 0.01)]
    failed = [Trial(_at(x, y), None) for x in (6.0, 8.0, 10.0) for y in (3.0, 4.0, 5.0)]
    before = Sampler(SPACE, USUAL, _trials(USUAL), lesson)
    after = Sampler(SPACE, USUAL, [*_trials(USUAL), *failed], lesson)
    assert float(_first(before)["x"]) > 4.0
    chance = after._feasible([_at(8.0), _at(1.0, 16.0)])
    assert chance[0] < 0.3 < chance[1]


def test_cost_divides_what_is_expected() -> None:
    trials = _trials(_at(1.0), _at(2.0), _at(4.0))
    costly = Sampler(SPACE, USUAL, trials).suggest(
        [USUAL], np.random.default_rng(0), cost=lambda slots: 1e6 if float(slots["x"]) > 4.0 else 1.0
    )
    assert float(next(costly).slots["x"]) <= 4.0


def test_slots_without_effect_are_left_alone() -> None:
    equal = [
        Comparison(_at(), _at(4.0, y, kind), 0.0, 1e-4, is_here=True)
        for y in (1.0, 16.0)
        for kind in ("a", "b")
    ]
    trials = _trials(_at(1.0), _at(2.0), _at(4.0))
    found = [_first(Sampler(SPACE, USUAL, trials, equal), seed) for seed in range(4)]
    assert {(slots["y"], slots["kind"]) for slots in found} == {(4.0, "a")}


def test_expected_improvement_has_its_known_values() -> None:
    found = expected_improvement(np.array([0.0, 1.0, -5.0]), np.array([1.0, 1e-6, 1.0]))
    assert found == pytest.approx([0.3989423, 1.0, 5.35e-8], rel=1e-2)


def test_errors_are_compared_by_ratio_and_bad_ones_compressed() -> None:
    found = log_errors([0.1, 0.2, 0.4, 200.0])
    assert found[1] - found[0] == pytest.approx(np.log(2), abs=0.3)
    assert found[3] - found[2] < 3.0
    assert np.isfinite(log_errors([0.0, 0.0])).all()
    assert np.isfinite(log_errors([0.0, 0.1, 0.2])).all()


def test_simplifying_ends_where_a_slot_without_effect_takes_its_usual_value() -> None:
    """Below kind a, y has no effect and its usual value, which differs from the base's."""

    def settle(slots: Slots) -> Slots:
        return {**slots, "y": 1.0} if slots["kind"] == "a" else slots

    told = [Comparison(_at(kind="b"), _at(kind="a"), 0.2, 0.001)]
    for seed in range(5):
        sampler = Sampler(SPACE, USUAL, _trials(_at(4.0, 8.0, "b")), told, settle)
        found = next(sampler.suggest([_at(4.0, 8.0, "b")], np.random.default_rng(seed))).slots
        assert found["kind"] == "a"
        assert found["y"] == 1.0
