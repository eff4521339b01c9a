from typing import Any

import pytest

from agent.planner.base import Proposal, Request
from agent.record.state import RunState
from agent.repository.family import Family
from agent.search.continuing import continued_seconds, node_to_continue
from agent.search.policy import Greedy
from agent.search.scheduler import Propose, Scheduler
from tests.support.states import add, finish, idea, propose, started

SHARES: dict[str, Any] = {"rules": 3, "final_node_minutes": 2.0}


def cut_node(state: RunState, metric: float, share: float, seconds: float = 30.0, **more: object) -> int:
    number = propose(state)
    finish(state, number, metric, seconds, cut={"what": "training rows", "share": share}, **more)
    return number


def waiting(state: RunState, left_s: float = 500.0) -> int | None:
    node = node_to_continue(state, left_s)
    return None if node is None else node.id


def test_a_node_that_used_a_small_part_of_its_rows_goes_on_although_others_are_better() -> None:
    state = started(**SHARES)
    add(state, None, 0.40)
    cut_node(state, 0.36, share=0.3)
    assert waiting(state) == 2


@pytest.mark.parametrize(("metric", "share"), [(0.36, 0.9), (0.05, 0.3)])
def test_a_node_that_cannot_catch_up_does_not_go_on(metric: float, share: float) -> None:
    state = started(**SHARES)
    add(state, None, 0.40)
    cut_node(state, metric, share)
    assert waiting(state) is None


@pytest.mark.parametrize(("gain", "expected"), [(0.5, 2), (0.05, None)])
def test_families_differ_in_what_a_cut_node_may_gain(
    toy_family: Family, gain: float, expected: int | None
) -> None:
    state = started(families=[toy_family.model_copy(update={"cut_gain": gain})], **SHARES)
    add(state, None, 0.40)
    cut_node(state, 0.36, share=0.3)
    assert waiting(state) == expected


def test_an_uncut_node_and_runs_of_former_rules_or_of_a_fixed_limit_do_not_go_on() -> None:
    state = started(**SHARES)
    add(state, None, 0.4)
    assert waiting(state) is None
    for settings in ({"rules": 2, "final_node_minutes": 2.0}, {"rules": 3}):
        other = started(**settings)
        cut_node(other, 0.4, share=0.3)
        assert waiting(other) is None


def test_a_node_goes_on_only_with_clearly_more_time_than_it_had() -> None:
    state = started(**SHARES)
    cut_node(state, 0.4, share=0.3, seconds=100.0)
    assert waiting(state, left_s=165.0) == 1
    assert waiting(state, left_s=164.0) is None


def test_a_node_whose_caches_bring_it_to_its_end_goes_on_with_less_time() -> None:
    state = started(**SHARES)
    cut_node(state, 0.4, share=0.8, seconds=200.0, cache_seconds=160.0)
    assert waiting(state, left_s=106.0) == 1  # 50 s for the work and 40 s for the rest of the caches
    assert waiting(state, left_s=105.0) is None


def test_a_node_whose_time_went_into_caches_goes_on_with_less_time_than_it_had() -> None:
    """A first baseline on a busy machine: pictures and features of its first rows wait in the cache."""
    state = started(**SHARES)
    cut_node(state, 0.3, share=0.06, seconds=100.0, cache_seconds=85.0)
    assert waiting(state, left_s=65.0) == 1  # 1.4 times the work, of which 85 s are done
    assert waiting(state, left_s=64.0) is None


def test_a_node_that_would_begin_anew_needs_its_whole_time() -> None:
    state = started(**SHARES)
    number = propose(state)
    cut = {"what": "pixels", "share": 0.6, "anew": True}
    finish(state, number, 0.3, 60.0, cache_seconds=55.0, cut=cut)
    assert continued_seconds(state.nodes[number]) == pytest.approx(100.0)
    assert waiting(state, left_s=99.0) == 1  # 1.4 times the work
    assert waiting(state, left_s=98.0) is None


def test_a_baseline_that_a_busy_machine_cut_goes_on_before_anything_else() -> None:
    """Half of five minutes is over, and one of three networks has features."""
    state = started(**SHARES, minutes=5.0, refit_rows=1.44)
    state.elapsed_s = 53.0
    number = propose(state)
    part = {"what": "networks", "share": 1 / 3}
    finish(state, number, 0.51, 93.0, cache_seconds=52.0, choice_seconds=19.0, cut=part)
    action = Scheduler(Greedy(), Planner()).next(state)
    assert isinstance(action, Propose)
    assert action.continues == 1


def test_the_most_promising_node_goes_on_first_and_each_only_once() -> None:
    state = started(**SHARES)
    cut_node(state, 0.40, share=0.8)
    cut_node(state, 0.38, share=0.2)
    state.elapsed_s = 250.0  # the first look is over
    scheduler = Scheduler(Greedy(), Planner())
    action = scheduler.next(state)
    assert isinstance(action, Propose)
    assert (action.operator, action.parents, action.continues) == ("improve", (2,), 2)
    assert action.expected_s == pytest.approx(150.0)
    assert (
        action.note == "Node 002 used 20% of its training rows because of its time limit; it gets more time."
    )
    assert action.idea.blueprint == state.nodes[2].idea.blueprint
    continue_node(state, 2)
    finish(state, 3, 0.6)
    assert waiting(state) is None  # node 1 may gain .06, and .6 is out of its reach


def test_a_continuation_that_came_no_further_does_not_go_on_again() -> None:
    state = started(**SHARES)
    cut_node(state, 0.4, share=0.3)
    continue_node(state, 1)
    finish(state, 2, 0.4, 60.0, cut={"what": "training rows", "share": 0.3})
    assert waiting(state) is None
    further = started(**SHARES)
    cut_node(further, 0.4, share=0.3)
    continue_node(further, 1)
    finish(further, 2, 0.45, 60.0, cut={"what": "training rows", "share": 0.6})
    assert waiting(further) == 2


def test_a_continuation_holds_nothing_that_its_code_has_already() -> None:
    state = started(**SHARES)
    number = propose(state, what=idea("a draft", {"a": 1}, moves=("larger",)))
    finish(state, number, 0.4, 30.0, cut={"what": "epochs", "share": 0.3})
    action = Scheduler(Greedy(), Planner()).next(state)
    assert isinstance(action, Propose)
    assert (action.idea.title, action.idea.moves, action.idea.edits) == ("a draft", (), ())


class Planner:
    def propose(self, request: Request) -> Proposal | None:
        return None


def continue_node(state: RunState, number: int) -> None:
    what = state.nodes[number].idea
    child = propose(state, number, what=what)
    state.nodes[child].continues = number


def test_in_the_first_look_only_the_first_baseline_goes_on() -> None:
    state = started(**SHARES)
    add(state, None, 0.40)
    cut_node(state, 0.45, share=0.3)
    assert node_to_continue(state, 500.0, only_first=True) is None
    assert waiting(state) == 2
    other = started(**SHARES)
    cut_node(other, 0.45, share=0.3)
    add(other, None, 0.40)
    found = node_to_continue(other, 500.0, only_first=True)
    assert found is not None
    assert found.id == 1
