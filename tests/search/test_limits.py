from typing import Any

import pytest

from agent.record.state import RunState
from agent.repository.idea import Blueprint
from agent.search.budget import Budget, execution_limit_s, node_limit_s
from tests.support.states import add, propose, started

SHARES: dict[str, Any] = {"rules": 3, "final_node_minutes": 2.0}  # 10 minutes, of which 12 s are held back


def limit(state: RunState, parent: int | None, continued: bool = False) -> float:
    return node_limit_s(state, None if parent is None else state.nodes[parent], continued=continued)


def test_the_first_baseline_gets_half_of_the_time_left() -> None:
    state = started(**SHARES)
    assert Budget.of(state).search_left_s == 588
    assert limit(state, None) == pytest.approx(0.5 * 588)


@pytest.mark.parametrize(("minutes", "expected_s"), [(1.0, 0.9 * 57), (1.5, 60.0), (2.0, 60.0), (4.0, 117.5)])
def test_in_a_short_run_the_first_baseline_gets_a_minute_or_nearly_all(
    minutes: float, expected_s: float
) -> None:
    state = started(rules=3, minutes=minutes, final_node_minutes=2.0)
    assert limit(state, None) == pytest.approx(expected_s)


def test_the_next_baselines_get_more_than_a_later_draft() -> None:
    state = started(**SHARES)
    for number, share in ((1, 0.4), (2, 0.4), (3, 0.4), (4, 0.2)):
        add(state, None, 0.5 + 0.1 * number)
        assert limit(state, None) == pytest.approx(share * (588 - 10 * number))


def test_the_limit_is_a_share_of_the_time_left_that_grows_with_the_parents_score() -> None:
    state = started(**SHARES)
    for score in (0.5, 0.9, 0.8, 0.4):
        add(state, None, score)
    left_s = 588 - 40
    assert limit(state, 2) == pytest.approx(0.4 * left_s)
    assert limit(state, 4) == pytest.approx(0.1 * left_s)
    assert limit(state, 4) < limit(state, 3) < limit(state, 2)
    assert limit(state, None) == pytest.approx(0.2 * left_s)
    assert limit(state, 1, continued=True) == pytest.approx(0.85 * left_s)


def test_near_the_end_a_node_gets_most_of_what_is_left_but_never_more() -> None:
    state = started(**SHARES)
    add(state, None, 0.5)
    state.elapsed_s = 500.0
    assert limit(state, 1) == pytest.approx(0.6 * 88)
    state.elapsed_s = 560.0
    assert limit(state, 1) == 28


def test_a_limit_that_the_user_fixed_holds_for_every_node() -> None:
    state = started(rules=3)
    add(state, None, 0.5)
    assert state.run.caps_nodes
    assert [limit(state, parent) for parent in (None, 1)] == [60, 60]


def test_the_only_node_of_a_blueprint_gets_the_whole_time() -> None:
    state = started(
        rules=3, node_minutes=10.0, final_node_minutes=20.0, blueprint=Blueprint(family="toy", slots={})
    )
    assert limit(state, None) == 588


def test_the_execution_has_the_limit_that_its_decision_had() -> None:
    state = started(**SHARES)
    for score in (0.5, 0.9):
        add(state, None, score)
    expected = limit(state, 2)
    node = state.nodes[propose(state, 2)]
    assert execution_limit_s(state, node) == expected


@pytest.mark.parametrize(("rules", "left_s"), [(2, 570.0), (3, 588.0)])
def test_rules_2_keep_their_reserve(rules: int, left_s: float) -> None:
    assert Budget.of(started(rules=rules)).search_left_s == left_s


def test_a_run_of_rules_3_may_use_95_percent_of_its_budget_in_candidates() -> None:
    for minutes in (3.0, 5.0, 10.0, 180.0):
        state = started(**SHARES, minutes=minutes)
        state.elapsed_s = 0.95 * minutes * 60 - 1e-6
        assert not Budget.of(state).is_out_of_time
        state.elapsed_s = 0.995 * minutes * 60
        assert Budget.of(state).is_out_of_time
