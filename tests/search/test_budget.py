from agent.search.budget import Budget
from tests.support.states import add, finish, propose, started


def test_a_reserve_is_held_back_and_each_node_has_its_limit() -> None:
    budget = Budget.of(started())
    assert budget.reserve_s == 30
    assert budget.search_left_s == 570
    assert budget.next_limit_s == 60
    assert not budget.finishing
    assert not budget.is_exhausted


def test_near_the_end_a_node_may_take_longer_but_never_more_than_is_left() -> None:
    state = started(final_node_minutes=2.0)
    state.elapsed_s = 420.0
    assert Budget.of(state).finishing
    assert Budget.of(state).next_limit_s == 120
    state.elapsed_s = 500.0
    assert Budget.of(state).next_limit_s == 70
    state.elapsed_s = 568.0
    assert Budget.of(state).is_exhausted


def test_an_ensemble_is_no_searched_node() -> None:
    state = started(max_nodes=2)
    add(state, None, 0.5)
    finish(state, propose(state, 1, operator="ensemble"), 0.6)
    assert Budget.of(state).nodes_left == 1
