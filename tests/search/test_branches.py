"""The choices of rules 3: a first look, warm starts, and the branch with the most to gain."""

import pytest

from agent.planner.base import Proposal, Request
from agent.record.settings import EarlierNode, WarmStart
from agent.record.state import RunState
from agent.repository.idea import Blueprint
from agent.search import branches
from agent.search.budget import Budget
from agent.search.policy import MCTS
from agent.search.scheduler import LATE_LOOK_SHARE, Propose, Scheduler
from tests.support.states import add, finish, idea, propose, started


class Drafts:
    """A planner with some drafts of equal cost, and an improvement for every node."""

    def __init__(self, drafts: int, expected_s: float = 30.0) -> None:
        self.drafts = drafts
        self.expected_s = expected_s
        self.requests: list[Request] = []

    def propose(self, request: Request) -> Proposal | None:
        self.requests.append(request)
        if request.parent is None and len(request.state.roots) >= self.drafts:
            return None
        if request.parent is None and self.expected_s > request.most_expected_s:
            return None
        return Proposal(idea(f"node {len(request.state.nodes) + 1}"), 5.0)


def _next(state: RunState, planner: Drafts) -> Propose:
    action = Scheduler(MCTS(), planner).next(state)
    assert isinstance(action, Propose)
    return action


def _unrepeated(state: RunState) -> RunState:
    for node in state.nodes.values():
        node.repeats.append(node.metric or 0.0)
    return state


def test_every_draft_is_looked_at_before_the_first_improvement() -> None:
    state, planner = started(rules=3), Drafts(5)
    for _ in range(5):
        assert _next(_unrepeated(state), planner).operator == "draft"
        add(state, None, 0.5, seconds=1)
    assert _next(_unrepeated(state), planner).operator == "improve"


def test_a_look_ends_after_a_third_of_the_time() -> None:
    state, planner = started(rules=3), Drafts(20, expected_s=100.0)
    while _next(_unrepeated(state), planner).operator == "draft":
        add(state, None, 0.5, seconds=30)
    assert 200 <= state.elapsed_s <= 230, "of 600 s"


def test_structures_that_cost_little_are_looked_at_after_the_first_look_too() -> None:
    state = started(rules=3)
    for _ in range(2):
        add(state, None, 0.5, seconds=110)
    least_s = LATE_LOOK_SHARE * Budget.of(state).search_left_s
    assert _next(_unrepeated(state), Drafts(20, expected_s=1.1 * least_s)).operator == "improve"
    assert _next(_unrepeated(state), Drafts(20, expected_s=0.9 * least_s)).operator == "draft"


def test_a_look_takes_a_third_of_the_nodes_but_at_least_two() -> None:
    for most, drafts in ((3, 2), (12, 4)):
        state, planner = started(rules=3, max_nodes=most), Drafts(20)
        while _next(_unrepeated(state), planner).operator == "draft":
            add(state, None, 0.5, seconds=1)
        assert len(state.roots) == drafts


def test_the_time_of_the_preparation_does_not_shorten_the_look() -> None:
    state, planner = started(rules=3), Drafts(20)
    state.elapsed_s = 300.0
    while _next(_unrepeated(state), planner).operator == "draft":
        add(state, None, 0.5, seconds=10)
    assert len(state.roots) == 10


def test_a_language_model_chooses_its_own_drafts() -> None:
    state = started(rules=3, planner="llm")
    for _ in range(3):
        add(state, None, 0.5, seconds=1)
    assert _next(_unrepeated(state), Drafts(20)).operator == "improve"


def test_the_best_branch_is_improved_and_close_ones_get_their_turn() -> None:
    state = started(rules=3)
    best, close, lost = (add(state, None, score, seconds=1) for score in (0.90, 0.898, 0.5))
    chosen = []
    for _ in range(8):
        parent = branches.next_parent(state)
        assert parent is not None
        chosen.append(parent)
        add(state, parent, 0.6, seconds=1)
    assert chosen[0] == best
    assert close in chosen
    assert lost not in chosen


@pytest.mark.parametrize(("error", "expected"), [(0.0, {1}), (0.016, {1, 2})])
def test_a_branch_within_the_noise_of_the_scores_gets_its_turn(error: float, expected: set[int]) -> None:
    state = started(rules=3)
    for score in (0.970, 0.964):
        finish(state, propose(state), score, 1.0, metric_se=error)
    chosen = set()
    for _ in range(12):
        parent = branches.next_parent(state)
        assert parent is not None
        chosen.add(parent)
        finish(state, propose(state, parent), 0.96, 1.0, metric_se=error)
        state.valid_since_best = 0
    assert chosen == expected


def test_a_branch_without_a_gain_for_long_gives_way() -> None:
    def first_after(scores: list[float]) -> int | None:
        state = started(rules=3)
        for score in (0.90, 0.895):
            add(state, None, score, seconds=1)
        for score in scores:
            add(state, 1, score, seconds=1)
        state.valid_since_best = 0
        return branches.next_parent(state)

    gaining = [0.90 + 0.0005 * step for step in range(1, 13)]
    assert first_after(gaining) == 14
    assert first_after([0.90 + 0.000001 * step for step in range(1, 13)]) == 2


def test_where_no_draft_is_left_the_branches_go_on_in_turn() -> None:
    """The run stagnates, so its policy wants a draft; all are drafted."""
    state, planner = started(rules=3, minutes=60.0), Drafts(3)
    for score in (0.90, 0.899, 0.898):
        add(state, None, score, seconds=1)
    chosen = []
    for _ in range(branches.PATIENCE + 12):
        (parent,) = _next(_unrepeated(state), planner).parents
        chosen.append(parent)
        add(state, parent, 0.85, seconds=1)
    assert {chosen.count(parent) for parent in (1, 2, 3)} <= {6, 7, 8, 9}


def test_the_best_node_of_a_branch_is_its_parent() -> None:
    state = started(rules=3)
    root = add(state, None, 0.8, seconds=1)
    better = add(state, root, 0.9, seconds=1)
    add(state, better, 0.85, seconds=1)
    assert branches.next_parent(state) == better


def test_an_expensive_branch_must_be_worth_its_time() -> None:
    state = started(rules=3)
    cheap, expensive = add(state, None, 0.9, seconds=1), add(state, None, 0.901, seconds=120)
    assert branches.next_parent(state) == cheap
    assert state.best is not None
    assert state.best.id == expensive


def test_running_nodes_spread_the_workers() -> None:
    state = started(rules=3)
    first, second = add(state, None, 0.9, seconds=1), add(state, None, 0.8999, seconds=1)
    assert branches.next_parent(state) == first
    propose(state, first)
    assert branches.next_parent(state) == second


@pytest.mark.parametrize("best", [0.9, 1.0, 1.7])
def test_scores_at_and_beyond_the_usual_best_are_ranked(best: float) -> None:
    state = started(rules=3)
    add(state, None, best - 0.5, seconds=1)
    assert branches.next_parent(state) == 1
    add(state, None, best, seconds=1)
    assert branches.next_parent(state) == 2


def test_without_a_gain_for_long_a_new_draft_is_tried_once() -> None:
    state = started(rules=3)
    root = add(state, None, 0.9, seconds=1)
    for _ in range(branches.PATIENCE):
        add(state, root, 0.8, seconds=1)
    assert branches.next_parent(state) is None
    add(state, None, 0.7, seconds=1)
    assert branches.next_parent(state) == root


def _warm(*seconds: float) -> WarmStart:
    starts = [
        EarlierNode(
            node=at,
            title=f"Earlier {at}",
            blueprint=Blueprint(family="toy", slots={"number": 100 + at}),
            metric=0.9,
            seconds=taken,
        )
        for at, taken in enumerate(seconds, start=7)
    ]
    return WarmStart(run="toy-1", starts=tuple(starts))


def test_the_kept_solution_is_the_first_node() -> None:
    state, planner = started(rules=3, warm_start=_warm(1.0, 1.0)), Drafts(3)
    for number in (7, 8):
        action = _next(state, planner)
        assert action.operator == "draft"
        assert action.idea.title == f"Earlier {number}"
        assert f"node 00{number} of run toy-1" in action.note
        propose(state, what=action.idea)
    assert _next(state, planner).idea.title == "node 3"


def test_an_earlier_node_that_takes_too_long_is_left_out() -> None:
    state = started(rules=3, warm_start=_warm(1000.0, 1.0))
    assert _next(state, Drafts(3)).idea.title == "Earlier 8"
