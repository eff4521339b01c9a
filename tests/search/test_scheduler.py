import pytest

from agent.planner.base import Proposal, Request
from agent.record.settings import EarlierNode, WarmStart
from agent.repository.family import Family
from agent.repository.idea import Blueprint
from agent.search.policy import Greedy
from agent.search.scheduler import Propose, Repeat, Scheduler
from tests.support.states import add, finish, idea, propose, started


class Scripted:
    """A planner with nothing to say about some parents."""

    def __init__(self, silent: set[int | None] = frozenset()) -> None:  # type: ignore[assignment]
        self.silent = silent
        self.requests: list[Request] = []

    def propose(self, request: Request) -> Proposal | None:
        self.requests.append(request)
        parent = request.parent.id if request.parent else None
        return None if parent in self.silent else Proposal(idea(f"after {parent}"), 5.0)


def test_an_exhausted_budget_starts_nothing() -> None:
    state = started(max_nodes=1)
    scheduler = Scheduler(Greedy(), Scripted())
    assert isinstance(scheduler.next(state), Propose)
    add(state, None, 0.5)
    assert scheduler.next(state) is None
    late = started()
    late.elapsed_s = 598.0
    assert scheduler.next(late) is None


def test_what_a_planner_thought_of_until_the_time_was_up_is_not_started() -> None:
    class Slow(Scripted):
        def propose(self, request: Request) -> Proposal | None:
            request.state.elapsed_s = 598.0
            return super().propose(request)

    planner = Slow()
    assert Scheduler(Greedy(), planner).next(started()) is None
    assert len(planner.requests) == 1


def test_a_planner_without_an_idea_for_the_chosen_parent_is_asked_for_the_next_best() -> None:
    state = started()
    for score in (0.5, 0.9, 0.7):
        add(state, None, score)
    state.nodes[2].repeats.append(0.9)
    action = Scheduler(Greedy(), Scripted(silent={2})).next(state)
    assert isinstance(action, Propose)
    assert action.parents == (3,)


def test_nothing_new_anywhere_ends_the_search() -> None:
    assert Scheduler(Greedy(), Scripted(silent={None})).next(started()) is None


def test_a_blueprint_is_the_only_node() -> None:
    state = started(blueprint=Blueprint(family="toy", slots={}))
    scheduler = Scheduler(Greedy(), Scripted())
    action = scheduler.next(state)
    assert isinstance(action, Propose)
    assert action.idea.blueprint == state.run.blueprint
    add(state, None, 0.5)
    assert scheduler.next(state) is None


def test_the_best_node_is_repeated_once_when_that_is_cheap() -> None:
    state = started()
    add(state, None, 0.5)
    add(state, None, 0.9)
    assert Scheduler(Greedy(), Scripted()).next(state) == Repeat(2)
    state.nodes[2].repeats.append(0.89)
    assert isinstance(Scheduler(Greedy(), Scripted()).next(state), Propose)


@pytest.mark.parametrize(("kind", "is_repeated"), [("plain", False), ("crossed", True)])
def test_a_node_without_randomness_is_not_repeated(toy_family: Family, kind: str, is_repeated: bool) -> None:
    family = toy_family.model_copy(update={"deterministic": {"kind": ("plain",)}})
    state = started(families=[family], rules=3)
    add(state, None, 0.5)
    finish(state, propose(state, what=idea(slots={"kind": kind})), 0.9)
    assert (Scheduler(Greedy(), Scripted()).next(state) == Repeat(2)) == is_repeated


def test_towards_the_end_the_time_goes_to_the_best() -> None:
    state = started()
    for score in (0.9, 0.5):
        add(state, None, score, seconds=1)
    state.nodes[1].repeats.append(0.9)
    state.elapsed_s = 450.0
    planner = Scripted()
    action = Scheduler(Greedy(drafts=5), planner).next(state)
    assert isinstance(action, Propose)
    assert action.parents == (1,)
    assert planner.requests[0].finishing


def test_many_failures_in_a_row_end_the_search() -> None:
    state = started()
    add(state, None, 0.5)
    for _ in range(7):
        add(state, None, None)
    assert Scheduler(Greedy(), Scripted()).next(state) is not None
    add(state, None, None)
    assert Scheduler(Greedy(), Scripted()).next(state) is None


@pytest.mark.parametrize(
    ("seconds", "settings", "expected"),
    [(10.0, {}, 18), (60.0, {}, 3), (0.1, {}, 20), (0.1, {"max_nodes": 30}, 9), (0.1, {"max_nodes": 4}, 3)],
)
def test_nodes_of_an_earlier_run_take_a_part_of_the_time_and_of_the_nodes(
    seconds: float, settings: dict[str, object], expected: int
) -> None:
    starts = tuple(
        EarlierNode(
            node=number,
            title=f"Start {number}",
            blueprint=Blueprint(family="toy", slots={"number": number}),
            metric=0.5,
            seconds=seconds,
        )
        for number in range(100, 120)
    )
    warm = WarmStart(run="earlier", starts=starts)
    state = started(rules=3, final_node_minutes=2.0, warm_start=warm, **settings)
    taken = 0
    while (action := Scheduler(Greedy(), Scripted()).next(state)) is not None:
        if isinstance(action, Repeat):
            state.nodes[action.node].repeats.append(0.5)
            continue
        if not action.idea.title.startswith("Start"):
            break
        finish(state, propose(state, what=action.idea), 0.5, seconds=seconds)
        taken += 1
    assert taken == expected
