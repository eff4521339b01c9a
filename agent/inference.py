"""Executes a node once more so that it keeps what it learns, and exports what predicts from that alone."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import SUBMISSION_FILE, evaluate_submission
from agent.competition.files import machine_errors
from agent.competition.untrusted import SubmissionError
from agent.errors import MarsError, SetupError
from agent.execute_again import TOLERANCE, open_bench, recorded_limits, recorded_refit_limit
from agent.execution import make_executor, run_script
from agent.execution.base import Job, Limits
from agent.paths import Home
from agent.record.state import Node
from agent.repository.checks import without_predict
from agent.session import Run
from agent.solution.ensemble import place_outputs
from agent.solution.export import require_new_folder
from agent.solution.inference import (
    MODEL,
    Difference,
    compare_submissions,
    export_predictor,
    with_weight,
    write_predictor,
    write_tables,
)
from agent.trial import FROZEN, REFIT, TOLD_SHARE, Bench

_WHY_DIFFERENT = (
    "training that is cut by its time limit depends on the machine's speed, and a GPU's sums on their order"
)

_PREDICT_S = 60.0  # at least: it imports libraries that a node of a few seconds found imported


@dataclass(frozen=True)
class Exported:
    """How the saving execution went, and how what the folder predicts compares with it and the record."""

    refitted: bool  # whether it holds what the refit learned that the run kept, not the node's own run
    executed: str
    difference: Difference
    kept: Difference | None = None  # to the refit's submission, where the run (still) holds it

    def compared(self, folder: str) -> str:
        """A sentence about what is predicted from the folder."""
        said = f"Predictions from {folder} against those of that execution: {self.difference}"
        if not self.refitted:
            return f"{said}."
        if self.kept is None:
            return f"{said}. The run no longer holds the refit's submission that it kept, to compare with."
        why = f"; {_WHY_DIFFERENT}" if self.kept.rows else ""
        return f"{said}. Against the refit's submission that the run kept: {self.kept}{why}."


@dataclass(frozen=True)
class _Saved:
    """What a saving execution left: by place in the repository, the workspace with what was learned there."""

    workspaces: dict[str, Path]
    said: str


def export_inference(run: Run, home: Home, node: Node, target: Path, *, copy_input: bool) -> Exported:
    """Writes a folder that only predicts; seed, threads, isolation and time limits are the recorded ones.

    It holds what the node's refit learned if the run kept that, else what the node's own run did. The members
    of an ensemble are executed before it, in a refit within it.

    Raises:
        SetupError: the folder is not empty, the node has no score, its repository knows no `--predict`, what
            its refit was bound to is gone, or a process is at work on the run. Nothing was executed then.
        MarsError: an execution failed.
    """
    require_new_folder(target)
    files = _files(run, node)
    members = [run.state.nodes[number] for number in node.parents] if node.operator == "ensemble" else []
    kept = _kept(run, node, members) if node.refit_kept else None
    recorded = recorded_limits(run.journal.events(), run.metric.higher_is_better)
    limits = {one.id: recorded[one.id] for one in (*members, node)}
    with open_bench(run, home) as bench:
        if node.refit_kept:
            saved = _save_refit(run, bench, node, members)
        else:
            saved = _save(run, bench, node, members, limits)
        predicted = _predict(run, node, files, saved.workspaces, sum(limits.values()))
        id_column = run.prepared.spec.id_column
        done = Exported(
            refitted=node.refit_kept,
            executed=saved.said,
            difference=compare_submissions(id_column, saved.workspaces[""], predicted),
            kept=compare_submissions(id_column, kept, predicted) if kept is not None else None,
        )
        words: dict[str, object] = {
            "refitted": done.refitted,
            "audit": node.refit.audit_metric if node.refit is not None else None,
            "executed": done.executed,
            "compared": done.compared("this folder"),
        }
        export_predictor(
            run.id,
            run.state,
            node,
            files,
            run.prepared,
            saved.workspaces,
            target,
            words,
            copy_input=copy_input,
        )
    return done


def _files(run: Run, node: Node) -> dict[str, str]:
    """The node's repository, if it can do what is asked of it."""
    if node.result is None or node.metric is None:
        raise SetupError(f"Node {node.name} has no score, so that nothing it learned is worth keeping.")
    files = run.lineage.read(node.result.commit)
    unable = without_predict(files)
    if unable:
        raise SetupError(
            f"{unable[0]} of node {node.name} knows no --save and --predict: its family has none, or an "
            "older version, a user or an edit wrote it; leave --inference out to export what trains."
        )
    return files


def _kept(run: Run, node: Node, members: list[Node]) -> Path | None:
    """The workspace with the refit's submission that the run kept, if it is still there."""
    for one in (node, *members):
        frozen = run.nodes / one.name / FROZEN
        if not frozen.is_file():
            raise SetupError(
                f"{frozen}: is gone, and the refit of node {node.name} was bound to it; "
                "leave --inference out to export a repository that trains."
            )
    kept = run.nodes / f"{node.name}{REFIT}"
    if not (kept / SUBMISSION_FILE).is_file():
        return None
    try:
        evaluate_submission(run.prepared, kept, run_script)
    except SubmissionError as error:
        raise SetupError(
            f"{kept / SUBMISSION_FILE}: is not as the run kept it any more; remove it to export without "
            f"comparing with it. {error}"
        ) from error
    return kept


def _save(run: Run, bench: Bench, node: Node, members: list[Node], limits: Mapping[int, float]) -> _Saved:
    """Executes the members and the node with `--save`."""
    said = " ".join(_save_one(run, bench, one, members, limits[one.id]) for one in (*members, node))
    workspaces = {"": bench.workspace(node.id)}
    for member in with_weight(workspaces[""], members):
        workspaces[f"members/{member.name}"] = bench.workspace(member.id)
    return _Saved(workspaces, said)


def _save_one(run: Run, bench: Bench, node: Node, members: list[Node], limit_s: float) -> str:
    """Executes the node with `--save`; a sentence compares its score with the recorded one."""
    assert node.result is not None
    trial = bench.set_up_again(node.id, node.result.commit)
    if node.operator == "ensemble":
        place_outputs(members, {one.id: bench.workspace(one.id) for one in members}, trial.workspace)
        for member in members:
            place = trial.workspace / "members" / member.name / MODEL
            shutil.copytree(bench.workspace(member.id) / MODEL, place, symlinks=True)
    again = bench.run(trial, limit_s, None, smoke=False, arguments=("--save",))
    if again.metric is None or not (trial.workspace / MODEL).is_dir():
        reason = again.reason or f"It left no {MODEL}."
        raise MarsError(f"Node {node.name}, executed again with --save, failed: {reason}")
    assert node.metric is not None
    named = f"{run.metric.name} {again.metric:.6g}"
    if abs(again.metric - node.metric) <= TOLERANCE:
        return f"Node {node.name} scored {named} again."
    return f"Node {node.name} scored {named}, not {node.metric:.6g} as recorded: {_WHY_DIFFERENT}."


def _save_refit(run: Run, bench: Bench, node: Node, members: list[Node]) -> _Saved:
    """Executes the node with `--refit --save`, bound to what it and its members decided in the run."""
    assert node.result is not None
    failed = f"Node {node.name}, executed again with --refit --save, failed"
    with machine_errors(f"Refitting node {node.name}"):
        for one in (node, *members):
            place = bench.workspace(one.id) / FROZEN
            place.parent.mkdir(parents=True)
            shutil.copyfile(run.nodes / one.name / FROZEN, place)
    limit_s = recorded_refit_limit(run.journal.events(), run.metric.higher_is_better, node.id)
    numbers = [member.id for member in members]
    outcome = bench.refit(node.id, node.result.commit, numbers, limit_s, None, save=True)
    if outcome.status != "ok":
        raise MarsError(f"{failed}: {outcome.reason}")
    folder = bench.refit_workspace(node.id)
    evaluate_submission(run.prepared, folder, run_script)
    workspaces = {"": folder}
    for member in with_weight(folder, members):
        workspaces[f"members/{member.name}"] = folder / "members" / member.name
    for name, workspace in workspaces.items():
        if not (workspace / MODEL).is_dir():
            raise MarsError(f"{failed}: It left no {Path(name) / MODEL}.")
    said = f"Node {node.name} was refitted again; no labelled row is left to give that a validation score."
    return _Saved(workspaces, said)


def _predict(
    run: Run, node: Node, files: dict[str, str], workspaces: Mapping[str, Path], limit_s: float
) -> Path:
    """The workspace of a prediction from what was saved, with nothing else in sight."""
    root = workspaces[""].parent
    folder, tables = root / "predict", root / "predict-metadata"
    write_predictor(files, workspaces, folder)
    write_tables(run.prepared, tables)
    job = Job(
        workspace=folder,
        input=run.prepared.input,
        metadata=tables,
        seed=run.state.run.seed,
        limits=Limits(time_s=max(limit_s, _PREDICT_S)),
        time_hint_s=math.ceil(limit_s * TOLD_SHARE),
        threads=run.state.run.threads,
        arguments=("--predict",),
    )
    executor = make_executor(cold=True, nodes_root=root)
    try:
        outcome = executor.execute(job)
    finally:
        executor.close()
    if outcome.status != "ok":
        raise MarsError(f"Node {node.name} could not predict from what it kept: {outcome.reason}")
    evaluate_submission(run.prepared, folder, run_script)
    return folder
