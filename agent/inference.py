"""Executes a node once more so that it keeps what it learns, and exports what predicts from that alone."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import evaluate_submission
from agent.errors import MarsError, SetupError
from agent.execute_again import TOLERANCE, open_bench, recorded_limits
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
from agent.trial import TOLD_SHARE, Bench

_PREDICT_S = 60.0  # at least: it imports libraries that a node of a few seconds found imported


@dataclass(frozen=True)
class Exported:
    """How the saving executions compare with the record, and the exported folder with them."""

    reproduced: str
    difference: Difference


def export_inference(run: Run, home: Home, node: Node, target: Path, *, copy_input: bool) -> Exported:
    """Writes a folder that only predicts; seed, threads, isolation and time limits are the recorded ones.

    The members of an ensemble are executed before it.

    Raises:
        SetupError: the folder is not empty, the node has no score, its repository knows no `--predict`, or a
            process is at work on the run. Nothing was executed then.
        MarsError: an execution failed.
    """
    require_new_folder(target)
    files = _files(run, node)
    members = [run.state.nodes[number] for number in node.parents] if node.operator == "ensemble" else []
    recorded = recorded_limits(run.journal.events(), run.metric.higher_is_better)
    limits = {one.id: recorded[one.id] for one in (*members, node)}
    with open_bench(run, home) as bench:
        reproduced = " ".join(_save(run, bench, one, members, limits[one.id]) for one in (*members, node))
        workspaces = {"": bench.workspace(node.id)}
        for member in with_weight(workspaces[""], members):
            workspaces[f"members/{member.name}"] = bench.workspace(member.id)
        difference = _predict(run, bench, node, files, workspaces, sum(limits.values()))
        words = {"reproduced": reproduced, "difference": str(difference)}
        export_predictor(
            run.id,
            run.state,
            node,
            files,
            run.prepared,
            workspaces,
            target,
            words,
            copy_input=copy_input,
        )
    return Exported(reproduced, difference)


def _files(run: Run, node: Node) -> dict[str, str]:
    """The node's repository, if it can do what is asked of it."""
    if node.result is None or node.metric is None:
        raise SetupError(f"Node {node.name} has no score, so that nothing it learned is worth keeping.")
    files = run.lineage.read(node.result.commit)
    unable = without_predict(files)
    if unable:
        raise SetupError(
            f"{unable[0]} of node {node.name} knows no --save and --predict: its family has none, or an "
            "older version or a user wrote it; leave --inference out to export a repository that trains."
        )
    return files


def _save(run: Run, bench: Bench, node: Node, members: list[Node], limit_s: float) -> str:
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
    return (
        f"Node {node.name} scored {named}, not {node.metric:.6g} as recorded: training that is cut by its "
        "time limit depends on the machine's speed, and a GPU's sums on their order."
    )


def _predict(
    run: Run, bench: Bench, node: Node, files: dict[str, str], workspaces: Mapping[str, Path], limit_s: float
) -> Difference:
    """Predicts from what was kept, with nothing else in sight, and compares with what the node predicted."""
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
    return compare_submissions(run.prepared.spec.id_column, workspaces[""], folder)
