"""The answers that forms accept, and that no other answer becomes an idea."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from agent.llm.answer_format import AnswerError, is_strict
from agent.planner.base import Request
from agent.planner.constraints import Constraints, parse_constraints
from agent.planner.llm.idea_formats import OWN_CODE, draft_form, improve_form
from agent.planner.search_space import SearchSpace
from agent.record.state import RunState, variant_key
from agent.repository.family import Family, Slot
from tests.support.scripted_models import any_answer
from tests.support.states import evidence, finish, idea, lesson, propose, started
from tests.support.toy_tasks import TOY_CONTEXT, TOY_SLOTS

DRAFT = {
    "title": "A first look",
    "start": "toy/plain",
    "changes": [],
    "model": "A model.",
    "data": "All rows.",
    "training": "Short.",
    "evaluation": "By hold-out.",
}
IMPROVE = {"title": "Deeper", "changes": [{"slot": "depth", "value": 2}], "reason": "Depth helps."}


@pytest.fixture
def search_space(toy_family: Family) -> SearchSpace:
    return SearchSpace({"toy": toy_family}, TOY_CONTEXT)


def _request(state: RunState, parent: int | None = None, limit_s: float = 60.0) -> Request:
    return Request(
        state,
        state.nodes[parent] if parent else None,
        limit_s,
        finishing=False,
        rng=np.random.default_rng(0),
    )


def _with_node(slots: Mapping[str, Any] | None = None, seconds: float = 10.0) -> RunState:
    state = started((lesson("depth", 1, 2, evidence(0.3, 0.01)),))
    finish(state, propose(state, what=idea(slots={**TOY_SLOTS, **(slots or {})})), 0.7, seconds=seconds)
    return state


def test_a_draft_is_a_starting_point_with_the_slots_that_differ(search_space: SearchSpace) -> None:
    form = draft_form(_request(started()), search_space, [])
    assert form is not None
    made = form.read({**DRAFT, "changes": [{"slot": "depth", "value": 3}]})
    assert made.idea.blueprint is not None
    assert made.idea.blueprint.slots == {**TOY_SLOTS, "depth": 3}
    assert (made.idea.title, made.idea.model) == ("A first look", "A model.")
    assert is_strict(form.schema)


def test_an_improvement_names_its_change_its_move_and_its_lesson(search_space: SearchSpace) -> None:
    state = _with_node()
    form = improve_form(_request(state, 1), search_space, state.lessons, state.nodes[1])
    assert form is not None
    made = form.read({**IMPROVE, "cites": ["00001"]})
    (change,) = made.idea.changes
    assert (change.slot, change.old, change.new) == ("depth", 1, 2)
    assert made.idea.moves == ("deeper",)
    assert made.idea.cites == {"depth": ("00001",)}
    assert made.expected_s == pytest.approx(12.0)  # the parent's 10 s, times the slot's relative cost
    assert "Depth helps." in made.idea.evaluation
    assert is_strict(form.schema)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"changes": [{"slot": "dept", "value": 2}]}, "no slot 'dept'; its slots are depth, width"),
        ({"changes": [{"slot": "depth", "value": 9}]}, "'depth' does not accept 9; its values are 1, 2, 3"),
        ({"changes": [{"slot": "depth", "value": True}]}, "does not accept True"),
        ({"changes": [{"slot": "depth", "value": 1}]}, "every slot keeps the parent's value"),
        ({"changes": []}, "every slot keeps the parent's value"),
        ({"changes": [{"slot": name, "value": 2} for name in ("depth", "width", "finish")]}, "at most 2"),
        ({"cites": ["00009"]}, "'00009' was not offered; the lessons offered are: 00001"),
        ({"changes": "deeper"}, "changes"),
        ({"changes": [{"slot": "depth"}]}, r"changes\.0\.value"),
        ({"title": None}, "title"),
    ],
)
def test_an_impossible_answer_is_refused_with_a_message(
    search_space: SearchSpace, answer: dict[str, Any], said: str
) -> None:
    state = _with_node()
    form = improve_form(_request(state, 1), search_space, state.lessons, state.nodes[1])
    assert form is not None
    with pytest.raises(AnswerError, match=said):
        form.read({**IMPROVE, **answer})


@pytest.mark.parametrize("given", [2, 2.0, "2", " 2 "])
def test_a_value_may_be_written_as_models_write_it(search_space: SearchSpace, given: object) -> None:
    state = _with_node()
    form = improve_form(_request(state, 1), search_space, [], state.nodes[1])
    assert form is not None
    made = form.read({**IMPROVE, "changes": [{"slot": "depth", "value": given}]})
    assert made.idea.changes[0].new == 2
    assert type(made.idea.changes[0].new) is int


def test_a_whole_number_is_the_value_that_the_slot_has(toy_family: Family) -> None:
    """Written as an integer it would be rendered otherwise, cost otherwise and pass for something new."""
    slot = Slot(values=(0.5, 1.0), default=0.5, description="", modules=("models",), range=(0.0, 2.0))
    family = toy_family.model_copy(update={"slots": {**toy_family.slots, "rate": slot}})
    state = _with_node({"rate": 0.5})
    form = improve_form(_request(state, 1), SearchSpace({"toy": family}, TOY_CONTEXT), [], state.nodes[1])
    assert form is not None
    made = form.read({**IMPROVE, "changes": [{"slot": "rate", "value": 1}]})
    assert type(made.idea.changes[0].new) is float


def test_a_slot_that_two_families_have_offers_the_values_of_both(toy_family: Family) -> None:
    wider = toy_family.slots["width"].model_copy(update={"values": (1, 2, 8)})
    other = toy_family.model_copy(
        update={"id": "other", "slots": {**toy_family.slots, "width": wider}, "moves": ()}
    )
    form = draft_form(_request(started()), SearchSpace({"toy": toy_family, "other": other}, TOY_CONTEXT), [])
    offered = [one["value"] for one in _offered(form.schema) if one["slot"] == "width"]
    assert offered == [1, 2, 3, 4, 5, 6, 8]
    change = {"changes": [{"slot": "width", "value": 8}]}
    assert form.read({**DRAFT, **change, "start": "other/plain"})
    with pytest.raises(AnswerError, match="'width' does not accept 8"):
        form.read({**DRAFT, **change})


def test_where_every_slot_is_pinned_no_change_is_asked_for(toy_family: Family) -> None:
    constraints, _ = parse_constraints(
        [f"{name}={value}" for name, value in TOY_SLOTS.items()], [], {"toy": toy_family}
    )
    form = draft_form(_request(started()), SearchSpace({"toy": toy_family}, TOY_CONTEXT, constraints), [])
    assert "changes" not in form.schema["properties"]
    assert form.read({**DRAFT, "changes": []})


def test_what_was_tried_is_neither_offered_nor_taken_again(search_space: SearchSpace) -> None:
    state = _with_node()
    finish(state, propose(state, 1, what=idea(slots={**TOY_SLOTS, "depth": 2})), 0.8, seconds=10)
    form = improve_form(_request(state, 1), search_space, [], state.nodes[1])
    assert form is not None
    assert {"slot": "depth", "value": 2} not in _offered(form.schema)
    assert {"slot": "depth", "value": 3} in _offered(form.schema)
    with pytest.raises(AnswerError, match="tried before"):
        form.read(IMPROVE)


def test_what_does_not_fit_the_time_is_neither_offered_nor_taken(search_space: SearchSpace) -> None:
    state = _with_node()
    form = improve_form(_request(state, 1, limit_s=14.0), search_space, [], state.nodes[1])
    assert form is not None
    assert {"slot": "depth", "value": 2} not in _offered(form.schema)
    assert {"slot": "breadth", "value": 6} in _offered(form.schema)
    with pytest.raises(AnswerError, match="about 12 s is too long for the limit of 14 s"):
        form.read(IMPROVE)
    assert improve_form(_request(state, 1, limit_s=1.0), search_space, [], state.nodes[1]) is None


def test_a_draft_that_cannot_end_in_time_is_not_offered(search_space: SearchSpace) -> None:
    state = _with_node(seconds=250.0)  # the lightest start; five times the limit of 60 s is still tried
    form = draft_form(_request(state), search_space, [])
    assert form is not None
    assert form.schema["properties"]["start"]["enum"] == ["toy/plain", "toy/crossed", OWN_CODE]
    offered = _offered(form.schema)
    assert {one["value"] for one in offered if one["slot"] == "depth"} == {1, 2}
    assert {one["value"] for one in offered if one["slot"] == "breadth"} == {1, 2, 3, 4, 5, 6}
    assert draft_form(_request(state, limit_s=40.0), search_space, []) is None


def test_what_the_user_pinned_or_forbade_is_not_offered(toy_family: Family) -> None:
    constraints, _ = parse_constraints(["width=3"], ["kind=failing", "kind=crashing"], {"toy": toy_family})
    search_space = SearchSpace({"toy": toy_family}, TOY_CONTEXT, constraints)
    form = draft_form(_request(started()), search_space, [])
    assert form is not None
    offered = _offered(form.schema)
    assert "width" not in {one["slot"] for one in offered}
    assert {one["value"] for one in offered if one["slot"] == "kind"} == {"plain", "crossed"}
    with pytest.raises(AnswerError, match="pinned or forbade"):
        form.read({**DRAFT, "changes": [{"slot": "width", "value": 2}]})
    made = form.read(DRAFT)
    assert made.idea.blueprint is not None
    assert made.idea.blueprint.slots["width"] == 3


def test_words_become_single_lines_of_bounded_length(search_space: SearchSpace) -> None:
    form = draft_form(_request(started()), search_space, [])
    assert form is not None
    made = form.read(
        {**DRAFT, "title": "  two\nlines\x1b[31m " + "x" * 500, "model": "\u202e" + "long " * 500}
    )
    assert made.idea.title == "two lines [31m"
    assert len(made.idea.model) <= 400
    assert made.idea.model.isprintable()
    assert form.read({**DRAFT, "title": " \n "}).idea.title == "Plain"


def test_every_answer_that_keeps_to_the_schema_is_an_idea_or_a_sentence(search_space: SearchSpace) -> None:
    """Whole searches by a model that has no idea but keeps to its form."""
    rng = np.random.default_rng(7)
    state = _with_node()
    refused = 0
    for turn in range(60):
        parent = state.nodes[1 + int(rng.integers(len(state.nodes)))] if turn % 3 else None
        request = _request(state, parent.id if parent else None)
        form = (
            improve_form(request, search_space, state.lessons, parent)
            if parent
            else draft_form(request, search_space, state.lessons)
        )
        assert form is not None
        try:
            made = form.read(any_answer(form.schema, rng))
        except AnswerError:
            refused += 1
            continue
        assert made.idea.blueprint is not None
        search_space.families["toy"].fill(made.idea.blueprint.slots, "idea")
        assert variant_key(made.idea.blueprint, parent) not in state.variants
        finish(state, propose(state, parent.id if parent else None, what=made.idea), 0.7, seconds=5)
    assert refused < 15


def _offered(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"slot": slot, "value": value}
        for item in schema["properties"]["changes"]["items"]["anyOf"]
        for slot in item["properties"]["slot"]["enum"]
        for value in item["properties"]["value"]["enum"]
    ]


def test_where_slots_are_pinned_nobody_writes_code_without_slots(toy_family: Family) -> None:
    pinned = SearchSpace({"toy": toy_family}, TOY_CONTEXT, Constraints(pinned={"width": 2}))
    form = draft_form(_request(started()), pinned, [])
    assert form is not None
    assert OWN_CODE not in form.schema["properties"]["start"]["enum"]
