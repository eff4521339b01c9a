"""Whole searches with candidates that predict out of fold, some of them on a few folds only."""

import csv
import re
from pathlib import Path

import pytest

from agent.competition.hold_out import load_common_rows, load_validation
from agent.competition.metrics import paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import VALIDATION_FILE
from agent.engine.trials.runner import fewer_folds
from agent.execution.base import Job
from agent.memory.lesson import Evidence
from agent.record.events import LessonLearned, RepeatFinished
from agent.record.state import RunState
from agent.repository.family import Family
from tests.support.scripted_run import ScriptedExecutor, ScriptedRun, guess, rows, table


class FoldExecutor(ScriptedExecutor):
    """Deep candidates predict three folds only, as if their time had ended; others all that they may."""

    def _write(self, job: Job, quality: float) -> float:
        super()._write(job, quality)
        with (job.metadata / "folds.csv").open(newline="") as file:
            _, *lines = csv.reader(file)
        fold_of = {row: int(fold) for row, fold in lines}
        config = (job.workspace / "library" / "config.py").read_text()
        is_deep = int(re.search(r"DEPTH = (\d)", config).group(1)) > 2  # type: ignore[union-attr]
        folds = min(job.folds or 99, 3 if is_deep else 99)
        labelled = [*rows(job.metadata / "val.csv"), *rows(job.metadata / "train.csv")]
        chosen = [row for row in labelled if fold_of[row["id"]] < folds]
        guessed = [guess(row, quality) for row in chosen]
        table(job.workspace / "working" / "val_submission.csv", chosen, guessed)
        right = sum(row["label"] == label for row, label in zip(chosen, guessed, strict=True))
        return right / len(chosen)


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family)


@pytest.fixture
def state(scripted: ScriptedRun) -> RunState:
    return scripted.go(executor=FoldExecutor)


def files(run: ScriptedRun, *nodes: int) -> list[Path]:
    return [run.folder / "nodes" / f"{node:03d}" / VALIDATION_FILE for node in nodes]


def test_results_say_how_many_folds_they_cover(scripted: ScriptedRun, state: RunState) -> None:
    executed = scripted.prepared.folds_executed
    scored = [node.result for node in state.valid if node.result and node.operator != "ensemble"]
    assert {result.folds for result in scored} == {3, executed}
    for result in scored:
        assert len(result.fold_metrics) == result.folds
        assert result.fold_metrics[-1] == result.metric
    for node in state.valid:
        assert node.result is not None
        if node.operator != "ensemble":
            found = load_validation(scripted.prepared, *files(scripted, node.id))
            assert len(found.truth) == scripted.prepared.rows_of_folds(node.result.folds)


def test_lessons_compare_the_rows_that_both_nodes_predict(scripted: ScriptedRun, state: RunState) -> None:
    pairs: list[Evidence] = []
    for event in scripted.events():
        if isinstance(event, LessonLearned):
            pairs += event.lesson.evidence
    mixed = [
        pair
        for pair in pairs
        if state.nodes[pair.parent].result.folds != state.nodes[pair.child].result.folds  # type: ignore[union-attr]
    ]
    assert mixed
    for pair in mixed:
        common = load_common_rows(scripted.prepared, "val", *files(scripted, pair.parent, pair.child))
        assert len(common[0]) == scripted.prepared.rows_of_folds(3)
        assert pair.effect == paired_effect(scripted.opened().metric, *common).effect


def test_a_repeat_executes_the_folds_of_its_node(scripted: ScriptedRun, state: RunState) -> None:
    repeats = [event for event in scripted.events() if isinstance(event, RepeatFinished)]
    assert all(event.metric is not None for event in repeats)
    full = scripted.prepared.folds_executed
    assert [fewer_folds(scripted.prepared, folds) for folds in (3, full)] == [3, None]


def test_the_decisions_are_the_same_again(scripted: ScriptedRun, state: RunState) -> None:
    """Ranking of nodes with fewer folds is a function of the record."""
    run, decider = scripted.opened(), scripted.decider(state.run)
    assert run.state.best is not None
    assert state.best is not None
    assert run.state.best.id == state.best.id
    assert [node.id for node in run.state.leaders] == [node.id for node in state.leaders]
    chosen, again = decider.choice(state), decider.choice(run.state)
    assert chosen is not None
    assert again is not None
    assert chosen.id == again.id
