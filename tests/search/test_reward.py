import pytest

from agent.record.state import RunState
from agent.search.reward import node_values, normalised_scores, reward
from tests.support.states import add, finish, propose, started


def test_normalised_scores_are_min_max_of_valid_nodes_and_a_half_while_they_are_equal() -> None:
    state = started()
    add(state, None, 0.5)
    assert normalised_scores(state) == {1: 0.5}
    add(state, None, 0.7)
    add(state, None, 0.6)
    add(state, None, None)
    assert normalised_scores(state) == pytest.approx({1: 0.0, 2: 1.0, 3: 0.5})


def test_one_broken_solution_does_not_make_the_others_look_alike() -> None:
    state = started()
    for metric in (0.1, 0.5, 0.6, 0.7):
        add(state, None, metric)
    assert normalised_scores(state) == pytest.approx({1: 0.0, 2: 0.0, 3: 0.5, 4: 1.0})


def test_if_most_nodes_are_best_the_others_still_differ_from_them() -> None:
    state = started()
    for metric in (0.8, 1.0, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0):
        add(state, None, metric)
    found = normalised_scores(state)
    assert (found[1], found[4], found[9]) == pytest.approx((0.0, 0.5, 1.0))


def test_direction_comes_from_the_competition() -> None:
    lower = RunState(higher_is_better=False)
    lower.settings = started().settings
    add(lower, None, 0.5)
    add(lower, None, 0.7)
    assert normalised_scores(lower) == {1: 1.0, 2: 0.0}
    assert lower.best is lower.nodes[1]


def test_reward_discounts_time_and_clamps_it() -> None:
    state = started()
    node = state.nodes[add(state, None, 0.5, seconds=30)]
    assert reward(node, {1: 1.0}, limit_s=60) == pytest.approx(0.5**-0.07)
    assert reward(node, {1: 1.0}, limit_s=10) == 1.0
    assert reward(node, {1: 1.0}, limit_s=1e9) == pytest.approx(0.02**-0.07)
    assert reward(node, {}, limit_s=60) == 0.0
    finish(state, propose(state), 0.5, seconds=30, cache_seconds=20)
    assert reward(state.nodes[2], {2: 1.0}, limit_s=20) == pytest.approx(0.5**-0.07), "caches cost once"


def test_values_are_means_below_and_a_running_node_is_a_visit_without_reward() -> None:
    state = started()
    root = add(state, None, 0.4, seconds=60)
    add(state, root, 0.8, seconds=60)
    propose(state, root)
    assert node_values(state)[root] == (pytest.approx(1.0 / 3), 3)
