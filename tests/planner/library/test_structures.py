"""The library planner by rules 3: structures first, then values within them."""

import numpy as np
import pytest

from agent.memory.lesson import Lesson, Scope
from agent.planner.base import Proposal, Request
from agent.planner.constraints import Constraints
from agent.planner.library.evidence import StructureEvidence
from agent.planner.library.planner import LibraryPlanner
from agent.planner.search_space import SearchSpace
from agent.record.settings import EarlierDraft, EarlierNode, WarmStart
from agent.record.state import RunState
from agent.repository.family import Family, Value
from agent.repository.idea import Blueprint
from tests.support.states import evidence, finish, idea, lesson, propose, started
from tests.support.toy_tasks import TOY_CONTEXT


@pytest.fixture
def family(toy_family: Family) -> Family:
    """The toy with its kind as structure, and a range."""
    slots = {**toy_family.slots, "depth": toy_family.slots["depth"].model_copy(update={"range": (1, 40)})}
    return toy_family.model_copy(update={"structure": ("kind",), "slots": slots})


@pytest.fixture
def planner(family: Family) -> LibraryPlanner:
    return LibraryPlanner({"toy": family}, TOY_CONTEXT)


def _request(state: RunState, parent: int | None = None, seed: int = 1, **more: object) -> Request:
    settings = {"limit_s": 60.0, "finishing": False, "rng": np.random.default_rng(seed), **more}
    return Request(state, state.nodes[parent] if parent else None, **settings)  # type: ignore[arg-type]


def _drafted(planner: LibraryPlanner, state: RunState, score: float = 0.7) -> int:
    proposal = planner.propose(_request(state))
    assert proposal is not None
    node = propose(state, what=proposal.idea)
    finish(state, node, score, seconds=10)
    return node


def _improved(planner: LibraryPlanner, state: RunState, parent: int, seed: int = 1) -> Proposal:
    proposal = planner.propose(_request(state, parent, seed))
    assert proposal is not None
    return proposal


def _slots(proposal: Proposal) -> dict[str, Value]:
    assert proposal.idea.blueprint is not None
    return proposal.idea.blueprint.slots


def _lesson(structure: str, slot: str, old: Value, new: Value, effect: float, error: float) -> Lesson:
    told = lesson(slot, old, new, evidence(effect, error))
    return told.model_copy(update={"scope": told.scope.model_copy(update={"structure": structure})})


def test_each_draft_is_tried_once_in_the_order_of_the_family(planner: LibraryPlanner) -> None:
    state = started(rules=3)
    titles = [state.nodes[_drafted(planner, state)].idea.title for _ in range(2)]
    assert titles == ["Plain", "Crossed"]
    assert planner.propose(_request(state)) is None, "a third draft would be a varied one"


def test_one_draft_of_each_structure_comes_before_the_second_of_any(family: Family) -> None:
    drafts = family.drafts
    second = drafts[0].model_copy(
        update={"id": "wide", "title": "Wide", "set": {"kind": "plain", "width": 4}}
    )
    planner = LibraryPlanner(
        {"toy": family.model_copy(update={"drafts": (drafts[0], second, drafts[1])})}, TOY_CONTEXT
    )
    state = started(rules=3)
    titles = [state.nodes[_drafted(planner, state)].idea.title for _ in range(3)]
    assert titles == ["Plain", "Crossed", "Wide"]


def test_cheap_structures_do_not_wait_for_a_dear_one(family: Family) -> None:
    kind = family.slots["kind"].model_copy(update={"cost": {"plain": 1.0, "crossed": 5.0}})
    plain, crossed = family.drafts
    other = plain.model_copy(update={"id": "wide", "title": "Wide", "set": {"width": 4}, "rank": 1})
    dear_first = family.model_copy(
        update={"slots": {**family.slots, "kind": kind}, "drafts": (plain, crossed, other)}
    )
    planner = LibraryPlanner(
        {"toy": dear_first.model_copy(update={"structure": ("kind", "width")})}, TOY_CONTEXT
    )
    state = started(rules=3)
    _drafted(planner, state)  # 10 s
    for left_s, title in ((2000.0, "Crossed"), (1000.0, "Wide")):
        proposal = planner.propose(_request(state, looking=True, left_s=left_s))
        assert proposal is not None
        assert proposal.idea.title == title
    assert planner.propose(_request(state, looking=True, most_expected_s=5.0)) is None


def test_a_familys_baselines_come_before_other_structures_however_late_it_is(family: Family) -> None:
    plain, crossed = family.drafts
    baselines = [
        plain.model_copy(update={"first": True}),
        plain.model_copy(update={"id": "wide", "title": "Wide", "set": {"width": 4}, "first": True}),
    ]
    planner = LibraryPlanner(
        {"toy": family.model_copy(update={"drafts": (*baselines, crossed)})}, TOY_CONTEXT
    )
    state = started(rules=3)
    _drafted(planner, state)  # 10 s
    late = planner.propose(_request(state, looking=True, most_expected_s=5.0))
    assert late is not None
    assert late.idea.title == "Wide", "the second one of its structure, but a baseline"
    node = propose(state, what=late.idea)
    finish(state, node, 0.7, seconds=10)
    assert planner.propose(_request(state, looking=True, most_expected_s=5.0)) is None


def test_a_pruned_node_teaches_what_its_folds_said(planner: LibraryPlanner) -> None:
    """The values of stopped candidates are not tried again and again with another rung."""
    state = started(rules=3)
    proposal = planner.propose(_request(state))
    assert proposal is not None
    assert proposal.idea.blueprint is not None
    slots = proposal.idea.blueprint.slots
    root = propose(state, what=proposal.idea)
    finish(state, root, 0.8, folds=5, fold_metrics=(0.78, 0.79, 0.8, 0.8, 0.8))
    for breadth in (2, 3):
        stopped = propose(state, root, what=idea("broader", {**slots, "breadth": breadth}))
        curve = [{"stage": "train", "fold": 0, "fraction": 0.2, "elapsed_s": 2.0, "metric": 0.5}]
        finish(state, stopped, None, status="pruned", curve=curve)
        assert state.estimate(state.nodes[stopped]) == pytest.approx(0.52)
    parent = state.nodes[root]
    sampler = StructureEvidence(planner.search_space, state, planner.families["toy"], parent, slots).sampler()
    gain, _ = sampler.gain(slots, {**slots, "breadth": 2})
    assert gain < -0.2, "a log error of .2 instead of .48"


def test_without_a_valid_node_a_varied_draft_is_tried(planner: LibraryPlanner) -> None:
    state = started(rules=3)
    for _ in range(2):
        proposal = planner.propose(_request(state))
        assert proposal is not None
        finish(state, propose(state, what=proposal.idea))
    assert planner.propose(_request(state, looking=True)) is None
    assert planner.propose(_request(state)) is not None


def test_an_improvement_keeps_the_structure_and_names_the_changed_slots(planner: LibraryPlanner) -> None:
    state = started(rules=3)
    root = _drafted(planner, state)
    for seed in range(8):
        idea = _improved(planner, state, root, seed).idea
        assert idea.blueprint is not None
        assert idea.blueprint.slots["kind"] == "plain"
        assert idea.changes
        if not idea.moves:
            assert idea.title.startswith("Change ")
            assert idea.changes[0].slot in idea.title
            assert f"{idea.changes[0].new} instead of {idea.changes[0].old}" in " ".join(
                (idea.model, idea.data, idea.training, idea.evaluation)
            )


def test_a_range_is_sampled(planner: LibraryPlanner) -> None:
    state = started(rules=3)
    root = _drafted(planner, state)
    for depth, score in ((4, 0.8), (6, 0.85)):
        slots = {**state.nodes[root].blueprint.slots, "depth": depth}  # type: ignore[union-attr]
        finish(state, propose(state, root, what=idea("deeper", slots)), score)
    depths = [_slots(_improved(planner, state, 3, seed))["depth"] for seed in range(8)]
    assert max(depths) > 6, "the ladder ends at 6, the range at 40"  # type: ignore[type-var]
    assert all(isinstance(depth, int) for depth in depths)


def test_pinned_and_forbidden_values_are_kept(family: Family) -> None:
    limits = Constraints(pinned={"width": 3}, forbidden_values=frozenset({("breadth", 2)}))
    planner = LibraryPlanner({"toy": family}, TOY_CONTEXT, limits)
    state = started(rules=3)
    root = _drafted(planner, state)
    for seed in range(8):
        slots = _slots(_improved(planner, state, root, seed))
        assert slots["width"] == 3
        assert slots["breadth"] != 2


@pytest.mark.parametrize("kind", ["plain", "crossed"])
def test_a_pinned_structure_has_its_own_drafts_and_titles(family: Family, kind: str) -> None:
    free = SearchSpace({"toy": family}, TOY_CONTEXT, Constraints())
    space = SearchSpace({"toy": family}, TOY_CONTEXT, Constraints(pinned={"kind": kind}))
    drafts = [draft for _, draft in space.drafts()]
    assert 0 < len(drafts) < len(free.drafts())
    assert {draft.set.get("kind", family.defaults["kind"]) for draft in drafts} == {kind}


@pytest.mark.parametrize(("structure", "expected"), [("plain", True), ("crossed", False)])
def test_what_one_structure_taught_does_not_enter_another(
    planner: LibraryPlanner, structure: str, expected: bool
) -> None:
    state = started(rules=3, lessons=(_lesson(structure, "breadth", 1, 2, 0.3, 0.01),))
    proposal = planner.propose(_request(state))
    assert proposal is not None
    assert (_slots(proposal)["breadth"] == 2) is expected
    assert (proposal.idea.cited_lessons == ("00001",)) is expected


def test_a_lesson_of_a_former_version_is_weak_evidence_of_every_structure(planner: LibraryPlanner) -> None:
    gains = []
    for structure in ("crossed", "", "plain"):
        state = started(rules=3, lessons=(_lesson(structure, "breadth", 1, 2, 0.3, 0.05),))
        root = _drafted(planner, started(rules=3))
        state.nodes[root] = propose_plain(planner, state)
        gains.append(_gain(planner, state, root))
    assert gains[0] < gains[1] < gains[2]


def propose_plain(planner: LibraryPlanner, state: RunState):  # type: ignore[no-untyped-def]
    slots: dict[str, Value] = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
    number = propose(state, what=idea("Plain", slots))
    finish(state, number, 0.7)
    return state.nodes[number]


def _gain(planner: LibraryPlanner, state: RunState, node: int) -> float:
    space = planner.search_space
    blueprint = state.nodes[node].blueprint
    assert blueprint is not None
    slots = blueprint.slots
    about = StructureEvidence(space, state, space.families["toy"], state.nodes[node], slots)
    return about.sampler().gain(slots, {**slots, "breadth": 2})[0]


def test_an_inconclusive_lesson_changes_the_belief(planner: LibraryPlanner) -> None:
    gains = []
    for effect in (-0.05, 0.05):
        state = started(rules=3, lessons=(_lesson("plain", "breadth", 1, 2, effect, 0.04),))
        assert state.lessons[0].verdict == "inconclusive"
        propose_plain(planner, state)
        gains.append(_gain(planner, state, 1))
    assert gains[1] - gains[0] > 0.01


def test_a_lesson_about_a_nearby_number_is_cited(planner: LibraryPlanner) -> None:
    state = started(rules=3, lessons=(_lesson("plain", "depth", 1, 5, 0.4, 0.01),))
    root = propose_plain(planner, state).id
    cited = [_improved(planner, state, root, seed).idea for seed in range(6)]
    deeper = [one for one in cited if one.blueprint and 3 < int(one.blueprint.slots["depth"]) < 7]
    assert deeper
    assert all(one.cites.get("depth") == ("00001",) for one in deeper)


def test_nodes_of_an_earlier_run_are_evidence_and_are_not_repeated(planner: LibraryPlanner) -> None:
    slots: dict[str, Value] = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
    known = tuple(
        EarlierNode(
            node=at,
            title="t",
            blueprint=Blueprint(family="toy", slots={**slots, "width": width}),
            metric=score,
            seconds=1.0,
        )
        for at, (width, score) in enumerate([(2, 0.75), (3, 0.8), (4, 0.84)], start=1)
    )
    warm = WarmStart(run="r", starts=known[-1:], known=known, drafts=())
    state = started(rules=3, warm_start=warm)
    propose_plain(planner, state)
    assert _gain_of(planner, state, {**slots, "width": 4}) > 0.2
    proposed = [_slots(_improved(planner, state, 1, seed)) for seed in range(8)]
    assert not [one for one in proposed if one in [node.blueprint.slots for node in known]]


def _gain_of(planner: LibraryPlanner, state: RunState, after: dict[str, Value]) -> float:
    space = planner.search_space
    blueprint = state.nodes[1].blueprint
    assert blueprint is not None
    about = StructureEvidence(space, state, space.families["toy"], state.nodes[1], blueprint.slots)
    return about.sampler().gain(blueprint.slots, after)[0]


def test_drafts_that_lost_on_the_same_data_come_last(planner: LibraryPlanner) -> None:
    slots: dict[str, Value] = {"depth": 2, "width": 1, "breadth": 1, "finish": 1, "kind": "crossed"}
    start = EarlierNode(
        node=4, title="t", blueprint=Blueprint(family="toy", slots=slots), metric=0.9, seconds=1.0
    )
    lost = EarlierDraft(family="toy", title="Plain", metric=0.5)
    state = started(rules=3, warm_start=WarmStart(run="r", starts=(start,), known=(), drafts=(lost,)))
    first, second = (planner.propose(_request(state, looking=looking)) for looking in (True, False))
    assert first is not None
    assert first.idea.title == "Crossed"
    propose(state, what=first.idea)
    assert planner.propose(_request(state, looking=True)) is None
    last = planner.propose(_request(state))
    assert second is not None
    assert last is not None
    assert last.idea.title == "Plain"


def test_structures_and_scopes_have_a_name(family: Family, planner: LibraryPlanner) -> None:
    slots = {**family.defaults, "kind": "crossed"}
    assert family.structure_of(slots) == "crossed"
    old = planner.search_space.scope(started(), family, slots)
    new = planner.search_space.scope(started(rules=3), family, slots)
    assert old == Scope(task="classification", family="toy", magnitude=old.magnitude)
    assert new == old.model_copy(update={"structure": "crossed"})
