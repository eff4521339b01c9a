"""Whole searches that blend: what an ensemble's refit does not need goes back to the search."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from agent.competition.prepared import Prepared
from agent.core.paths import templates_dir
from agent.engine.decider import Decider
from agent.execution.base import Job, Outcome, StopCheck
from agent.record.events import Event, NodeProposed
from agent.record.state import RunState
from agent.repository.family import Family
from agent.repository.run_templates import Templates
from agent.reproduce.decisions import verify_by
from agent.reproduce.recorded_answers import RecordedAnswers
from tests.support.scripted_run import ScriptedClock, ScriptedExecutor, ScriptedRun, rows


class BlendingExecutor(ScriptedExecutor):
    """Candidates write raw outputs; an ensemble weighs its first members only."""

    def __init__(self, clock: ScriptedClock, weighted: int = 1) -> None:
        super().__init__(clock)
        self.weighted = weighted

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        config = (job.workspace / "library" / "config.py").read_text()
        if "MEMBERS" not in config or job.arguments:
            return super().execute(job, stop_check)
        for folder in ("working", "submission"):
            (job.workspace / folder).mkdir(exist_ok=True)
        self.clock.now += 2.0
        score = self._write(job, 0.95)
        members = sorted(place.name for place in (job.workspace / "members").iterdir())[: self.weighted]
        weights = dict.fromkeys(members, 1 / len(members))
        analysis = {"combination": "blend", "combination_reason": "as told", "weights": weights}
        (job.workspace / "working" / "analysis.json").write_text(json.dumps(analysis))
        log = job.workspace / ".mars" / job.log_name
        log.parent.mkdir(exist_ok=True)
        log.write_text(f"Final Validation Metric: {score!r}\n")
        return Outcome("ok", 0, 2.0, log, "")

    def _write(self, job: Job, quality: float) -> float:
        score = super()._write(job, quality)
        for part in ("val", "test"):
            ids = np.array([row["id"] for row in rows(job.metadata / f"{part}.csv")])
            outputs = np.full((len(ids), 2), 0.5, dtype=np.float32)
            np.savez(job.workspace / "working" / f"{part}_outputs.npz", ids=ids, outputs=outputs)
        return score


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    settings: dict[str, object] = {"rules": 3, "refit_rows": 1.25, "minutes": 2.0}
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family, settings)


def _is_blend(event: Event) -> bool:
    return isinstance(event, NodeProposed) and event.operator == "ensemble"


def _operators(state: RunState) -> list[str]:
    return [node.operator for node in state.nodes.values()]


def test_a_search_goes_on_after_its_ensemble_and_blends_again(scripted: ScriptedRun) -> None:
    state = scripted.go(executor=BlendingExecutor)
    first, *_, last = [node for node in state.nodes.values() if node.operator == "ensemble"]
    assert any(first.id < node.id < last.id for node in state.valid)
    assert state.valid[-1] is last, "no valid node is left out of the last ensemble"
    assert max(last.parents) > first.id
    assert state.finished is not None
    assert state.elapsed_s <= state.run.budget_s


def test_the_decisions_around_two_ensembles_are_repeated(scripted: ScriptedRun) -> None:
    scripted.go(executor=BlendingExecutor)

    def decider_of(state: RunState, answers: RecordedAnswers) -> AbstractContextManager[Decider]:
        return nullcontext(scripted.decider(state.run))

    found = list(verify_by(decider_of, scripted.opened(), Templates(templates_dir(), scripted.families)))
    assert [one for one in found if not one.same] == []
    assert found[-1].what == "end of the run"


def _weighing(clock: ScriptedClock) -> BlendingExecutor:
    return BlendingExecutor(clock, weighted=2)


def test_the_solution_of_a_run_has_no_member_without_weight(scripted: ScriptedRun) -> None:
    state = scripted.go(executor=_weighing)
    assert state.finished is not None
    assert state.finished.chosen is not None
    chosen = state.nodes[state.finished.chosen]
    assert len(chosen.parents) == 2
    longer = [node for node in state.nodes.values() if len(node.parents) > 2]
    assert longer[-1].weighted_members == chosen.parents

    def decider_of(run: RunState, answers: RecordedAnswers) -> AbstractContextManager[Decider]:
        return nullcontext(scripted.decider(run.run))

    found = list(verify_by(decider_of, scripted.opened(), Templates(templates_dir(), scripted.families)))
    assert [one for one in found if not one.same] == []


def test_a_killed_run_goes_on_after_its_ensemble_as_a_run_without_the_kill(
    scripted: ScriptedRun, tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    whole = scripted.go(executor=BlendingExecutor)
    blended = next(number for number, event in enumerate(scripted.events()) if _is_blend(event))
    again = ScriptedRun(tmp_path / "again", toy_prepared, toy_family, scripted.settings)
    again.go(kill_at=blended + 3, executor=BlendingExecutor)
    state = again.go(executor=BlendingExecutor)
    assert _operators(state) == _operators(whole)
    assert state.finished is not None
    assert whole.finished is not None
    assert state.finished.chosen == whole.finished.chosen
