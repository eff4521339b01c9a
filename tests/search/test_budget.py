from agent.search.budget import Budget, counted_preparation_s, preparation_sentence
from tests.support.states import add, finish, propose, started


def test_a_reserve_is_held_back_and_each_node_has_its_limit() -> None:
    budget = Budget.of(started())
    assert budget.reserve_s == 30
    assert budget.search_left_s == 570
    assert budget.next_limit_s == 60
    assert not budget.finishing
    assert not budget.is_exhausted


def test_time_is_held_back_to_time_the_ensemble_if_the_time_per_row_is_limited() -> None:
    assert Budget.of(started(predict_ms=5.0)).reserve_s == 30 + 15
    assert Budget.of(started(predict_ms=5.0, minutes=1.0)).reserve_s == 3 + 6


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


def test_the_preparation_belongs_to_the_budget_and_leaves_half_of_it_to_the_search() -> None:
    run = started().run  # 10 minutes
    assert counted_preparation_s(100.0, run) == 100.0
    assert preparation_sentence(100.0, run) == (
        "The preparation took 1:40 of the run's 10:00, which leaves 8:20 for the search."
    )
    assert preparation_sentence(20.0, run) == ""
    assert counted_preparation_s(1340.0, run) == 300.0
    assert preparation_sentence(1340.0, run) == (
        "The preparation took 22:20 of the run's 10:00, so the run takes longer than --minutes: the search "
        "gets 5:00 in any case. Prepared data are used again, so the next run starts faster."
    )
