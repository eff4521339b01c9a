from agent.search.budget import Budget
from tests.support.states import add, finish, idea, propose, started


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


def test_a_search_says_why_it_ends() -> None:
    state = started()
    assert Budget.of(state).end_reason == "no new idea is left to try"
    state.elapsed_s = 500.0
    assert Budget.of(state).end_reason == "no new idea fits the time left"
    state.elapsed_s = 600.0
    assert Budget.of(state).end_reason == "the budget is used up"
    alone = started(blueprint=idea().blueprint)
    assert Budget.of(alone).end_reason == "the given blueprint was executed"


def test_an_ensemble_is_no_searched_node() -> None:
    state = started(max_nodes=2)
    add(state, None, 0.5)
    finish(state, propose(state, 1, operator="ensemble"), 0.6)
    assert Budget.of(state).nodes_left == 1
