"""The time that a run reserves for the refit of its solution."""

import pytest

from agent.repository.family import Family
from agent.search.budget import Budget
from agent.search.refits import QUICK_START_S, is_refit_idle, refit_parts_s, refit_s
from tests.support.states import add, finish, idea, propose, started


def test_time_is_reserved_for_all_that_an_ensemble_blends() -> None:
    state = started(minutes=10.0, refit_rows=1.25)
    free = Budget.of(state).search_left_s
    for metric, seconds in ((0.5, 10.0), (0.6, 20.0), (0.7, 30.0), (0.8, 40.0), (0.4, 200.0)):
        add(state, None, metric, seconds)
    kept_back = free - (300.0 + Budget.of(state).search_left_s)
    assert kept_back == pytest.approx(sum(refit_s(state, state.nodes[number]) for number in (1, 2, 3, 4)))
    assert kept_back > 1.25 * (10 + 20 + 30 + 40)
    assert Budget.of(state).execution_limit_s(final=True) == pytest.approx(300.0 - kept_back)


def test_the_refit_of_the_leader_or_a_fifth_of_the_budget_is_reserved() -> None:
    state = started(minutes=10.0, refit_rows=1.25, rules=3)
    for metric, seconds in ((0.5, 30.0), (0.6, 30.0), (0.7, 30.0), (0.8, 30.0)):
        add(state, None, metric, seconds)
    assert Budget.of(state).refit_reserve_s == pytest.approx(120.0), "the members' refits, up to a fifth"
    add(state, None, 0.9, 78.0)
    assert 120.0 < refit_s(state, state.nodes[5]) < 150.0
    assert Budget.of(state).refit_reserve_s == pytest.approx(refit_s(state, state.nodes[5]))
    add(state, None, 0.95, 200.0)
    others_s = refit_s(state, state.nodes[4]) + refit_s(state, state.nodes[3])
    assert Budget.of(state).refit_reserve_s == pytest.approx(others_s), "too long a refit is not waited for"


def test_refits_that_alone_learn_some_classes_get_up_to_half_of_the_run() -> None:
    state = started(minutes=10.0, refit_rows=1.25, rules=3, refit_is_needed=True)
    for seconds in (30.0, 40.0):
        add(state, None, 0.5, seconds)
    both_s = refit_s(state, state.nodes[1]) + refit_s(state, state.nodes[2])
    assert 120.0 < both_s < 300.0, "more than a fifth of the budget"
    assert Budget.of(state).refit_reserve_s == pytest.approx(both_s)
    add(state, None, 0.9, 200.0)
    assert Budget.of(state).refit_reserve_s == pytest.approx(300.0)


def test_nothing_is_reserved_for_refits_that_do_not_fit() -> None:
    """A first baseline that a busy machine cut keeps the time that it needs to go on."""
    state = started(minutes=5.0, refit_rows=1.44, rules=3)
    part = {"what": "networks", "share": 1 / 3}
    finish(state, propose(state), 0.51, 93.0, cache_seconds=52.0, choice_seconds=19.0, cut=part)
    assert refit_s(state, state.nodes[1]) > 0.3 * 300.0
    assert Budget.of(state).refit_reserve_s == 0.0


def test_no_more_than_half_of_a_run_is_reserved() -> None:
    state = started(minutes=1.0, refit_rows=1.25)
    add(state, None, 0.5, 50.0)
    assert Budget.of(state).refit_reserve_s == 30.0


def test_a_given_blueprint_leaves_room_for_its_refit() -> None:
    state = started(minutes=10.0, node_minutes=10.0, refit_rows=1.25, blueprint=idea().blueprint)
    limit_s = Budget.of(state).execution_limit_s(final=False)
    add(state, None, 0.5, limit_s)
    assert refit_s(state, state.nodes[1]) <= 600.0 - limit_s
    assert limit_s > 150.0


def test_a_refit_needs_neither_the_caches_nor_the_choices_of_its_node() -> None:
    """A layer on the cached features of frozen networks: fitted once, not once for each penalty."""
    state = started(minutes=10.0, refit_rows=1.25, rules=3)
    finish(state, propose(state), 0.5, 100.0, cache_seconds=70.0, choice_seconds=20.0)
    assert refit_s(state, state.nodes[1]) == pytest.approx(1.4 * 1.25 * 10.0 + QUICK_START_S)
    assert Budget.of(state).refit_reserve_s == pytest.approx(1.4 * 1.25 * 10.0 + QUICK_START_S)


def test_what_has_learned_from_all_rows_is_not_refitted(toy_family: Family) -> None:
    """Without audit rows, the models of the folds have learned from all rows together."""
    again = toy_family.model_copy(update={"refits_folds": True})
    settings: dict[str, object] = {"minutes": 10.0, "refit_rows": 1.25, "rules": 3, "folds_of_all_rows": 5}

    def idle(family: Family, **result: object) -> bool:
        state = started(families=[family], **settings)
        finish(state, propose(state), 0.5, 20.0, **{"folds": 5, **result})
        is_idle = is_refit_idle(state, state.nodes[1])
        assert (Budget.of(state).refit_reserve_s == 0.0) is is_idle
        assert (refit_s(state, state.nodes[1]) == 0.0) is is_idle
        return is_idle

    assert idle(again)
    assert not idle(toy_family), "its refit trains one model on all rows"
    assert not idle(again, folds=3)
    assert not idle(again, cut={"what": "training rows", "share": 0.5})


def test_the_refit_of_an_ensemble_trains_the_members_that_it_changes(toy_family: Family) -> None:
    again = toy_family.model_copy(update={"refits_folds": True})
    state = started(families=[again], minutes=10.0, refit_rows=1.25, rules=3, folds_of_all_rows=5)
    for cut in (None, {"what": "epochs", "share": 0.5}):
        finish(state, propose(state), 0.5, 20.0, folds=5, cut=cut)
    blend = propose(state, 1, operator="ensemble")
    state.nodes[blend].parents = (1, 2)
    finish(state, blend, 0.6, 1.0, member_weights={1: 0.5, 2: 0.5})
    assert list(refit_parts_s(state, state.nodes[blend])) == [2]
    assert not is_refit_idle(state, state.nodes[blend])
    finish(state, blend, 0.6, 1.0, member_weights={1: 1.0})
    assert is_refit_idle(state, state.nodes[blend])


def test_the_refit_of_a_cut_node_does_the_work_that_was_left_out() -> None:
    state = started(minutes=10.0, refit_rows=1.25, rules=3)
    part = {"what": "training rows", "share": 0.3}
    finish(state, propose(state), 0.5, 50.0, cache_seconds=40.0, cut=part)
    assert refit_s(state, state.nodes[1]) == pytest.approx(1.4 * 1.25 * 50.0 + QUICK_START_S)
