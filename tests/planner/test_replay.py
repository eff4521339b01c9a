"""Recorded ideas return below the nodes that replay their parents; impossible ideas are skipped."""

import numpy as np
import pytest

from agent.planner.base import Proposal, Request
from agent.planner.constraints import Constraints
from agent.planner.replay import RecordedIdea, ReplayPlanner
from agent.planner.search_space import SearchSpace
from agent.record.events import NodeProposed, ReplaySource
from agent.record.state import RunState
from agent.repository.edits import Edit
from agent.repository.family import Family, Value
from tests.support.states import finish, idea, started
from tests.support.toy_tasks import TOY_CONTEXT, TOY_SLOTS

SOURCE = ReplaySource(run="toy-then", ideas=4)
IDEAS = [
    RecordedIdea(1, None, idea("Plain", dict(TOY_SLOTS))),
    RecordedIdea(2, 1, idea("Deeper", {**TOY_SLOTS, "depth": 2}, moves=("deeper",))),
    RecordedIdea(3, 2, idea("Wider", {**TOY_SLOTS, "depth": 2, "width": 2})),
    RecordedIdea(4, None, idea("Crossed", {**TOY_SLOTS, "kind": "crossed"})),
]


class Replaying:
    """A search that only proposes: what the planner gives back becomes a node of the state."""

    def __init__(
        self, family: Family, ideas: list[RecordedIdea], constraints: Constraints | None = None
    ) -> None:
        self.notes: list[str] = []
        self.state = started(replay_source=SOURCE, planner="replay")
        search_space = SearchSpace({"toy": family}, TOY_CONTEXT, constraints)
        self.planner = ReplayPlanner(SOURCE, ideas, search_space, self.notes.append)

    def next(self, limit_s: float = 60.0) -> Proposal | None:
        parent = self.planner.next_parent(self.state, limit_s)
        node = None if parent is None else self.state.nodes[parent]
        rng = np.random.default_rng(0)
        made = self.planner.propose(Request(self.state, node, limit_s, finishing=False, rng=rng))
        if made is not None:
            _happened(self.state, parent, made)
        return made

    def titles(self) -> list[str]:
        """Of all that comes, every node being valid."""
        found = []
        while (made := self.next()) is not None:
            found.append(made.idea.title)
            finish(self.state, len(self.state.nodes), 0.7)
        return found


def _happened(state: RunState, parent: int | None, made: Proposal) -> None:
    state.apply(
        NodeProposed(
            elapsed_s=state.elapsed_s,
            node=len(state.nodes) + 1,
            operator="draft" if parent is None else "improve",
            parents=() if parent is None else (parent,),
            idea=made.idea,
            replays=made.replays,
        )
    )


def test_every_idea_comes_back_below_its_parent_in_order(toy_family: Family) -> None:
    replaying = Replaying(toy_family, IDEAS)
    assert replaying.titles() == ["Plain", "Deeper", "Wider", "Crossed"]
    assert [node.parent for node in replaying.state.nodes.values()] == [None, 1, 2, None]
    assert replaying.notes == []


def test_it_waits_for_a_parent_that_is_under_way_and_goes_on_elsewhere(toy_family: Family) -> None:
    replaying = Replaying(toy_family, IDEAS)
    first, second = replaying.next(), replaying.next()
    assert first is not None
    assert second is not None
    assert (second.idea.title, second.replays) == ("Crossed", 4)
    assert second.note == "The idea of node 004 of run toy-then."
    assert replaying.next() is None
    finish(replaying.state, 1, 0.7)
    assert replaying.titles() == ["Deeper", "Wider"]
    assert [node.parent for node in replaying.state.nodes.values()] == [None, None, 1, 3]
    assert replaying.notes == [], "an idea that only has to wait is not skipped"


def test_what_grew_from_a_node_that_is_not_valid_here_is_left_out(toy_family: Family) -> None:
    replaying = Replaying(toy_family, IDEAS)
    replaying.next()
    finish(replaying.state, 1, 0.7)
    replaying.next()
    finish(replaying.state, 2, None)
    assert replaying.titles() == ["Crossed"]
    assert replaying.notes == [
        "The idea of node 003 of run toy-then is skipped: its parent, node 002, is not valid in this run "
        "(node 002: failed)."
    ]


def _one(slots: dict[str, Value], family: str = "toy") -> RecordedIdea:
    what = idea("Lost", slots)
    assert what.blueprint is not None
    return RecordedIdea(
        1, None, what.model_copy(update={"blueprint": what.blueprint.model_copy(update={"family": family})})
    )


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (_one(dict(TOY_SLOTS), family="gone"), "family 'gone' does not serve this competition"),
        (_one({**TOY_SLOTS, "height": 2}), "family toy has no slot 'height'"),
        (_one({**TOY_SLOTS, "depth": 99}), "slot 'depth' does not accept 99"),
        (_one({**TOY_SLOTS, "width": 6}), "the user pinned or forbade"),
        (
            RecordedIdea(1, None, idea("Lost").model_copy(update={"blueprint": None})),
            "no family renders its code.",
        ),
    ],
)
def test_what_cannot_be_made_here_is_left_out_with_what_grew_from_it(
    toy_family: Family, lost: RecordedIdea, reason: str
) -> None:
    below = RecordedIdea(2, 1, idea("Below", dict(TOY_SLOTS)))
    replaying = Replaying(
        toy_family, [lost, below, IDEAS[3]], Constraints(forbidden_values=frozenset({("width", 6)}))
    )
    assert replaying.titles() == ["Crossed"]
    assert len(replaying.notes) == 2
    assert reason in replaying.notes[0]
    assert replaying.notes[1].endswith("skipped: its parent, node 001, is skipped.")


def test_a_slot_that_the_family_has_gained_has_its_default(toy_family: Family) -> None:
    older = _one({name: value for name, value in TOY_SLOTS.items() if name != "finish"})
    made = Replaying(toy_family, [older]).next()
    assert made is not None
    assert made.idea.blueprint is not None
    assert made.idea.blueprint.slots == TOY_SLOTS


def test_edits_and_citations_come_back_too(toy_family: Family) -> None:
    edit = Edit(file="main.py", find="a = 1", replace="a = 2")
    edited = idea("Edited", dict(TOY_SLOTS), edits=(edit,), cites={"depth": ("00007",)})
    replaying = Replaying(toy_family, [IDEAS[0], RecordedIdea(2, 1, edited)])
    replaying.next()
    finish(replaying.state, 1, 0.7)
    made = replaying.next()
    assert made is not None
    assert made.idea == edited


def test_near_the_end_nothing_is_begun_that_surely_takes_longer(toy_family: Family) -> None:
    replaying = Replaying(toy_family, IDEAS)
    replaying.next()
    finish(replaying.state, 1, 0.7, seconds=50.0)
    assert replaying.next(limit_s=30.0) is None
    assert "it needs about 60 s, but only 30 s are left." in replaying.notes[0]
    assert replaying.next(limit_s=60.0) is not None, "with a node's usual time it may be tried"
