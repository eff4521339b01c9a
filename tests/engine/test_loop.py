"""Whole searches with scripted candidates: results, and equality of killed and uninterrupted runs."""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.agents import lesson_writer
from agent.competition.prepared import Prepared
from agent.execution.base import Job, Outcome, StopCheck
from agent.llm.query import Query
from agent.memory.lesson import Lesson
from agent.record.events import (
    Event,
    FixProposed,
    LessonWorded,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RunResumed,
)
from agent.record.state import Node, RunState
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Change, Fix
from tests.support.scripted_models import ScriptedReviewer
from tests.support.scripted_run import ScriptedClock, ScriptedExecutor, ScriptedRun


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family)


def _without_resumes(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, RunResumed)]


@pytest.mark.parametrize("policy", ["mcts", "greedy", "random"])
def test_a_search_improves_on_its_first_draft_within_its_budget(scripted: ScriptedRun, policy: str) -> None:
    scripted.settings = {"policy": policy}
    state = scripted.go()
    first, best = state.nodes[1], state.best
    assert best is not None
    assert first.metric is not None
    assert best.metric is not None
    assert best.metric > first.metric + 0.05
    assert state.finished is not None
    assert state.finished.chosen is not None
    assert state.elapsed_s <= state.run.budget_s + 12


def test_the_first_node_is_the_lightest_draft_and_no_blueprint_is_tried_twice(scripted: ScriptedRun) -> None:
    state = scripted.go()
    assert state.nodes[1].idea.title == "Plain"
    blueprints = [str(node.idea.blueprint) for node in state.nodes.values()]
    assert len(blueprints) == len(set(blueprints))


def test_max_nodes_bounds_the_search(scripted: ScriptedRun) -> None:
    scripted.settings = {"max_nodes": 3}
    assert len(scripted.go().nodes) == 3


def test_lessons_carry_the_change_and_its_effect(scripted: ScriptedRun) -> None:
    state = scripted.go()
    crossing = Change(slot="kind", old="plain", new="crossed")
    crossed = [lesson for lesson in state.learned.values() if crossing in lesson.changes]
    assert crossed
    for lesson in crossed:
        assert lesson.verdict == "helps"
        (pair,) = lesson.evidence
        parent, child = state.nodes[pair.parent], state.nodes[pair.child]
        assert parent.metric is not None
        assert child.metric is not None
        assert lesson.effect == pytest.approx((child.metric - parent.metric) / (1 - parent.metric), abs=0.03)
        slots, changed = parent.idea.blueprint.slots, child.idea.blueprint.slots
        changes = {(name, slots[name], changed[name]) for name in slots if slots[name] != changed[name]}
        assert {(change.slot, change.old, change.new) for change in lesson.changes} == changes


@dataclass
class _BuildsCaches(ScriptedExecutor):
    """Executor whose candidate reports implausible cache times."""

    says: object = 0.0

    def _write(self, job: Job, quality: float) -> float:
        (job.workspace / "working" / "analysis.json").write_text(json.dumps({"cache_seconds": self.says}))
        return super()._write(job, quality)


@pytest.mark.parametrize(
    ("says", "counted"),
    [(2.0, 2.0), (1e9, 0.95 * 5.0), (-1.0, 0.0), ("all of it", 0.0), (math.nan, 0.0), (None, 0.0)],
)
def test_reported_cache_time_counts_as_far_as_plausible(
    scripted: ScriptedRun, says: object, counted: float
) -> None:
    scripted.settings = {"max_nodes": 1}
    state = scripted.go(executor=lambda clock: _BuildsCaches(clock, says=says))
    result = state.nodes[1].result
    assert result is not None
    assert (result.seconds, result.cache_seconds) == (5.0, pytest.approx(counted))


@dataclass
class _FirstIsPerfect(ScriptedExecutor):
    """Executor whose first candidate makes no mistake; all others do."""

    def _write(self, job: Job, quality: float) -> float:
        return super()._write(job, 1.1 if job.workspace.name.startswith("001") else quality)


def test_a_lesson_against_a_perfect_score_says_that_the_change_hurts(scripted: ScriptedRun) -> None:
    scripted.settings = {"max_nodes": 4}
    state = scripted.go(executor=_FirstIsPerfect)
    assert state.nodes[1].metric == 1.0
    learned = list(state.learned.values())
    assert {lesson.verdict for lesson in learned if lesson.evidence[0].parent == 1} == {"hurts"}
    assert all(lesson.standard_error < 1.0 for lesson in learned)


def test_a_run_killed_at_any_transaction_resumes_to_the_same_result(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    settings = {"max_nodes": 5}
    whole = ScriptedRun(tmp_path / "whole", toy_prepared, toy_family, settings)
    whole.go()
    expected = whole.events()
    assert len(expected) > 10
    for kill_at in range(1, len(expected) - 1):  # the last event ends the run
        run = ScriptedRun(tmp_path / f"killed{kill_at}", toy_prepared, toy_family, settings)
        run.go(kill_at=kill_at)
        run.go()
        assert _shape(_without_resumes(run.events())) == _shape(expected), f"killed at event {kill_at}"


CRASHES = Edit(file="library/config.py", find="GAIN =", replace='CRASH = "crashing"\nGAIN =')


class Mending:
    """Fake debugger whose first fix fails and whose second fix works."""

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        if node.attempts:
            edit = Edit(file="library/config.py", find='CRASH = "crashing"\n', replace="")
        else:
            edit = Edit(file="library/config.py", find="GAIN =", replace="OTHER = 1\nGAIN =")
        return Fix(
            title=f"Fix {len(node.attempts) + 1}", cause="It crashes.", signs="A crash.", edits=(edit,)
        )


def test_a_failed_node_continues_with_fixes_and_a_kill_changes_nothing(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    def make(name: str) -> ScriptedRun:
        more = {"edits": {2: (CRASHES,)}, "debugger": Mending()}
        return ScriptedRun(tmp_path / name, toy_prepared, toy_family, {"max_nodes": 3}, **more)  # type: ignore[arg-type]

    whole = make("whole")
    state = whole.go()
    mended = state.nodes[2]
    assert [attempt.fix.title for attempt in mended.attempts] == ["Fix 1", "Fix 2"]
    assert mended.is_valid
    assert "crashing" not in (whole.folder / "nodes" / "002" / "library" / "config.py").read_text()
    taught = [state.learned[name] for name in mended.lessons]
    assert [(lesson.kind, lesson.fixes[0].mended) for lesson in taught] == [("debug", False), ("debug", True)]

    expected = _shape(whole.events())
    for kill_at in range(1, len(expected) - 1):
        run = make(f"killed{kill_at}")
        run.go(kill_at=kill_at)
        run.go()
        assert _shape(_without_resumes(run.events())) == expected, f"killed at event {kill_at}"


def test_without_a_debugger_failed_nodes_stay_failed(scripted: ScriptedRun) -> None:
    scripted.settings, scripted.edits = {"max_nodes": 2}, {2: (CRASHES,)}
    assert scripted.go().nodes[2].status == "failed"


def _shape(events: list[Event]) -> list[tuple[object, ...]]:
    """Return decisions and results, without the time of lost attempts."""
    shape: list[tuple[object, ...]] = []
    for event in events:
        match event:
            case NodeProposed():
                shape.append(("proposed", event.node, event.operator, event.parents, event.idea))
            case NodeFinished():
                result = event.result
                shape.append(("finished", event.node, result.status, result.commit, result.metric))
            case FixProposed():
                shape.append(("fixed", event.node, event.failed.commit, event.fix))
            case _:
                shape.append((event.kind,))
    return shape


def test_every_revision_is_in_git_and_a_child_has_its_parent(scripted: ScriptedRun) -> None:
    from agent.repository.lineage import Lineage

    state = scripted.go()
    lineage = Lineage(scripted.folder / "repository.git")
    assert any(node.parent is not None for node in state.nodes.values())
    for node in state.nodes.values():
        assert node.result is not None
        files = lineage.read(node.result.commit)
        assert (scripted.folder / "nodes" / node.name / "main.py").read_text() == files["main.py"]
        if node.parent is not None:
            parent = state.nodes[node.parent].result
            assert parent is not None
            assert "config.py" in lineage.diff(parent.commit, node.result.commit)


MARKS = {
    number: (
        Edit(
            file="library/loss.py",
            find='"""Nothing',
            replace=f'"""Nothing for {number}',
        ),
    )
    for number in range(1, 9)
}


def _told(run: ScriptedRun) -> dict[str, str]:
    """Return the titles of the lessons in memory, by id."""
    return {lesson.id: lesson.title for lesson in run.lessons().all()}


def test_recorded_lessons_about_edits_are_worded_by_a_model(scripted: ScriptedRun) -> None:
    scripted.settings, scripted.edits = {"max_nodes": 6}, MARKS
    language_model = ScriptedReviewer()
    scripted.language_model = language_model
    state = scripted.go()
    taught = [node for node in state.nodes.values() if node.lessons]
    assert len(taught) >= 2
    assert [query.node for query in language_model.questions] == [node.id for node in taught]
    for node in taught:
        (number,) = node.lessons
        assert state.learned[number].title == f"title of node {node.id}"
        assert _told(scripted)[number] == f"title of node {node.id}"
    kinds = [event.kind for event in scripted.events() if getattr(event, "node", 0) == taught[0].id]
    assert kinds[:4] == ["node_proposed", "node_finished", "lesson_learned", "lesson_worded"]
    assert _folded_again(scripted) == state.learned


def test_no_row_value_reaches_the_model_that_words_lessons(scripted: ScriptedRun) -> None:
    """Return the long numbers of the tables; short numbers may occur by chance."""
    language_model = ScriptedReviewer()
    scripted.settings, scripted.edits, scripted.language_model = {"max_nodes": 4}, MARKS, language_model
    scripted.go()
    said = "".join(p.stable + p.asked for query in language_model.questions for p in query.prompts)
    assert '+"""Nothing for ' in said
    for part in ("train", "val", "test"):
        lines = (scripted.prepared.metadata / f"{part}.csv").read_text().splitlines()[1:]
        cells = {cell for line in lines for cell in line.split(",") if len(cell) > 4}
        assert len(cells) > 100
        assert {cell for cell in cells if cell in said} == set()


def _folded_again(run: ScriptedRun) -> dict[str, Lesson]:
    """Return the lessons of the state rebuilt from the record."""
    return RunState.replay(run.events(), higher_is_better=True).learned


def test_a_kill_between_a_lesson_and_its_words_loses_only_the_words(scripted: ScriptedRun) -> None:
    scripted.settings, scripted.edits, scripted.language_model = {"max_nodes": 5}, MARKS, ScriptedReviewer()
    whole = ScriptedRun(scripted.folder.parent / "whole", scripted.prepared, scripted.family)
    whole.settings, whole.edits = scripted.settings, MARKS
    whole.go()
    learned_at = 1 + [event.kind for event in whole.events()[1:]].index("lesson_learned")
    scripted.go(kill_at=learned_at)
    assert scripted.events()[-1].kind == "lesson_learned"
    state = scripted.go()
    first, *others = sorted(state.learned.values(), key=lambda lesson: lesson.id)
    assert first.words is None
    assert others
    assert all(lesson.words for lesson in others)
    assert [node.idea for node in state.nodes.values()] == [
        event.idea for event in whole.events() if isinstance(event, NodeProposed)
    ]


def test_words_with_the_opposite_verdict_are_ignored(scripted: ScriptedRun) -> None:
    scripted.settings, scripted.edits = {"max_nodes": 4}, MARKS
    scripted.language_model = ScriptedReviewer({"verdict": "perhaps"})
    state = scripted.go()
    assert state.learned
    assert all(lesson.words is None for lesson in state.learned.values())
    assert not any(isinstance(event, LessonWorded) for event in scripted.events())


def test_an_equivalent_lesson_adds_its_evidence_to_the_known_one(
    scripted: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake reviewer calls each lesson equivalent to the last known one."""
    monkeypatch.setattr(lesson_writer, "MIN_SIMILARITY", 0.0)

    @dataclass
    class Repeating(ScriptedReviewer):
        def ask(self, query: Query[Any]) -> Any:
            ids = query.form.schema["properties"].get("same_as", {"enum": [""]})["enum"]
            self.said = {"same_as": ids[-1]}
            return super().ask(query)

    scripted.settings, scripted.edits, scripted.language_model = {"max_nodes": 8}, MARKS, Repeating()
    state = scripted.go()
    merged = [event for event in scripted.events() if isinstance(event, LessonWorded) and event.instead_of]
    assert merged
    one = state.learned[merged[-1].lesson.id]
    assert len(one.evidence) >= 2
    assert merged[-1].instead_of not in state.learned
    assert state.nodes[merged[-1].node].lessons == [one.id]
    assert set(_told(scripted)) == set(state.learned)
    assert _folded_again(scripted) == state.learned


@dataclass
class _FifthOverruns(ScriptedExecutor):
    """Executor whose fifth candidate ends after the run's budget."""

    def _write(self, job: Job, quality: float) -> float:
        self.clock.now += 200.0 if job.workspace.name.startswith("005") else 0.0
        return super()._write(job, quality)


def test_no_model_is_asked_for_words_after_the_time_limit(scripted: ScriptedRun) -> None:
    language_model = ScriptedReviewer()
    scripted.edits, scripted.language_model = MARKS, language_model
    state = scripted.go(executor=_FifthOverruns)
    assert list(state.nodes) == [1, 2, 3, 4, 5]
    assert state.nodes[5].lessons
    assert language_model.questions
    assert [query.node for query in language_model.questions] == [
        node.id for node in state.nodes.values() if node.lessons and node.id != 5
    ]


@dataclass
class _ReportsProgress(ScriptedExecutor):
    """Executor whose full runs report good scores half-way, and whose smoke runs report bad ones."""

    stops: list[str] = field(default_factory=list)

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        smoke = job.arguments == ("--smoke",)
        if not smoke:
            return super().execute(job, stop_check)
        (job.workspace / "working").mkdir()
        self._report(job, 0.01)
        time.sleep(0.6)  # two ticks of the loop, which reads the progress
        assert stop_check is not None
        if (stop := stop_check(0.6)) is not None:
            self.stops.append(stop.sentence)
        return super().execute(job, stop_check)

    def _write(self, job: Job, quality: float) -> float:
        self._report(job, quality)
        return super()._write(job, quality)

    def _report(self, job: Job, score: float) -> None:
        line = {"stage": "train", "fraction": 0.5, "elapsed_s": 1.0, "metric": score}
        (job.workspace / "working" / "progress.jsonl").write_text(json.dumps(line) + "\n")


def test_a_smoke_run_is_never_pruned(scripted: ScriptedRun) -> None:
    scripted.settings = {"max_nodes": 6, "policy": "greedy"}
    opened: list[_ReportsProgress] = []

    def make(clock: ScriptedClock) -> ScriptedExecutor:
        opened.append(_ReportsProgress(clock))
        return opened[-1]

    state = scripted.go(executor=make)
    assert sum(job.arguments == ("--smoke",) for job in opened[0].jobs) >= 3
    assert opened[0].stops == []
    assert [node.status for node in state.nodes.values()].count("valid") == len(state.nodes)
    curves = [node.result.curve for node in state.nodes.values() if node.result and node.result.curve]
    assert len(curves) >= 4, "the full runs report their progress, which later ones are compared with"
    assert all(point.metric is not None and point.metric > 0.5 for curve in curves for point in curve)


def test_the_time_that_stays_unused_is_said_with_the_reason(scripted: ScriptedRun) -> None:
    scripted.settings = {"max_nodes": 1}
    state = scripted.go()
    assert state.finished is not None
    assert state.finished.reason == "the 1 node of --max-nodes was tried; 1:54 of 2:00 were not used"
