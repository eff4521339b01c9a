"""The user's constraints hold in every idea."""

import numpy as np
import pytest

from agent.core.errors import SetupError
from agent.planner.base import Request
from agent.planner.constraints import Constraints, parse_constraints
from agent.planner.library.planner import LibraryPlanner
from agent.repository.family import Family
from tests.support.states import evidence, finish, lesson, propose, started
from tests.support.toy_tasks import TOY_CONTEXT


def _slots_of_a_search(
    constraints: Constraints,
    family: Family,
    lessons: tuple = (),  # type: ignore[type-arg]
    rules: int = 1,
) -> list[dict[str, object]]:
    """The slots of the first 40 ideas, drafts and improvements in turn."""
    planner = LibraryPlanner({family.id: family}, TOY_CONTEXT, constraints)
    state = started(lessons, rules=rules)
    found = []
    for number in range(40):
        is_improvement = number % 2 == 1 or (rules >= 3 and number > 8)  # by rules 3, drafts are few
        parent = state.nodes[1 + number % len(state.nodes)] if is_improvement else None
        request = Request(state, parent, 60.0, finishing=False, rng=np.random.default_rng(number))
        if (proposal := planner.propose(request)) is None:
            continue
        assert proposal.idea.blueprint is not None
        found.append(dict(proposal.idea.blueprint.slots))
        finish(state, propose(state, parent.id if parent else None, what=proposal.idea), 0.7)
    assert len(found) > 10
    return found


def test_a_pinned_slot_keeps_its_value_whatever_drafts_moves_and_lessons_say(toy_family: Family) -> None:
    constraints, _ = parse_constraints(["width=3", "kind=plain"], [], {"toy": toy_family})
    wider = lesson("width", 3, 4, evidence(0.9, 0.01))
    found = _slots_of_a_search(constraints, toy_family, (wider,))
    assert {(slots["width"], slots["kind"]) for slots in found} == {(3, "plain")}


@pytest.mark.parametrize("rules", [1, 3])
def test_a_forbidden_value_and_a_forbidden_move_never_occur(toy_family: Family, rules: int) -> None:
    free = _slots_of_a_search(Constraints(), toy_family, rules=rules)
    assert {slots["depth"] for slots in free} > {1, 2}
    assert {slots["kind"] for slots in free} >= {"plain", "crossed"}
    constraints, _ = parse_constraints([], ["deeper", "kind=crossed"], {"toy": toy_family})
    found = _slots_of_a_search(constraints, toy_family, rules=rules)
    assert {slots["depth"] for slots in found} == {1}
    assert "crossed" not in {slots["kind"] for slots in found}


@pytest.mark.parametrize(
    ("pins", "forbidden", "said"),
    [
        (["depht=2"], [], "unknown slot 'depht'; the slots are breadth, depth, finish, kind, width"),
        (["depth=9"], [], "slot 'depth' does not accept '9'; its values are 1, 2, 3, 4, 5, 6"),
        (["depth"], [], "write slot=value"),
        (["depth=2", "depth=3"], [], "pinned to 2 and to 3"),
        (["depth=2"], ["depth=2"], "--set pins the slot to that value"),
        ([], ["deper"], "unknown move; the moves are deeper"),
        ([], ["depth=: ["], "does not accept"),
    ],
)
def test_what_no_family_has_is_refused_in_one_sentence(
    toy_family: Family, pins: list[str], forbidden: list[str], said: str
) -> None:
    with pytest.raises(SetupError, match=said):
        parse_constraints(pins, forbidden, {"toy": toy_family})


def test_a_family_without_a_pinned_slot_is_left_out(toy_family: Family) -> None:
    slots = {name: slot for name, slot in toy_family.slots.items() if name != "width"}
    other = toy_family.model_copy(update={"id": "other", "slots": slots})
    _, able = parse_constraints(["width=2"], [], {"toy": toy_family, "other": other})
    assert list(able) == ["toy"]
