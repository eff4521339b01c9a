"""Executes a node again, saves the trained model, and exports a repository that predicts with it."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from agent.competition.agreement import require_test_rows
from agent.competition.evaluation import score_audit_rows
from agent.competition.untrusted_csv import SubmissionError
from agent.core.contract import FROZEN_FILE, MODEL_FOLDER, PREDICT, SAVE, SUBMISSION_FILE, member_folder
from agent.core.errors import MarsError, SetupError
from agent.core.files import translate_os_errors
from agent.core.paths import Home
from agent.core.untrusted_files import copy_inside, copy_tree_inside, is_plain_file
from agent.engine.refit import place_refit, refit_tables
from agent.engine.trials.checkout import REFIT_SUFFIX
from agent.engine.trials.execution import TIME_HINT_SHARE
from agent.engine.trials.runner import TrialRunner, fewer_folds
from agent.execution import make_executor, run_script
from agent.execution.base import Job, Limits
from agent.record.opened_run import Run
from agent.record.state import Node
from agent.repository.checks import without_predict
from agent.reproduce.defaults import TOLERANCE
from agent.reproduce.execution import full_run_limits, open_trial_runner, recorded_refit_limit
from agent.solution.ensemble import place_outputs
from agent.solution.export import require_new_folder
from agent.solution.predictor import (
    SubmissionDifference,
    compare_submissions,
    export_predictor,
    weighted_members,
    write_predictor,
    write_tables,
)

_WHY_DIFFERENT = (
    "training that hits its time limit depends on the machine's speed, and sums on a GPU on their order"
)

# Minimum time of a prediction: it imports the libraries that a warm node finds imported.
_MIN_PREDICT_S = 60.0


@dataclass(frozen=True)
class Exported:
    """Result of the saving execution, and how the exported predictions compare with it and with the run."""

    refitted: bool  # whether the folder holds the model of the kept refit instead of the node's own run
    executed: str
    difference: SubmissionDifference
    kept: SubmissionDifference | None = None  # to the refit's submission; None where the run has lost it

    def compared(self, folder: str) -> str:
        """Return a sentence that compares the predictions of `folder`."""
        sentence = f"Predictions from {folder} against those of that execution: {self.difference}"
        if not self.refitted:
            return f"{sentence}."
        if self.kept is None:
            return f"{sentence}. The run has lost the refit's submission, so that is not compared."
        why = f"; {_WHY_DIFFERENT}" if self.kept.rows else ""
        return f"{sentence}. Against the refit's submission that the run kept: {self.kept}{why}."


@dataclass(frozen=True)
class _Saved:
    """Workspaces of a saving execution by their place in the repository, and a sentence about the scores."""

    workspaces: dict[str, Path]
    sentence: str


def export_inference(run: Run, home: Home, node: Node, target: Path, *, copy_input: bool) -> Exported:
    """Write a folder that only predicts.

    The folder holds the model of the node's refit if the run kept the refit, else the model of the node's own
    run. Seed, threads, isolation and time limits are the recorded ones. The members of an ensemble run before
    the ensemble; a refit runs its members itself.

    Raises:
        SetupError: the folder is not empty, the node has no score, its repository lacks `--predict`, the
            frozen choices of its refit are gone, or another process is working on the run. Nothing was
            executed then.
        MarsError: an execution failed.
    """
    require_new_folder(target)
    files = _files(run, node)
    members = [run.state.nodes[number] for number in node.parents] if node.operator == "ensemble" else []
    kept = _kept(run, node, members) if node.refit_kept else None
    recorded = full_run_limits(run)
    limits = {one.id: recorded[one.id] for one in (*members, node)}
    with open_trial_runner(run, home) as runner:
        if node.refit_kept:
            saved = _save_refit(run, runner, node, members)
        else:
            saved = _save(run, runner, node, members, limits)
        predicted = _predict(run, node, files, saved.workspaces, sum(limits.values()))
        id_column = run.prepared.spec.id_column
        done = Exported(
            refitted=node.refit_kept,
            executed=saved.sentence,
            difference=compare_submissions(id_column, saved.workspaces[""], predicted),
            kept=compare_submissions(id_column, kept, predicted) if kept is not None else None,
        )
        words: dict[str, object] = {
            "refitted": done.refitted,
            "audit": node.refit.audit_metric if node.refit is not None else None,
            "on_audit_rows": node.refit is not None and node.refit.on_audit_rows,
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
    """Return the files of the node's repository; SetupError if it cannot save and predict."""
    if node.result is None or node.metric is None:
        raise SetupError(f"Node {node.name} has no score; choose a node that has one.")
    files = run.lineage.read(node.result.commit)
    unable = without_predict(files)
    if unable:
        raise SetupError(
            f"{unable[0]} of node {node.name} does not support --save and --predict: its family lacks them, "
            "or an older version, a user or an edit wrote it; omit --inference to export the training code."
        )
    return files


def _kept(run: Run, node: Node, members: list[Node]) -> Path | None:
    """Return the workspace with the refit's submission that the run kept; None if the submission is gone."""
    for one in (node, *members):
        frozen = run.nodes / one.name / FROZEN_FILE
        if not is_plain_file(run.nodes / one.name, FROZEN_FILE):
            raise SetupError(
                f"{frozen}: the file is gone, and the refit of node {node.name} needs it; "
                "omit --inference to export the training code."
            )
    kept = run.nodes / f"{node.name}{REFIT_SUFFIX}"
    if not is_plain_file(kept, SUBMISSION_FILE):
        return None
    try:
        _require_submission(run, node, kept)
    except SubmissionError as error:
        raise SetupError(
            f"{kept / SUBMISSION_FILE}: the file has changed since the run; remove it to export without "
            f"this comparison. {error}"
        ) from error
    return kept


def _save(
    run: Run, runner: TrialRunner, node: Node, members: list[Node], limits: Mapping[int, float]
) -> _Saved:
    """Execute the members and the node with `--save`."""
    sentence = " ".join(_save_one(run, runner, one, members, limits[one.id]) for one in (*members, node))
    workspaces = {"": runner.checkout.workspace(node.id)}
    for member in weighted_members(workspaces[""], members):
        workspaces[member_folder(member.name)] = runner.checkout.workspace(member.id)
    return _Saved(workspaces, sentence)


def _save_one(run: Run, runner: TrialRunner, node: Node, members: list[Node], limit_s: float) -> str:
    """Execute the node with `--save`; return a sentence that compares its score with the recorded one."""
    assert node.result is not None
    trial = runner.checkout.set_up_recorded(node.id, node.result.commit)
    if node.operator == "ensemble":
        place_outputs(
            members, {one.id: runner.checkout.workspace(one.id) for one in members}, trial.workspace
        )
    folds = fewer_folds(run.prepared, node.result.folds)
    result = runner.run(trial, limit_s, None, smoke=False, arguments=(SAVE,), folds=folds)
    if result.metric is None or not (trial.workspace / MODEL_FOLDER).is_dir():
        reason = result.reason or f"it wrote no {MODEL_FOLDER}."
        raise MarsError(f"Node {node.name}, executed again with --save, failed: {reason}")
    assert node.metric is not None
    named = f"{run.metric.name} {result.metric:.6g}"
    if abs(result.metric - node.metric) <= TOLERANCE:
        return f"Node {node.name} scored {named} again."
    return f"Node {node.name} scored {named} instead of the recorded {node.metric:.6g}: {_WHY_DIFFERENT}."


def _save_refit(run: Run, runner: TrialRunner, node: Node, members: list[Node]) -> _Saved:
    """Execute the node with `--refit --save`, using the choices that it and its members froze in the run."""
    assert node.result is not None
    failed = f"Node {node.name}, executed again with --refit --save, failed"
    with translate_os_errors(f"Refitting node {node.name}"):
        for one in (node, *members):
            place = runner.checkout.frozen_file(one.id)
            place.parent.mkdir(parents=True)
            copy_inside(run.nodes / one.name, FROZEN_FILE, place)
    limit_s = recorded_refit_limit(run.journal.events(), run.metric.higher_is_better, node.id)
    with _tables_of(run, runner, node) as metadata:
        placed = _saved_members(run, runner, node, members, limit_s, metadata)
        numbers = [member.id for member in members]
        outcome = runner.refit(
            node.id, node.result.commit, numbers, limit_s, None, save=True, metadata=metadata, place=placed
        )
    if outcome.status != "ok":
        raise MarsError(f"{failed}: {outcome.reason}")
    folder = runner.checkout.refit_workspace(node.id)
    _require_submission(run, node, folder)
    workspaces = {"": folder}
    for member in weighted_members(folder, members):
        workspaces[member_folder(member.name)] = folder / member_folder(member.name)
    for name, workspace in workspaces.items():
        if not (workspace / MODEL_FOLDER).is_dir():
            raise MarsError(f"{failed}: it wrote no {Path(name) / MODEL_FOLDER}.")
    sentence = f"Node {node.name} was refitted again on all labelled rows, so it has no validation score."
    return _Saved(workspaces, sentence)


def _tables_of(run: Run, runner: TrialRunner, node: Node) -> AbstractContextManager[Path | None]:
    """Return the tables of the recorded refit; earlier versions used the tables of the search."""
    assert node.refit is not None
    if node.refit.on_audit_rows or node.refit.agreement is not None:
        return refit_tables(run.prepared, runner, node)
    return nullcontext()


def _saved_members(
    run: Run, runner: TrialRunner, node: Node, members: list[Node], limit_s: float, metadata: Path | None
) -> Callable[[Path], None]:
    """Execute the members with `--save`, refitted or not as in the run; return what places their files.

    An ensemble of an earlier version refits its members itself.
    """
    assert node.refit is not None
    refitted = node.refit.members
    if not refitted:
        return lambda workspace: None
    limits = full_run_limits(run)
    for member in members:
        assert member.result is not None
        if member.id in refitted:
            outcome = runner.refit(
                member.id, member.result.commit, (), limit_s, None, save=True, metadata=metadata
            )
            if outcome.status != "ok":
                raise MarsError(
                    f"Member {member.name}, executed again with --refit --save, failed: {outcome.reason}"
                )
        else:
            _save_one(run, runner, member, [], limits[member.id])

    def place(workspace: Path) -> None:
        only_refitted = bool(run.prepared.pseudo_novel)
        place_refit(runner.checkout, node.parents, refitted, workspace, only_refitted=only_refitted)
        for member in members:
            of_refit = member.id in refitted
            source = (
                runner.checkout.refit_workspace(member.id)
                if of_refit
                else runner.checkout.workspace(member.id)
            )
            copy_tree_inside(source, MODEL_FOLDER, workspace / member_folder(member.name) / MODEL_FOLDER)

    return place


def _require_submission(run: Run, node: Node, workspace: Path) -> None:
    """Raise SubmissionError unless a workspace holds a valid submission of the node's refit."""
    if node.refit is not None and node.refit.on_audit_rows:
        require_test_rows(run.prepared, workspace)
    else:
        score_audit_rows(run.prepared, workspace, run_script)


def _predict(
    run: Run, node: Node, files: dict[str, str], workspaces: Mapping[str, Path], limit_s: float
) -> Path:
    """Predict with the saved model alone; return the workspace."""
    root = workspaces[""].parent
    folder, tables = root / "predict", root / "predict-metadata"
    write_predictor(files, workspaces, folder)
    write_tables(run.prepared, tables)
    job = Job(
        workspace=folder,
        input=run.prepared.input,
        metadata=tables,
        seed=run.state.run.seed,
        limits=Limits(time_s=max(limit_s, _MIN_PREDICT_S)),
        time_hint_s=math.ceil(limit_s * TIME_HINT_SHARE),
        threads=run.state.run.threads,
        arguments=(PREDICT,),
    )
    executor = make_executor("cold", nodes_root=root)
    try:
        outcome = executor.execute(job)
    finally:
        executor.close()
    if outcome.status != "ok":
        raise MarsError(f"Node {node.name} could not predict with its saved model: {outcome.reason}")
    score_audit_rows(run.prepared, folder, run_script)
    return folder
