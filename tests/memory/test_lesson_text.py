"""Lessons in a model's words: valid while the verdict holds; equivalent lessons merge."""

from pathlib import Path

import pytest

from agent.core.database import open_database, writing
from agent.memory.distill import distill_fix, with_generated_text
from agent.memory.lesson import FixEvidence, Lesson, LessonText, Scope
from agent.memory.store import LessonStore, merged, read_lessons, write_lessons
from agent.record.events import LessonLearned, LessonWorded
from agent.record.state import RunState
from agent.repository.edits import Edit
from agent.repository.idea import Fix
from tests.agents.test_lesson_writer import of_edit
from tests.support.states import finish, propose, started

WORDS = LessonText(
    verdict="helps",
    plan="Half the rate",
    run="r",
    node=2,
    findings="Loss fell more evenly.",
    title="Half the rate steadied training",
    summary="A calmer step.",
    key_lesson="Halve the rate where the loss jumps.",
)


@pytest.fixture
def store(tmp_path: Path) -> LessonStore:
    return LessonStore(open_database(tmp_path / "mars.db"))


def _reword(store: LessonStore, number: str, same_as: str = "", words: LessonText = WORDS) -> Lesson:
    with writing(store._engine).begin() as connection:
        return store.reword(number, words, same_as, connection)


def test_a_models_words_hold_while_the_verdict_holds(store: LessonStore) -> None:
    first = of_edit(1, "Half the rate", replace="same")
    store.import_all([first])
    told = _reword(store, "00001")
    assert (told.title, told.key_lesson) == (WORDS.title, WORDS.key_lesson)
    assert told.summary.startswith("A calmer step. Error -20.0 % ± 1.0 %")
    assert "accuracy 0.8 against 0.7" in told.findings

    store.import_all([of_edit(1, "Again", 0.4, replace="same", child=3)])
    assert store.get("1").key_lesson == WORDS.key_lesson
    assert "-30.0 % ± 0.7 %" in store.get("1").summary, "numbers are those of all the evidence"

    store.import_all([of_edit(1, "Again", -2.0, replace="same", child=4)])
    turned = store.get("1")
    assert turned.verdict == "hurts"
    assert turned.key_lesson == "The edit 'Half the rate' hurts on classification tasks of this size."
    assert turned.title == "Half the rate"
    assert "calmer" not in turned.summary
    assert turned.words == WORDS, "kept, should the evidence turn again"
    assert with_generated_text(turned) == turned


def test_an_equivalent_lesson_merges_into_the_known_one(store: LessonStore, tmp_path: Path) -> None:
    store.import_all([of_edit(1, "Slower steps"), of_edit(2, "Half the rate", child=5)])
    one = _reword(store, "00002", same_as="00001")
    assert one.id == "00001"
    assert [item.child for item in one.evidence] == [2, 5]
    assert one.key_lesson == WORDS.key_lesson
    assert [lesson.id for lesson in store.all()] == ["00001"]
    assert store.get("2") == one, "whoever cited the other finds it here"

    store.import_all([of_edit(2, "Half the rate", child=6)])
    assert [item.child for item in store.get("1").evidence] == [2, 5, 6], "equal edits are known by now"
    store.import_all([of_edit(3, "New")])
    assert [lesson.id for lesson in store.all()] == ["00001", "00003"], "its number is not given again"
    write_lessons(store.all(), tmp_path / "lessons.json")
    assert [lesson.id for lesson in read_lessons(tmp_path / "lessons.json")] == ["00001", "00003"]


@pytest.mark.parametrize("change", ["direction", "scope", "slots", "gone"])
def test_lessons_that_cannot_be_one_stay_two(store: LessonStore, change: str) -> None:
    other = of_edit(1, "Slower steps", effect=-0.2 if change == "direction" else 0.2)
    if change == "scope":
        other = other.model_copy(update={"scope": other.scope.model_copy(update={"magnitude": 6})})
    if change == "slots":
        other = other.model_copy(update={"edit_hash": ""})
    store.import_all([other, of_edit(2, "Half the rate", child=5)])
    told = _reword(store, "00002", same_as="00009" if change == "gone" else "00001")
    assert (told.id, len(told.evidence), told.title) == ("00002", 1, WORDS.title)
    assert len(store.all()) == 2


def test_the_words_of_the_known_lesson_stay() -> None:
    known = of_edit(1, "Half the rate", replace="same").model_copy(update={"words": WORDS})
    newer = WORDS.model_copy(update={"title": "Newer"})
    new = of_edit(4, "Again", replace="same", child=3).model_copy(update={"words": newer})
    assert merged(known, new).title == WORDS.title
    assert merged(known.model_copy(update={"words": None}), new).title == "Newer"


def test_the_state_has_the_lesson_that_the_words_went_to() -> None:
    state = started((of_edit(1, "Slower steps"),))
    finish(state, propose(state), 0.7)
    finish(state, propose(state, 1), 0.8)
    learned = of_edit(2, "Half the rate", child=2)
    events = [
        LessonLearned(elapsed_s=30.0, node=2, lesson=learned),
        LessonWorded(elapsed_s=31.0, node=2, lesson=merged(of_edit(1, "x"), learned), instead_of="00002"),
    ]
    for event in events:
        state.apply(event)
    assert state.nodes[2].lessons == ["00001"]
    assert [(one.id, len(one.evidence)) for one in state.lessons] == [("00001", 1)]
    assert [one.id for one in state.lessons_about([])] == ["00001"]


def test_a_worded_lesson_stays_the_nodes_own() -> None:
    state: RunState = started()
    finish(state, propose(state), 0.7)
    learned = of_edit(2, "Half the rate")
    state.apply(LessonLearned(elapsed_s=30.0, node=1, lesson=learned))
    told = with_generated_text(learned.model_copy(update={"words": WORDS}))
    state.apply(LessonWorded(elapsed_s=31.0, node=1, lesson=told))
    assert state.nodes[1].lessons == ["00002"]
    assert state.learned["00002"].title == WORDS.title


def test_lessons_from_before_there_were_words_are_read() -> None:
    old = of_edit(1, "Half the rate").model_dump(mode="json")
    del old["words"], old["same_as"]
    assert Lesson.model_validate(old) == of_edit(1, "Half the rate")


def test_fixes_of_different_errors_are_no_one_lesson_though_they_have_one_title(store: LessonStore) -> None:
    fix = Fix(title="A fix", cause="c", edits=(Edit(file="main.py", find="a", replace="b"),))
    scope = Scope(task="classification", family="own code", magnitude=3)
    tried = [
        FixEvidence(run="r", competition="c", data_kind="full", node=1, number=number, mended=True)
        for number in (1, 2, 3)
    ]
    errors = ("KeyError: 'smoke'", "AssertionError", "KeyError: 'seed'")
    store.import_all(
        [distill_fix(scope, fix, error, (), one) for error, one in zip(errors, tried, strict=True)]
    )
    assert [len(lesson.fixes) for lesson in store.all()] == [2, 1]


def test_two_fixes_that_teach_the_same_are_one_lesson_of_their_node(store: LessonStore) -> None:
    state = started()
    number = propose(state)
    for _ in range(2):
        state.apply(LessonLearned(elapsed_s=1.0, node=number, lesson=of_edit(1, "Half the rate")))
    assert len(state.nodes[number].lessons) == 1
