import json
from pathlib import Path

import pytest

from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.memory.distill import distill
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import recall
from agent.memory.store import LessonStore, key_of, merged, read_lessons, write_lessons
from agent.repository.edits import Edit
from agent.repository.idea import Change
from tests.support.states import evidence, lesson

SCOPE = Scope(task="classification", family="toy", magnitude=3)


def test_a_large_but_uncertain_effect_is_inconclusive() -> None:
    """2.6 standard errors, but the prior for one slot is 0.1, and some of many such effects are chance."""
    unsure = lesson("depth", 1, 2, evidence(-0.5, 0.19))
    assert unsure.verdict == "inconclusive"
    assert unsure.conclusive_effect > 0.5
    again = unsure.model_copy(update={"evidence": unsure.evidence * 4})
    assert again.verdict == "hurts"
    assert unsure.confidence < again.confidence


def test_new_evidence_updates_the_cached_effect() -> None:
    first = lesson("depth", 1, 2, evidence(0.1, 0.01))
    assert (first.verdict, first.effect) == ("helps", pytest.approx(0.1))
    second = lesson("depth", 1, 2, evidence(-0.3, 0.01, child=3))
    assert second.verdict == "hurts"
    both = merged(first, second)
    assert both.effect == pytest.approx(-0.1)
    assert "Error +10.0 %" in both.summary


def test_a_change_of_many_slots_has_a_wider_prior() -> None:
    one = lesson("depth", 1, 2, evidence(-0.5, 0.19))
    eight = one.model_copy(update={"changes": one.changes * 8})
    assert (one.verdict, eight.verdict) == ("inconclusive", "hurts")


def test_within_two_standard_errors_is_inconclusive() -> None:
    assert lesson("depth", 1, 2, evidence(0.01, 0.0049)).verdict == "helps"
    assert lesson("depth", 1, 2, evidence(0.01, 0.0051)).verdict == "inconclusive"
    assert lesson("depth", 1, 2, evidence(-0.1, 0.01)).verdict == "hurts"


def test_evidence_is_pooled_by_inverse_variance() -> None:
    pooled = lesson(
        "depth", 1, 2, evidence(0.1, 0.02), evidence(0.4, 0.04, child=3), evidence(-0.1, 9, child=4)
    )
    assert pooled.effect == pytest.approx(
        (0.1 / 0.02**2 + 0.4 / 0.04**2) / (1 / 0.02**2 + 1 / 0.04**2), abs=1e-4
    )
    assert pooled.standard_error < 0.02
    assert (pooled.confirmations, pooled.contradictions) == (2, 1)
    assert 0.99 < pooled.confidence <= 1


def test_distilled_text_names_change_and_verdict() -> None:
    change = Change(slot="loss", old="bce", new="asymmetric")
    made = distill(SCOPE, "Asymmetric loss", (change,), evidence(0.08, 0.01), "f1 0.6 against 0.5")
    assert made.title == "Loss asymmetric instead of bce helps"
    assert "Error -8.0 % ± 1.0 %" in made.summary
    assert "f1 0.6 against 0.5" in made.findings


def test_lessons_about_edits_merge_for_equal_edits(tmp_path: Path) -> None:
    edit = Edit(file="library/loss.py", find="a", replace="b")
    change = Change(slot="loss", old="bce", new="asymmetric")

    def made(child: int, *edits: Edit, changes: tuple[Change, ...] = (), title: str = "Smooth") -> Lesson:
        return distill(SCOPE, title, changes, evidence(0.08, 0.01, child=child), "f1 0.6, 0.5", edits)

    lesson_of_both = made(2, edit, changes=(change,))
    assert lesson_of_both.changes == ()
    assert lesson_of_both.key_lesson == "The edit 'Smooth' helps on classification tasks of this size."
    assert "Error -8.0 % ± 1.0 %" in lesson_of_both.summary
    assert lesson_of_both.findings.endswith(
        "Edited: library/loss.py, together with loss asymmetric instead of bce."
    )
    store = LessonStore(open_database(tmp_path / "mars.db"))
    other = edit.model_copy(update={"replace": "c"})
    told = [made(2, edit), made(3, edit, title="Again"), made(4, other), lesson_of_both]
    assert store.import_all(told) == 4
    merged, second, third = store.all()
    assert [item.child for item in merged.evidence] == [2, 3]
    assert "(2 pairs)" in merged.summary
    assert "'Again'" in merged.key_lesson
    assert len({merged.edit_hash, second.edit_hash, third.edit_hash}) == 3


def test_a_lesson_from_before_there_were_edits_is_read() -> None:
    old = lesson("depth", 1, 2).model_dump(mode="json")
    del old["edit_hash"]
    assert Lesson.model_validate(old) == lesson("depth", 1, 2)


def test_equal_changes_merge_and_add_their_evidence(tmp_path: Path) -> None:
    store = LessonStore(open_database(tmp_path / "mars.db"))
    store.import_all([lesson("depth", 1, 2, evidence(0.1, 0.01)), lesson("width", 1, 2)])
    store.import_all([lesson("depth", 1, 2, evidence(0.2, 0.01, child=9))])
    first, second = store.all()
    assert [first.id, second.id] == ["00001", "00002"]
    assert [item.child for item in first.evidence] == [2, 9]
    store.import_all([lesson("depth", 1, 2, evidence(0.2, 0.01, child=9))])
    assert len(store.get("1").evidence) == 2, "the same comparison counts once"


def test_exported_lessons_come_back_and_damaged_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "lessons.json"
    lessons = [lesson("depth", 1, 2), lesson("width", 2, 3, lesson_id="00002")]
    write_lessons(lessons, file)
    assert read_lessons(file) == lessons
    file.write_text('[{"id": "1"}]')
    with pytest.raises(SetupError, match=r"lessons\.json: not a list of lessons"):
        read_lessons(file)
    with pytest.raises(SetupError, match=r"nowhere\.json: cannot be read"):
        read_lessons(tmp_path / "nowhere.json")


def test_an_unknown_lesson_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="mars lessons list"):
        LessonStore(open_database(tmp_path / "mars.db")).get("7")


def test_recall_prefers_relevant_certain_and_recent_lessons() -> None:
    other = lesson("depth", 1, 2, lesson_id="00001").model_copy(
        update={"scope": Scope(task="regression", family="toy", magnitude=3)}
    )
    far = lesson("depth", 1, 3, lesson_id="00002").model_copy(
        update={"scope": Scope(task="classification", family="toy", magnitude=6)}
    )
    unsure = lesson("width", 1, 2, evidence(0.01, 0.1), lesson_id="00003")
    sure = lesson("width", 1, 3, evidence(0.3, 0.01), lesson_id="00004")
    assert [item.id for item in recall([other, far, unsure, sure], [SCOPE])] == ["00004", "00003", "00002"]
    assert len(recall([sure] * 50, [SCOPE])) == 30


def test_lessons_of_other_structures_stay_apart_and_those_of_former_versions_keep_their_key() -> None:
    told = lesson("depth", 1, 2)
    linear, forest = (
        told.model_copy(update={"scope": told.scope.model_copy(update={"structure": name})})
        for name in ("linear", "forest")
    )
    assert len({key_of(one) for one in (told, linear, forest)}) == 3
    assert json.loads(key_of(told))[1] == {"task": "classification", "family": "toy", "magnitude": 3}
