"""A slot without effect is never varied, and blueprints that differ only there are equal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.errors import SetupError
from agent.planner.base import Request, TaskContext
from agent.planner.conditions import settled
from agent.planner.constraints import Constraints, parse_constraints
from agent.planner.family_packages import require_slot_needs
from agent.planner.library.planner import LibraryPlanner
from agent.planner.search_space import SearchSpace
from agent.repository.family import Condition, Family, Need, Value, load_family
from tests.conftest import TOY
from tests.support.states import finish, propose, started
from tests.support.toy_tasks import TOY_CONTEXT, TOY_SLOTS


def _with_slot(family: Family, name: str, **change: Any) -> Family:
    slots = {**family.slots, name: family.slots[name].model_copy(update=change)}
    return family.model_copy(update={"slots": slots})


def _order_last(family: Family, name: str) -> Family:
    slots = {
        **{other: slot for other, slot in family.slots.items() if other != name},
        name: family.slots[name],
    }
    return family.model_copy(update={"slots": slots})


@pytest.fixture
def family(toy_family: Family) -> Family:
    """The toy family, in which the width has an effect for plain models only."""
    return _order_last(_with_slot(toy_family, "width", when=Condition(slots={"kind": ("plain",)})), "width")


def _ideas(planner: LibraryPlanner, count: int = 40) -> list[dict[str, Value]]:
    state, found = started(), []
    for number in range(count):
        parent = state.nodes[1 + number // 2] if number % 2 else None
        request = Request(state, parent, 60.0, finishing=False, rng=np.random.default_rng(number))
        if (proposal := planner.propose(request)) is None:
            continue
        assert proposal.idea.blueprint is not None
        found.append(dict(proposal.idea.blueprint.slots))
        finish(state, propose(state, parent.id if parent else None, what=proposal.idea), 0.7)
    return found


def test_a_search_never_varies_a_slot_without_effect(family: Family) -> None:
    found = _ideas(LibraryPlanner({"toy": family}, TOY_CONTEXT))
    assert {slots["width"] for slots in found if slots["kind"] == "plain"} > {1}
    crossed = [slots["width"] for slots in found if slots["kind"] == "crossed"]
    assert crossed
    assert set(crossed) == {family.defaults["width"]}


def test_a_move_of_a_slot_without_effect_does_not_apply(family: Family) -> None:
    space = SearchSpace({"toy": family}, TOY_CONTEXT)
    wider = next(move for move in family.moves if "width" in (*move.raise_, *move.set))
    assert space.apply(family, wider, TOY_SLOTS | {"kind": "plain"}) is not None
    assert space.apply(family, wider, TOY_SLOTS | {"kind": "crossed"}) is None


def test_a_pinned_value_stays_where_it_has_no_effect(family: Family) -> None:
    constraints, _ = parse_constraints(["width=3"], [], {"toy": family})
    found = _ideas(LibraryPlanner({"toy": family}, TOY_CONTEXT, constraints))
    assert {slots["width"] for slots in found} == {3}
    assert {slots["kind"] for slots in found} >= {"plain", "crossed"}


def test_a_forbidden_value_does_not_count_where_it_has_no_effect(family: Family) -> None:
    forbidden = Constraints(forbidden_values=frozenset({("width", 1)}))
    space = SearchSpace({"toy": family}, TOY_CONTEXT, forbidden)
    assert space.allows(family, TOY_SLOTS | {"kind": "crossed"})
    assert not space.allows(family, TOY_SLOTS | {"kind": "plain"})


@given(
    width=st.sampled_from([1, 2, 3, 4]),
    kind=st.sampled_from(["plain", "crossed"]),
    depth=st.sampled_from([1, 2, 3]),
)
def test_settled_slots_keep_every_value_with_effect(width: int, kind: str, depth: int) -> None:

    family = _order_last(
        _with_slot(
            load_family(TOY / "families" / "toy"), "width", when=Condition(slots={"kind": ("plain",)})
        ),
        "width",
    )
    slots = TOY_SLOTS | {"width": width, "kind": kind, "depth": depth}
    once = settled(family, slots, TOY_CONTEXT)
    assert once == slots | {"width": width if kind == "plain" else family.defaults["width"]}
    assert settled(family, once, TOY_CONTEXT) == once


def test_a_value_whose_package_is_missing_is_not_offered(toy_family: Family) -> None:
    need = Need(packages=("no-such-package-here",), extra="toys")
    family = _with_slot(toy_family, "kind", needs={"crossed": need})
    found = _ideas(LibraryPlanner({"toy": family}, TOY_CONTEXT))
    assert {slots["kind"] for slots in found} == {"plain"}
    require_slot_needs(family, {"kind": "plain"}, TOY_CONTEXT, "--set")
    with pytest.raises(SetupError) as error:
        require_slot_needs(family, {"kind": "crossed"}, TOY_CONTEXT, "--set")
    assert "kind=crossed" in str(error.value)
    assert "needs no-such-package-here" in str(error.value)
    assert "pip install 'mars-search[toys]'" in str(error.value)


def test_a_value_whose_weights_are_missing_is_not_offered(toy_family: Family, tmp_path: Path) -> None:
    """The weights of the task count: those of another task do not help."""
    need = Need(packages=("numpy",), weights={"classification": "toy-*.ckpt", "regression": "toy2-*.ckpt"})
    family = _with_slot(toy_family, "kind", needs={"crossed": need})
    context = replace(TOY_CONTEXT, weights=tmp_path / "weights")
    for file in (None, "toy2-a.ckpt"):
        if file:
            (tmp_path / "weights").mkdir()
            (tmp_path / "weights" / file).touch()
        found = _ideas(LibraryPlanner({"toy": family}, context))
        assert {slots["kind"] for slots in found} == {"plain"}
        with pytest.raises(SetupError) as error:
            require_slot_needs(family, {"kind": "crossed"}, context, "--set")
        assert str(error.value) == (
            f"--set kind=crossed: the value needs weights. Put a file toy-*.ckpt into {tmp_path / 'weights'}"
        )
    (tmp_path / "weights" / "toy-1.ckpt").touch()
    found = _ideas(LibraryPlanner({"toy": family}, context))
    assert {slots["kind"] for slots in found} == {"plain", "crossed"}
    require_slot_needs(family, {"kind": "crossed"}, context, "--set")


def test_conditions_on_facts_hold_while_the_facts_are_unknown(toy_family: Family) -> None:
    unknown = TaskContext("classification", "accuracy", frozenset({"embedding"}), 10, "cpu")
    gaps = Condition(has_gaps=True)
    family = _with_slot(toy_family, "width", when=gaps)
    slots = TOY_SLOTS | {"width": 3}
    assert settled(family, slots, unknown) == slots
