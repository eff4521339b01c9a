"""The direction of a metric orders scores."""

import math

import pytest

from agent.competition.metrics.direction import Direction

UP, DOWN = Direction(True), Direction(False)


@pytest.mark.parametrize(("direction", "best_first"), [(UP, [0.9, 0.5, -1.0]), (DOWN, [-1.0, 0.5, 0.9])])
def test_ascending_keys_put_the_best_score_first(direction: Direction, best_first: list[float]) -> None:
    assert sorted([best_first[2], best_first[0], best_first[1]], key=direction.key) == best_first
    assert direction.better(best_first[0], best_first[1])
    assert not direction.better(best_first[1], best_first[0])
    assert not direction.better(best_first[0], best_first[0])


@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_a_missing_score_is_worst(direction: Direction, missing: float | None) -> None:
    assert direction.better(0.0, missing)
    assert not direction.better(missing, 0.0)
    assert not direction.better(missing, missing)


def test_gain_is_positive_for_the_better_score() -> None:
    assert UP.gain(0.75, 0.5) == 0.25
    assert DOWN.gain(0.75, 0.5) == -0.25
