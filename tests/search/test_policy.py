import numpy as np
import pytest

from agent.core.errors import SetupError
from agent.search.policy import MCTS, Greedy, Random, Step, make_policy
from tests.support.states import add, finish, propose, started

RNG = np.random.default_rng(0)
PAPER = MCTS(first_drafts=1)


def test_the_first_step_is_a_draft() -> None:
    assert PAPER.next(started(), RNG) == Step(None)


def test_several_structures_are_drafted_before_any_is_improved() -> None:
    state = started()
    for score in (0.5, 0.9, 0.4):
        assert MCTS().next(state, RNG) == Step(None)
        add(state, None, score)
    assert MCTS().next(state, RNG) == Step(2)


def test_a_valid_node_is_improved_until_it_has_two_children() -> None:
    state = started()
    root = add(state, None, 0.5)
    assert PAPER.next(state, RNG) == Step(root)
    add(state, root, None)
    assert PAPER.next(state, RNG) == Step(root)
    add(state, root, None)
    assert PAPER.next(state, RNG) == Step(None), (
        "both children failed: a fully expanded leaf leads to the root"
    )


def test_a_failed_node_is_never_improved() -> None:
    state = started()
    add(state, None, None)
    assert PAPER.next(state, RNG) == Step(None)


def test_the_better_branch_is_followed() -> None:
    state = started()
    add(state, None, 0.2)
    good = add(state, None, 0.9)
    assert PAPER.next(state, RNG) == Step(good)


def test_of_two_equal_scores_the_faster_is_followed() -> None:
    state = started()
    add(state, None, 0.1)
    add(state, None, 0.9, seconds=60)
    fast = add(state, None, 0.9, seconds=6)
    assert MCTS(first_drafts=1, exploration=0.1).next(state, RNG) == Step(fast)


def test_stagnation_drafts_once() -> None:
    state = started()
    root = add(state, None, 0.9)
    for _ in range(2):
        child = add(state, root, 0.5)
        add(state, child, 0.4)
    assert PAPER.next(state, RNG) == Step(None)
    add(state, None, 0.3)
    assert PAPER.next(state, RNG) != Step(None), "a draft was tried: back to what is good"


def test_nodes_in_flight_spread_parallel_workers() -> None:
    state = started()
    add(state, None, 0.1)
    first, second = add(state, None, 0.9), add(state, None, 0.85)
    policy = MCTS(first_drafts=1, exploration=0.5)
    assert policy.next(state, RNG) == Step(first)
    propose(state, first)
    assert policy.next(state, RNG) == Step(second)


def test_an_ensemble_is_no_place_to_grow_from() -> None:
    state = started()
    root = add(state, None, 0.5)
    blend = propose(state, root, operator="ensemble")
    finish(state, blend, 0.9)
    assert PAPER.next(state, RNG) == Step(root)


def test_greedy_improves_the_best_after_its_drafts() -> None:
    state = started()
    for score in (0.3, 0.9, 0.5):
        assert Greedy().next(state, RNG) == Step(None)
        add(state, None, score)
    assert Greedy().next(state, RNG) == Step(2)


def test_random_only_grows_from_valid_nodes() -> None:
    state = started()
    add(state, None, None)
    valid = add(state, None, 0.5)
    chosen = {Random().next(state, RNG).parent for _ in range(50)}
    assert chosen == {None, valid}


def test_an_unknown_policy_lists_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"^Unknown policy 'mcst'; choose one of: mcts, "):
        make_policy("mcst")
