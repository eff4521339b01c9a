"""Runs with edits in their lineage: rendering, merging, editing, replay and reuse."""

import json
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.core.paths import Home, templates_dir
from agent.engine.node_source import node_source
from agent.memory.lesson import Lesson
from agent.record.events import Event, NodeFinished, NodeProposed, RunResumed
from agent.record.opened_run import Run, open_run
from agent.record.state import Node
from agent.repository.assembly import Assembler
from agent.repository.edits import Edit, apply_edits
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Idea, changes_between
from agent.repository.rendering import Renderer, TaskView, write_tree
from agent.repository.run_templates import Templates
from agent.reproduce.defaults import TOLERANCE
from agent.reproduce.execution import reexecute
from agent.reproduce.lesson_checks import verify_lesson
from agent.reproduce.rendering import RenderingCheck
from agent.search.scheduler import Propose
from tests.support.finished_runs import blending_home, carried_out, own_family, search
from tests.support.scripted_run import ScriptedRun, SilentObserver
from tests.support.states import idea

SLOTS: dict[str, Value] = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
NOTHING = '"""Nothing: a toy needs none."""'
MARKED = Edit(file="library/loss.py", find=NOTHING, replace=f"{NOTHING}\r\n\r\nMARK = 'kept'  \r\n")
NEW = Edit(file="library/extra.py", find="", replace="BONUS = 0.05\n")
USED = (
    Edit(file="main.py", find="< QUALITY + more", replace="< QUALITY + BONUS + more"),
    Edit(
        file="main.py",
        find="config import QUALITY\n",
        replace="config import QUALITY\nfrom library.extra import BONUS\n",
    ),
)
CLASH = Edit(file="library/config.py", find="WIDTH = 1\n", replace="WIDTH = 1 + 0\n")
NOWHERE = Edit(file="library/config.py", find="HEIGHT = 1\n", replace="HEIGHT = 2\n")


def _draft(*edits: Edit, **slots: Value) -> Propose:
    return Propose("draft", (), idea("An edited draft", {**SLOTS, **slots}, edits=edits), None)


def _child(parent: int, old: dict[str, Value], *edits: Edit, **slots: Value) -> Propose:
    before = {**SLOTS, **old}
    after = {**before, **slots}
    what = idea("A child", after, edits=edits, changes=changes_between(before, after))
    return Propose("improve", (parent,), what, None)


SCRIPT = (
    _draft(MARKED, NEW),
    _child(1, {}, depth=3),
    _child(2, {"depth": 3}, *USED),
    _child(3, {"depth": 3}, kind="crossed"),
    _draft(CLASH),
    _child(5, {}, width=2),
    _child(5, {}, depth=2),
    _draft(MARKED, NOWHERE, kind="crossed"),
    _child(1, {}, MARKED, breadth=2, depth=4),
    _draft(kind="crossed", depth=3),
)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, carried_out(home, *SCRIPT, refit=True)


def _rendered(home: Home, run: Run, what: Idea) -> dict[str, str]:
    return Renderer(load_family(home.families / "toy"), TaskView.of(run.prepared)).render(what)


def _files(run: Run, number: int) -> dict[str, str]:
    result = run.state.nodes[number].result
    assert result is not None
    return run.lineage.read(result.commit)


def _reason(run: Run, number: int) -> str:
    result = run.state.nodes[number].result
    assert result is not None
    assert result.status == "failed"
    return result.reason


def test_a_draft_is_its_rendering_with_its_edits(edited: tuple[Home, Run]) -> None:
    home, run = edited
    node = run.state.nodes[1]
    assert node.is_valid
    assert _files(run, 1) == apply_edits(_rendered(home, run, node.idea), [MARKED, NEW])
    assert (run.nodes / "001" / "library" / "loss.py").read_bytes().endswith(b"MARK = 'kept'  \r\n\n")
    told = json.loads(_files(run, 1)["idea.json"])
    assert told["edits"] == [MARKED.model_dump(), NEW.model_dump()]
    assert Idea.model_validate({name: told[name] for name in Idea.model_fields if name in told}) == node.idea


def test_a_child_that_changes_slots_keeps_the_edits_and_all_else_is_its_rendering(
    edited: tuple[Home, Run],
) -> None:
    home, run = edited
    child = run.state.nodes[2]
    assert child.is_valid
    kept = {name: _files(run, 1)[name] for name in ("library/loss.py", "library/extra.py")}
    assert _files(run, 2) == _rendered(home, run, child.idea) | kept
    assert "edits" not in json.loads(_files(run, 2)["idea.json"]), "they are its line's, not its own"


def test_edits_apply_on_top_of_the_lineage_and_change_the_score(edited: tuple[Home, Run]) -> None:
    _, run = edited
    without, edits_alone, crossed = (run.state.nodes[number].metric for number in (2, 3, 4))
    assert without is not None
    assert edits_alone is not None
    assert crossed is not None
    assert 0.02 < edits_alone - without < 0.08
    assert 0.05 < crossed - edits_alone < 0.15
    assert "< QUALITY + BONUS + more" in _files(run, 4)["main.py"]
    assert _files(run, 4)["library/loss.py"] == _files(run, 1)["library/loss.py"]


def test_conflicts_and_edits_that_do_not_apply_are_faults_of_their_nodes(edited: tuple[Home, Run]) -> None:
    home, run = edited
    assert _reason(run, 6) == "The change conflicts with what was edited before in library/config.py."
    assert "library/config.py does not contain the block; nearest" in _reason(run, 8)
    rendered = _rendered(home, run, run.state.nodes[8].idea)
    assert _files(run, 8) == rendered, "of several edits all are made or none"
    assert "Edit 1 of 1: library/loss.py contains the block" not in _reason(run, 7)
    assert run.state.finished is not None


def test_edits_meet_those_of_the_line(edited: tuple[Home, Run]) -> None:
    """The block still occurs once, so that a child may repeat the same edit."""
    _, run = edited
    assert run.state.nodes[9].is_valid
    assert _files(run, 9)["library/loss.py"].count("MARK = 'kept'") == 2


def test_every_node_replays_to_the_byte(edited: tuple[Home, Run]) -> None:
    home, run = edited
    operators = [node.operator for node in run.state.nodes.values()]
    assert operators[-1] == "ensemble"
    assert {one.verdict for one in RenderingCheck(run, home).nodes()} == {"identical"}
    blend = run.state.nodes[len(operators)]
    files = _files(run, blend.id)
    for member in blend.parents:
        own = {name: text for name, text in files.items() if name.startswith(f"members/{member:03d}/")}
        assert own == {f"members/{member:03d}/{name}": text for name, text in _files(run, member).items()}
    assert any("MARK = 'kept'" in text for text in files.values())


def test_executed_again_every_node_agrees(edited: tuple[Home, Run]) -> None:
    home, run = edited
    compared = list(reexecute(run, home, TOLERANCE))
    assert all(one.agrees for one in compared)
    assert "not executed in the run: The change conflicts" in compared[5].reason


def test_the_kept_solution_is_refitted_with_its_edits(edited: tuple[Home, Run]) -> None:
    _, run = edited
    assert run.state.finished is not None
    assert not run.state.finished.no_refit
    assert run.state.finished.chosen is not None
    refit = run.state.nodes[run.state.finished.chosen].refit
    assert refit is not None
    assert refit.status == "kept"


def test_an_edit_that_no_longer_applies_is_named_as_the_reason(edited: tuple[Home, Run]) -> None:
    home, run = edited
    file = own_family(run.folder) / "library" / "loss.py.j2"
    before = file.read_text()
    try:
        file.write_text(before.replace("Nothing", "Something"))
        first = RenderingCheck(run, home).nodes()[0]
    finally:
        file.write_text(before)
    assert first.verdict == "different"
    assert {one.file: one.what for one in first.differences} == {
        "library/loss.py": "changed",
        "library/extra.py": "missing",
    }
    assert all("library/loss.py does not contain the block" in one.reason for one in first.differences)


# -- lessons -------------------------------------------------------------------------------------------


def _lessons_of(run: Run, number: int) -> list[Lesson]:
    return [run.state.learned[name] for name in run.state.nodes[number].lessons]


def test_effects_of_edits_are_not_evidence_about_slots(edited: tuple[Home, Run]) -> None:
    _, run = edited
    (below,) = _lessons_of(run, 2)
    assert [change.slot for change in below.changes] == ["depth"], "both sides have the edits"
    assert not below.edit_hash
    (alone,), (mixed,) = _lessons_of(run, 3), _lessons_of(run, 9)
    for lesson in (alone, mixed):
        assert lesson.changes == ()
        assert len(lesson.edit_hash) == 64
        assert lesson not in run.state.lessons_about(["breadth"])
        assert lesson not in run.state.helpful_lessons
        assert lesson.summary
        assert "The edit 'A child' " in lesson.key_lesson
    assert alone.edit_hash != mixed.edit_hash
    assert alone.findings.endswith("Edited: main.py.")
    assert mixed.findings.endswith("Edited: library/loss.py, together with depth 1 → 4, breadth 1 → 2.")
    for draft in (5, 10):
        assert run.state.nodes[draft].is_valid
        assert _lessons_of(run, draft) == [], "it differs from the best, an edited one, by more than slots"


def test_a_lesson_about_edits_is_not_verified_and_says_why(edited: tuple[Home, Run]) -> None:
    home, run = edited
    (lesson,) = _lessons_of(run, 3)
    with pytest.raises(SetupError, match=f"Lesson {lesson.id} is about edits of code; only changes of slots"):
        verify_lesson(lesson.id, 1, home, SilentObserver())


def test_a_lesson_learned_below_edits_is_verified_with_them(edited: tuple[Home, Run]) -> None:
    home, run = edited
    (lesson,) = _lessons_of(run, 4)
    again = open_run(verify_lesson(lesson.id, 1, home, SilentObserver()).run, home)
    without, changed = (_files(again, number) for number in (1, 2))
    assert without == _files(run, 3)
    assert changed["library/loss.py"] == without["library/loss.py"]
    assert changed["main.py"] == without["main.py"]
    assert changed["library/config.py"] == _files(run, 4)["library/config.py"]
    assert [one.verdict for one in RenderingCheck(again, home).nodes()] == ["not rendered", "identical"]


# -- from elsewhere ------------------------------------------------------------------------------------


def test_an_edited_solution_is_searched_on_from(edited: tuple[Home, Run], tmp_path: Path) -> None:
    home, run = edited
    write_tree(_files(run, 3), tmp_path / "own")
    found = search(home, max_nodes=3, imported=tmp_path / "own")
    imported = found.state.nodes[1]
    assert imported.idea.edits == (), "its code has them; they are not made again"
    assert imported.metric == run.state.nodes[3].metric
    children = [node for node in found.state.nodes.values() if node.parents == (1,) and node.is_valid]
    assert children
    for child in children:
        assert _files(found, child.id)["library/loss.py"] == _files(run, 1)["library/loss.py"]
        assert _files(found, child.id)["library/extra.py"] == NEW.replace


def test_code_without_a_blueprint_changes_by_edits_alone(edited: tuple[Home, Run]) -> None:
    _, run = edited
    own = idea("By edits alone", edits=(Edit(file="library/loss.py", find="'kept'", replace="'changed'"),))
    bare = Node(99, "improve", (1,), own.model_copy(update={"blueprint": None}), None, 0.0)
    without_families = Assembler(TaskView.of(run.prepared), Templates(templates_dir(), {}), run.lineage)
    code = without_families.assemble(node_source(run.state, bare, run.lineage.read))
    assert code.faults == ()
    changed = {name for name, text in code.files.items() if text != _files(run, 1)[name]}
    assert changed == {"library/loss.py", "idea.json"}
    assert json.loads(code.files["idea.json"])["title"] == "By edits alone"


# -- killed and resumed --------------------------------------------------------------------------------

PLANNED = {1: (MARKED,), 2: (NEW,), 3: (NOWHERE,), 4: (*USED, CLASH)}


def test_a_killed_run_with_edits_resumes_to_the_same_result(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    settings = {"max_nodes": 6, "policy": "greedy"}
    whole = ScriptedRun(tmp_path / "whole", toy_prepared, toy_family, settings, PLANNED)
    state = whole.go()
    assert {node.status for node in state.nodes.values()} == {"valid", "failed"}
    lines = [node for node in state.nodes.values() if node.is_valid and node.parent == 1]
    assert all(
        b"kept" in (whole.folder / f"nodes/{node.name}/library/loss.py").read_bytes() for node in lines
    )
    expected = whole.events()
    for kill_at in range(1, len(expected) - 1, 2):
        run = ScriptedRun(tmp_path / f"killed{kill_at}", toy_prepared, toy_family, settings, PLANNED)
        run.go(kill_at=kill_at)
        run.go()
        assert _shape(run.events()) == _shape(expected), f"killed at event {kill_at}"


def _shape(events: list[Event]) -> list[tuple[object, ...]]:
    """Return decisions with their edits, and results with their commits."""
    shape: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, NodeProposed):
            shape.append((event.node, event.parents, event.idea))
        elif isinstance(event, NodeFinished):
            shape.append((event.node, event.result.commit, event.result.metric, event.result.reason))
        elif not isinstance(event, RunResumed):
            shape.append((event.kind,))
    return shape
