"""The refit of the chosen node: on all labelled rows, the audit rows too, for the submission."""

import csv
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.engine.executors import cache_layers, open_executor
from agent.engine.refit import execute_refit, files_blocker
from agent.engine.trials.runner import TrialRunner
from agent.execution.base import Job, Outcome
from agent.record.events import Event, NodeFinished, RefitFinished, RefitProposed, RunFinished, RunResumed
from agent.record.state import RunState
from agent.repository.checks import without_refit
from agent.repository.family import Family, known_families, load_family
from agent.reproduce.execution import recorded_refit_limit
from agent.search.refits import refit_parts_s, refit_s
from agent.solution.card import card_page, load_card
from tests.support.finished_runs import blending_home, search
from tests.support.scripted_run import ScriptedClock, ScriptedExecutor, ScriptedRun

SETTINGS = {"max_nodes": 3, "refit_rows": 1.25}


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family, dict(SETTINGS))


def refit_of(state: RunState) -> RefitFinished | None:
    chosen = state.finished.chosen if state.finished else None
    result = state.nodes[chosen].refit if chosen else None
    return RefitFinished(elapsed_s=0.0, node=chosen, result=result) if chosen and result else None


@dataclass
class _Notes(ScriptedExecutor):
    """Executor that notes the ids of the tables that a refit finds."""

    tables: dict[str, set[str]] = field(default_factory=dict)

    def _refit(self, job: Job) -> Outcome:
        for name in ("train", "val", "test", "sample_submission"):
            with (job.metadata / f"{name}.csv").open() as stream:
                self.tables[name] = {row["id"] for row in csv.DictReader(stream)}
        return super()._refit(job)


def _ids(prepared: Prepared, *parts: str) -> set[str]:
    with (prepared.private / "ids.csv").open() as stream:
        return {row["opaque"] for row in csv.DictReader(stream) if row["part"] in parts}


def test_the_chosen_node_is_refitted_once_on_the_audit_rows_too(scripted: ScriptedRun) -> None:
    made: list[_Notes] = []

    def executor(clock: ScriptedClock) -> ScriptedExecutor:
        made.append(_Notes(clock, refit_gain=0.1))
        return made[0]

    state = scripted.go(executor=executor)
    refit = refit_of(state)
    assert refit is not None
    node = state.nodes[refit.node]
    assert node.result is not None
    assert node.result.audit_metric is not None
    assert refit.result.status == "kept"
    assert refit.result.on_audit_rows
    assert refit.result.audit_metric is None, "no row is left to score the refit"
    assert refit.result.agreement is not None
    assert 0.2 < refit.result.agreement < 1.0
    prepared = scripted.prepared
    assert prepared.rows.audit > 0
    assert made[0].tables == {
        "train": _ids(prepared, "train", "audit"),
        "val": _ids(prepared, "val"),
        "test": _ids(prepared, "test"),
        "sample_submission": _ids(prepared, "test"),
    }
    assert not list(scripted.folder.rglob("*-refit-metadata")), "answers stay nowhere"
    (job,) = [job for job in made[0].jobs if job.arguments == ("--refit",)]
    assert job.workspace == scripted.folder / "nodes" / f"{node.name}-refit"
    assert (job.workspace / "main.py").read_text() == (
        scripted.folder / "nodes" / node.name / "main.py"
    ).read_text()
    assert [event.kind for event in scripted.events()][-3:] == [
        "refit_proposed",
        "refit_finished",
        "run_finished",
    ]


def test_without_the_option_nothing_is_refitted(scripted: ScriptedRun) -> None:
    scripted.settings["refit_rows"] = None
    state = scripted.go()
    assert not any(isinstance(event, RefitProposed) for event in scripted.events())
    assert state.finished is not None
    assert state.finished.no_refit == ""


def test_a_refit_that_predicts_something_else_is_not_kept(scripted: ScriptedRun) -> None:
    state = scripted.go(executor=lambda clock: ScriptedExecutor(clock, refit_gain=-0.7))
    refit = refit_of(state)
    assert refit is not None
    assert refit.result.status == "worse"
    assert "hardly agree with those before the refit" in refit.result.reason


def test_a_refit_that_differs_a_little_is_kept(scripted: ScriptedRun) -> None:
    state = scripted.go(executor=lambda clock: ScriptedExecutor(clock, refit_gain=-0.004))
    refit = refit_of(state)
    assert refit is not None
    assert refit.result.status == "kept"


@dataclass
class _FailsToRefit(ScriptedExecutor):
    """Executor of a candidate whose refit fails."""

    how: str = "error"
    said: list[str] = field(default_factory=list)

    def _refit(self, job: Job) -> Outcome:
        outcome = super()._refit(job)
        if self.how == "error":
            return Outcome("failed", 1, 6.0, outcome.log, "ValueError in main.py, line 3.")
        if self.how == "no submission":
            (job.workspace / "submission" / "submission.csv").unlink()
        if self.how == "few rows":
            file = job.workspace / "submission" / "submission.csv"
            file.write_text("\n".join(file.read_text().splitlines()[:5]) + "\n")
        return outcome


@pytest.mark.parametrize(
    ("how", "said"),
    [("error", "ValueError in main.py"), ("no submission", "submission.csv"), ("few rows", "lacks")],
)
def test_a_refit_that_fails_costs_nothing_but_its_time(scripted: ScriptedRun, how: str, said: str) -> None:
    state = scripted.go(executor=lambda clock: _FailsToRefit(clock, how=how))
    refit = refit_of(state)
    assert refit is not None
    assert refit.result.status == "failed"
    assert said in refit.result.reason
    assert state.finished is not None
    assert state.nodes[refit.node].status == "valid"


def test_a_failed_refit_is_tried_again_on_resume(scripted: ScriptedRun) -> None:
    scripted.go(executor=lambda clock: _FailsToRefit(clock, how="error"))
    state = scripted.go()
    refit = refit_of(state)
    assert refit is not None
    assert refit.result.status == "kept"
    scripted.go(executor=lambda clock: _FailsToRefit(clock, how="error"))
    assert sum(isinstance(event, RefitProposed) for event in scripted.events()) == 2, "kept is kept"


def test_a_killed_refit_fails_if_the_frozen_choices_are_gone(scripted: ScriptedRun) -> None:
    whole = [event.kind for event in _events_of(scripted)]
    killed = ScriptedRun(
        scripted.folder.parent / "killed", scripted.prepared, scripted.family, dict(SETTINGS)
    )
    killed.go(kill_at=whole.index("refit_proposed"))
    assert killed.events()[-1].kind == "refit_proposed"
    for frozen in killed.folder.glob("nodes/*/working/frozen.json"):
        frozen.unlink()
    state = killed.go()
    refit = refit_of(state)
    assert refit is not None
    assert refit.result.status == "failed"
    assert "wrote no working/frozen.json" in refit.result.reason


@pytest.mark.parametrize("killed_first", [False, True], ids=["at once", "after a kill"])
def test_the_refit_limit_follows_from_the_record(scripted: ScriptedRun, killed_first: bool) -> None:
    jobs: list[Job] = []

    def executor(clock: ScriptedClock) -> ScriptedExecutor:
        clock.now += 7.0 * killed_first  # time between resuming and the first execution
        return ScriptedExecutor(clock, jobs=jobs)

    if killed_first:
        whole = ScriptedRun(
            scripted.folder.parent / "whole", scripted.prepared, scripted.family, dict(SETTINGS)
        )
        scripted.go(kill_at=[event.kind for event in _events_of(whole)].index("refit_proposed"))
        assert scripted.events()[-1].kind == "refit_proposed"
    state = scripted.go(executor=executor)
    refit = refit_of(state)
    assert refit is not None
    (given,) = [job.limits.time_s for job in jobs if job.arguments == ("--refit",)]
    assert given > refit_s(state, state.nodes[refit.node])
    assert recorded_refit_limit(scripted.events(), True, refit.node) == given


def _events_of(run: ScriptedRun) -> list[Event]:
    run.go()
    return run.events()


def test_too_little_time_for_a_refit_is_reported(scripted: ScriptedRun) -> None:
    scripted.settings |= {"minutes": 0.25, "node_minutes": 0.25, "max_nodes": 1}
    state = scripted.go()
    assert refit_of(state) is None
    assert state.finished is not None
    assert "No time is left for the refit of node 001" in state.finished.no_refit
    assert not any(isinstance(event, RefitProposed) for event in scripted.events())


def test_a_repository_without_refit_is_named(
    scripted: ScriptedRun, toy_family: Family, tmp_path: Path
) -> None:
    main = shutil.copytree(toy_family.folder, tmp_path / "older") / "main.py.j2"
    main.write_text(main.read_text().replace("--refit", "--again"))
    scripted.family = load_family(main.parent)
    state = scripted.go()
    assert state.finished is not None
    assert "does not support --refit" in state.finished.no_refit


def test_a_node_without_frozen_choices_is_named(scripted: ScriptedRun) -> None:
    class Forgets(ScriptedExecutor):
        def _write(self, job: Job, quality: float) -> float:
            score = super()._write(job, quality)
            (job.workspace / "working" / "frozen.json").unlink()
            return score

    state = scripted.go(executor=Forgets)
    assert state.finished is not None
    assert "wrote no working/frozen.json" in state.finished.no_refit


def test_a_run_killed_at_any_transaction_refits_as_if_nothing_had_happened(
    tmp_path: Path, toy_prepared: Prepared, toy_family: Family
) -> None:
    whole = ScriptedRun(tmp_path / "whole", toy_prepared, toy_family, dict(SETTINGS))
    whole.go()
    expected = whole.events()
    assert "refit_finished" in {event.kind for event in expected[-5:]}
    for kill_at in range(len(expected) - 5, len(expected) - 1):
        run = ScriptedRun(tmp_path / f"killed{kill_at}", toy_prepared, toy_family, dict(SETTINGS))
        run.go(kill_at=kill_at)
        run.go()
        assert _shape(run.events()) == _shape(expected), f"killed at event {kill_at}"


def _shape(events: list[Event]) -> list[tuple[object, ...]]:
    shape: list[tuple[object, ...]] = []
    for event in events:
        match event:
            case RunResumed():
                continue
            case NodeFinished():
                shape.append((event.kind, event.node, event.result.commit, event.result.metric))
            case RefitFinished():
                shape.append((event.kind, event.node, event.result))
            case RunFinished():
                shape.append((event.kind, event.chosen, event.no_refit))
            case _:
                shape.append((event.kind,))
    return shape


def test_a_member_without_refit_is_named() -> None:
    files = {"main.py": "--refit", "members/003/main.py": "", "members/004/main.py": "--refit"}
    assert without_refit({**files, "members/004/library/main.py": ""}) == ["members/003/main.py"]


def accuracy(submission: Path, home: Path) -> float:
    """Return the accuracy on the rows to predict; the toy's label is the sign of x."""
    (test,) = (home / "workspaces" / "_prepared").rglob("public/metadata/test.csv")
    (ids,) = (home / "workspaces" / "_prepared").rglob("private/ids.csv")
    with ids.open() as stream:
        opaque = {row["original"]: row["opaque"] for row in csv.DictReader(stream)}
    with test.open() as stream:
        right = {row["id"]: str(int(float(row["x"]) > 0)) for row in csv.DictReader(stream)}
    with submission.open() as stream:
        rows = list(csv.DictReader(stream))
    return sum(right[opaque[row["id"]]] == row["label"] for row in rows) / len(rows)


def test_the_refits_submission_is_kept_and_noted_on_the_card(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home, refit=True)
    assert run.state.finished is not None
    assert run.state.finished.no_refit == ""
    node = run.state.nodes[run.state.finished.chosen or 0]
    assert node.refit is not None
    assert node.refit.status == "kept", node.refit.reason
    solution = home.solutions / "toy"
    card = load_card(solution)
    assert card is not None
    assert card.refit is not None
    assert card.refit.kept
    assert node.result is not None
    assert (card.audit, card.validation) == (node.result.audit_metric, node.result.metric)
    assert card.refit.on_audit_rows
    assert card.refit.audit_after is None
    assert "`submission.csv` is the refit's" in card_page(card)
    assert "All scores were measured before the refit" in card_page(card)
    former = run.nodes / node.name / "submission" / "submission.csv"
    assert (solution / "predictions" / "audit.csv").read_bytes() == former.read_bytes()
    assert accuracy(solution / "submission.csv", tmp_path) > 0.85
    assert json.loads((solution / "card.json").read_text())["refit"]["kept"] is True


def test_an_ensemble_is_refitted_with_its_members(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home)
    (ensemble,) = [node for node in run.state.nodes.values() if node.operator == "ensemble"]
    cache = cache_layers(home, run.prepared, run.folder)
    families = known_families(home).values()
    with open_executor(run.state.run, run.prepared, families, home, run.nodes, cache) as executor:
        runner = TrialRunner(
            run.prepared, run.lineage, executor, run.nodes, run.state.run, cache, home.weights
        )
        state = RunState.replay(run.journal.events(), higher_is_better=True)
        state.settings = state.run.model_copy(update={"refit_rows": 1.25})
        assert files_blocker(runner.checkout, ensemble) == ""
        assert ensemble.result is not None
        members = [state.nodes[number] for number in ensemble.result.member_weights]
        assert members
        starts = sum(node.result.smoke_seconds for node in members if node.result is not None)
        assert refit_s(state, ensemble) > starts + 1.25 * sum(node.own_seconds for node in members)
        parts = refit_parts_s(state, ensemble)
        result = execute_refit(run.prepared, runner, state.nodes, ensemble, parts, 60.0, None)
        assert result.status == "kept", result.reason
        weights = json.loads((runner.checkout.workspace(ensemble.id) / "working/frozen.json").read_text())
        weighted = {int(name) for name, weight in weights["weights"].items() if weight > 0}
        assert set(result.members) == weighted
        assert result.agreement is not None
        assert result.agreement > 0.5
        first = next(iter(weighted))
        only_first = {member: 1.0 if member == first else 1e9 for member in ensemble.parents}
        partial = execute_refit(run.prepared, runner, state.nodes, ensemble, only_first, 60.0, None)
        assert (partial.status, partial.members) == ("kept", (first,))
        assert not (runner.checkout.refit_workspace(ensemble.id) / "working").exists()
        (runner.checkout.workspace(ensemble.parents[0]) / "working" / "frozen.json").unlink()
        lacking = files_blocker(runner.checkout, ensemble)
        assert lacking.startswith(f"Node {ensemble.parents[0]:03d} wrote no working/frozen.json")


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "linked folder"])
def test_a_refit_reads_no_answers_through_the_choices_of_a_node(
    scripted: ScriptedRun, tmp_path: Path, kind: str
) -> None:
    answers = tmp_path / "answers" / "frozen.json"
    answers.parent.mkdir()
    answers.write_text('{"quality": 1.1}')

    @dataclass
    class Attacks(ScriptedExecutor):
        def _write(self, job: Job, quality: float) -> float:
            score = super()._write(job, quality)
            frozen = job.workspace / "working" / "frozen.json"
            frozen.unlink()
            if kind == "link":
                frozen.symlink_to(answers)
            elif kind == "hard link":
                frozen.hardlink_to(answers)
            elif kind == "pipe":
                os.mkfifo(frozen)
            else:
                shutil.copytree(frozen.parent, answers.parent, dirs_exist_ok=True)
                shutil.rmtree(frozen.parent)
                frozen.parent.symlink_to(answers.parent)
            return score

    state = scripted.go(executor=Attacks)
    assert state.finished is not None
    if kind == "linked folder":
        assert state.finished.chosen is None  # its predictions are reached through the link too
        return
    assert "frozen.json" in state.finished.no_refit
    assert not list((scripted.folder / "nodes").glob("*-refit"))
