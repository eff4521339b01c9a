"""Whole searches in which a time limit cuts nodes short."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.execution.base import Job
from agent.record.state import RunState
from agent.report import formatting
from agent.repository.family import Family
from tests.support.scripted_run import ScriptedExecutor, ScriptedRun

SHARES: dict[str, object] = {"rules": 3, "final_node_minutes": 2.0, "max_nodes": 6}


@dataclass
class ShortOfTime(ScriptedExecutor):
    """The first time that a code is executed, its limit leaves it a third of the rows, and it is worse."""

    cut_nodes: tuple[int, ...] = (1,)
    seen: list[str] = field(default_factory=list)

    def _write(self, job: Job, quality: float) -> float:
        code = (job.workspace / "library" / "config.py").read_text()
        is_cut = code not in self.seen and int(job.workspace.name) in self.cut_nodes
        self.seen.append(code)
        if is_cut:
            analysis = {"cut": {"what": "training rows", "share": 0.3}}
            (job.workspace / "working" / "analysis.json").write_text(json.dumps(analysis))
        return super()._write(job, quality - 0.2 if is_cut else quality)


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family, settings=dict(SHARES))


def searched(scripted: ScriptedRun, cut_nodes: tuple[int, ...]) -> RunState:
    return scripted.go(executor=lambda clock: ShortOfTime(clock, cut_nodes=cut_nodes))


def test_a_cut_first_node_is_marked_and_goes_on_as_its_own_child(scripted: ScriptedRun) -> None:
    state = searched(scripted, (1,))
    first, second = state.nodes[1], state.nodes[2]
    assert first.result is not None
    assert first.result.cut is not None
    assert (first.result.cut.what, first.result.cut.share) == ("training rows", 0.3)
    assert formatting.cut(first.result) == "cut short: 30 % of training rows"
    assert (second.operator, second.parents, second.continues) == ("improve", (1,), 1)
    assert formatting.what_changed(second) == "node 001 with more time"
    assert second.idea.blueprint == first.idea.blueprint
    assert second.result is not None
    assert second.result.cut is None
    assert second.metric is not None
    assert first.metric is not None
    assert second.metric > first.metric + 0.1
    assert [node.id for node in state.nodes.values() if node.continues is not None] == [2]


def test_a_cut_node_teaches_nothing_against_its_idea_and_its_continuation_no_lesson(
    scripted: ScriptedRun,
) -> None:
    state = searched(scripted, (3,))
    assert state.nodes[3].result is not None
    assert state.nodes[3].result.cut is not None
    assert state.nodes[3].lessons == []
    continued = [node for node in state.nodes.values() if node.continues == 3]
    assert all(node.lessons == [] for node in continued)


def test_the_same_node_without_a_cut_teaches(scripted: ScriptedRun) -> None:
    assert any(node.lessons for node in searched(scripted, ()).nodes.values())
