"""Decisions are equal if they do the same; other words are only noted."""

import pytest

from agent.record.events import Review
from agent.repository.edits import Edit
from agent.repository.idea import Fix, Idea, WrittenModule
from agent.reproduce.substance import SUBSTANCE, Comparison, compare
from tests.support.states import idea

EDIT = Edit(file="main.py", find="a", replace="b")
FIX = Fix(title="A fix", cause="A fault.", edits=(EDIT,))
MODULE = WrittenModule(file="main.py", code="1\n")
REVIEW = Review(sound=True, reason="It is plain.")


@pytest.mark.parametrize(
    ("recorded", "changed", "words"),
    [
        (idea(), {"title": "Another", "evaluation": "Another."}, "title, evaluation"),
        (idea(), {"scouted": ("a", "b")}, "scouted"),
        (FIX, {"title": "Another", "signs": "Others."}, "title, signs"),
        (REVIEW, {"reason": "In other words."}, "reason"),
    ],
)
def test_other_words_are_the_same_decision(
    recorded: Idea | Fix | Review, changed: dict[str, object], words: str
) -> None:
    now = recorded.model_copy(update=changed)
    assert compare(recorded, now, "It differs.") == Comparison(note=f"Only the words differ ({words}).")


@pytest.mark.parametrize(
    ("recorded", "changed"),
    [
        (idea(), {"blueprint": None}),
        (idea(), {"moves": ("deeper",), "title": "Another"}),
        (idea(), {"edits": (EDIT,)}),
        (idea(), {"cites": {"kind": ("00001",)}}),
        (FIX, {"edits": ()}),
        (FIX, {"cites": ("00001",)}),
        (MODULE, {"code": "2\n"}),
        (MODULE, {"test": "assert 1\n"}),
        (REVIEW, {"sound": False}),
    ],
)
def test_another_effect_is_another_decision(
    recorded: Idea | Fix | WrittenModule | Review, changed: dict[str, object]
) -> None:
    now = recorded.model_copy(update=changed)
    assert compare(recorded, now, "It differs.") == Comparison("It differs.")


def test_a_decision_to_do_nothing_is_compared_too() -> None:
    assert compare(None, None, "It differs.") == Comparison()
    assert compare(FIX, None, "It differs.") == Comparison("It differs.")
    assert compare(None, FIX, "It differs.") == Comparison("It differs.")


def test_the_fields_that_matter_exist() -> None:
    assert len(SUBSTANCE) == 4
    assert {
        f"{kind.__name__}.{name}"
        for kind, names in SUBSTANCE.items()
        for name in names
        if name not in kind.model_fields
    } == set()
