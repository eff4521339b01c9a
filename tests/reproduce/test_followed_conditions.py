"""A condition stands once: change it, and both the live loop and the replay of decisions follow."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.agents.writer import WritingError
from agent.competition.prepared import Prepared
from agent.core.paths import Home, templates_dir
from agent.engine import decider
from agent.engine.decider import Decider
from agent.record.events import NodeResult, Review
from agent.record.state import Node, RunState
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Fix, Idea, ModulePlan, WrittenModule
from agent.repository.rendering import Renderer, TaskView
from agent.repository.run_templates import Templates
from agent.reproduce.decision_checks import DecisionCheck
from agent.reproduce.decisions import verify_by, verify_decisions
from agent.reproduce.recorded_answers import RecordedAnswers
from agent.search import refits, scheduler
from tests.support.finished_runs import blending_home, search
from tests.support.scripted_models import ScriptedReviewer
from tests.support.scripted_run import ScriptedRun
from tests.support.states import idea

CRASHES = Edit(file="library/config.py", find="GAIN =", replace='CRASH = "crashing"\nGAIN =')
MARKS = {
    number: (Edit(file="library/loss.py", find='"""Nothing', replace=f'"""Nothing for {number}'),)
    for number in range(1, 7)
}


class Fixes:
    """Removes the crash."""

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        edit = Edit(file="library/config.py", find='CRASH = "crashing"\n', replace="")
        return Fix(title="No crash", cause="It crashes.", signs="A crash.", edits=(edit,))


@dataclass(frozen=True)
class Writes:
    """Writes the modules that the toy family renders."""

    files: Mapping[str, str]

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        file = node.unwritten_modules[0].file
        if file not in self.files:
            raise WritingError(f"{file} is unknown.")
        return WrittenModule(file=file, code=self.files[file])


class Approves:
    """Finds every score sound."""

    def review(
        self, state: RunState, node: Node, result: NodeResult, before: Mapping[str, str]
    ) -> Review | None:
        return Review(sound=True, reason="It is plain.")


def _with_modules(run: ScriptedRun) -> ScriptedRun:
    """Return a run whose first draft has a plan of modules."""
    rendered = Renderer(run.family, TaskView.of(run.prepared)).render(
        idea("toy", {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"})
    )
    written = [name for name in rendered if name.endswith(".py") and name != "library/__init__.py"]
    order = sorted(written, key=lambda name: (name == "main.py", name != "library/config.py", name))
    plan = tuple(ModulePlan(file=name, purpose="As rendered.", names=()) for name in order)
    planned = Idea(title="t", model="m", data="d", training="t", evaluation="e", blueprint=None, plan=plan)
    return replace(run, ideas={1: planned}, writer=Writes(rendered))


@dataclass(frozen=True)
class Condition:
    """A decision of a scripted run, and a changed condition under which it is not made."""

    what: str  # how the name of the decision begins
    prepare: Callable[[ScriptedRun], ScriptedRun]
    target: object
    name: str
    value: Any
    is_missed: bool = True  # without the change, the replay misses the decision in the changed run


def _is_late(self: Decider, state: RunState, elapsed_s: float | None = None) -> bool:
    return True


CONDITIONS = {
    "repeat": Condition(
        "repeat of", lambda run: replace(run, settings={"max_nodes": 4}), scheduler, "MAX_REPEATS", 0
    ),
    "refit": Condition(
        "refit of",
        lambda run: replace(run, settings={"max_nodes": 2, "refit_rows": 1.25}),
        refits,
        "REFIT_START_S",
        1e6,
    ),
    "module": Condition("library/", _with_modules, Decider, "is_late", _is_late),
    "fix": Condition(
        "fix 1 of",
        lambda run: replace(run, edits={1: (CRASHES,)}, debugger=Fixes()),
        Decider,
        "is_late",
        _is_late,
    ),
    "probe": Condition(
        "probe of",
        lambda run: replace(run, edits=MARKS),
        Decider,
        "is_probe_due",
        lambda self, state, node, result, findings: False,
    ),
    "review": Condition(
        "review of",
        lambda run: replace(run, edits=MARKS, reviewer=Approves()),
        Decider,
        "would_lead",
        lambda self, state, node, result: False,
    ),
    "words": Condition(
        "words for lesson",
        lambda run: replace(run, edits=MARKS, language_model=ScriptedReviewer(), settings={"max_nodes": 6}),
        Decider,
        "words_from",
        lambda self, state: None,
        is_missed=False,  # no words look the same as a model that gave no answer
    ),
}


def _verify(run: ScriptedRun) -> list[DecisionCheck]:
    def decider_of(state: RunState, answers: RecordedAnswers) -> AbstractContextManager[Decider]:
        return nullcontext(run.decider(state.run))

    return list(verify_by(decider_of, run.opened(), Templates(templates_dir(), {"toy": run.family})))


def _names(found: list[DecisionCheck], what: str) -> list[str]:
    return [one.what for one in found if one.what.startswith(what)]


def _different(found: list[DecisionCheck]) -> list[str]:
    return [one.what for one in found if not one.same]


@pytest.mark.parametrize("kind", CONDITIONS)
def test_the_loop_and_the_replay_follow_a_changed_condition(
    kind: str,
    tmp_path: Path,
    toy_prepared: Prepared,
    toy_family: Family,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    condition = CONDITIONS[kind]

    def make(name: str) -> ScriptedRun:
        plain = ScriptedRun(tmp_path / name, toy_prepared, toy_family, {"max_nodes": 1})
        return condition.prepare(plain)

    before, after = make("before"), make("after")
    before.go()
    recorded = _verify(before)
    assert _names(recorded, condition.what)
    assert _different(recorded) == []

    with monkeypatch.context() as patch:
        patch.setattr(condition.target, condition.name, condition.value)
        assert _names([one for one in _verify(before) if not one.same], condition.what)
        after.go()
        follows = _verify(after)
        assert _names(follows, condition.what) == []
        assert _different(follows) == []

    assert bool(_different(_verify(after))) == condition.is_missed


def test_both_follow_a_changed_reason_for_the_end(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ScriptedRun(tmp_path / "run", toy_prepared, toy_family, {"max_nodes": 1})
    run.go()
    assert _different(_verify(run)) == []
    monkeypatch.setattr(decider, "end_reason", lambda state: "nothing_fits")
    (different,) = (one for one in _verify(run) if not one.same)
    assert different.reason == "Now the search would end: no new idea fits the time left."
    again = ScriptedRun(tmp_path / "again", toy_prepared, toy_family, {"max_nodes": 1})
    state = again.go()
    assert state.finished is not None
    assert (state.finished.end_reason, state.finished.reason) == (
        "nothing_fits",
        "no new idea fits the time left; 1:54 of 2:00 were not used",
    )
    assert _different(_verify(again)) == []


def test_both_follow_a_changed_condition_of_the_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home: Home = blending_home(tmp_path)
    run = search(home, max_nodes=2)
    assert [node.operator for node in run.state.nodes.values()][-1] == "ensemble"
    assert _different(list(verify_decisions(run, home))) == []
    monkeypatch.setattr(decider, "MIN_MEMBERS", 99)
    (different,) = (one for one in verify_decisions(run, home) if not one.same)
    assert (different.what, different.reason) == ("node 003", "Now no ensemble would be started.")
    again = search(home, max_nodes=2)
    assert "ensemble" not in [node.operator for node in again.state.nodes.values()]
    assert _different(list(verify_decisions(again, home))) == []
