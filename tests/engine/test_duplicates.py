"""Nodes whose outputs equal those of an earlier node: said, no evidence, never chosen beside it."""

from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.repository.family import Family
from agent.solution.choose import best_by_validation
from tests.support import scripted_run
from tests.support.scripted_run import ScriptedRun


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family, settings={"rules": 3, "max_nodes": 6})


def test_nodes_with_equal_outputs_are_duplicates_of_the_first(
    scripted: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted_run, "_quality", lambda config: 0.5)
    state = scripted.go()
    first, *others = (node for node in state.nodes.values() if node.operator != "ensemble")
    assert first.result is not None
    assert len(first.result.outputs_hash) == 64
    assert first.result.duplicate_of is None
    assert len(others) >= 3
    for node in others:
        assert node.result is not None
        assert node.is_valid
        assert node.result.duplicate_of == first.id
        assert node.result.reason == "A duplicate: its outputs equal those of node 001."
        assert node.lessons == []
    assert best_by_validation(state, 10) == [first]


def test_nodes_with_other_outputs_are_no_duplicates(scripted: ScriptedRun) -> None:
    state = scripted.go()
    hashes = [node.result.outputs_hash for node in state.valid if node.result is not None]
    unique = [node for node in state.valid if node.result is not None and node.result.duplicate_of is None]
    assert len(set(hashes)) == len(unique) >= 3
    assert any(node.lessons for node in unique)


def test_lessons_of_a_run_name_the_structure(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    family = toy_family.model_copy(update={"structure": ("kind",)})
    run = ScriptedRun(tmp_path / "run", toy_prepared, family, settings={"rules": 3, "max_nodes": 8})
    state = run.go()
    learned = [(node, state.learned[name]) for node in state.nodes.values() for name in node.lessons]
    within = [(node, lesson) for node, lesson in learned if node.operator == "improve"]
    assert within
    for node, lesson in within:
        assert node.blueprint is not None
        assert lesson.scope.structure == node.blueprint.slots["kind"]
        assert f" with {lesson.scope.structure} on" in lesson.key_lesson or lesson.verdict == "inconclusive"
    across = [lesson for node, lesson in learned if node.operator == "draft"]
    assert all(lesson.scope.structure == "" for lesson in across)
