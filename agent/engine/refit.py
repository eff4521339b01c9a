"""Refit: trains the chosen node on all labelled rows, the audit rows too, for the submission."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.competition.agreement import MIN_AGREEMENT, agreement_on_test_rows
from agent.competition.prepared import Prepared
from agent.competition.refit_tables import write_refit_tables
from agent.core.contract import FROZEN_FILE, OUTPUT_FILES, SUBMISSION_FILE, WORKING_FOLDER, member_folder
from agent.core.errors import MarsError
from agent.core.trees import remove_tree
from agent.core.untrusted_files import copy_inside, is_plain_file, read_inside, write_inside
from agent.engine.member_refits import MemberRefits
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.runner import TrialRunner
from agent.execution.base import StopCheck
from agent.record.events import RefitResult
from agent.record.state import Node
from agent.repository.checks import without_refit
from agent.search.refits import BLEND_S

_FROZEN_BYTES = 1_000_000


def files_blocker(checkout: Checkout, node: Node) -> str:
    """Return why the node's files allow no refit, in a sentence; "" if they do."""
    older = without_refit(checkout.lineage.read(node.commit))
    if older:
        return (
            f"{older[0]} of node {node.name} does not support --refit: an older version, a user or an edit "
            "wrote it."
        )
    for number in (node.id, *_members(node)):
        if not is_plain_file(checkout.workspace(number), FROZEN_FILE):
            return f"Node {number:03d} wrote no {FROZEN_FILE}, which a refit needs."
    return ""


def execute_refit(
    prepared: Prepared,
    runner: TrialRunner,
    nodes: Mapping[int, Node],
    node: Node,
    expected_s: Mapping[int, float],
    limit_s: float,
    stop_check: StopCheck | None,
    workers: int = 1,
) -> RefitResult:
    """Refit the node and compare its two submissions. A failed candidate gives a failed result.

    Args:
        prepared: the prepared competition.
        runner: executes the refits.
        nodes: the nodes of the run.
        node: the chosen node.
        expected_s: expected seconds by node; of an ensemble, by member.
        limit_s: time limit in seconds of the node and its members together.
        stop_check: stops the executions early.
        workers: members of an ensemble that are refitted side by side.
    """
    assert node.result is not None
    with refit_tables(prepared, runner, node) as metadata:
        members: tuple[int, ...] = ()
        weighted: list[int] = []
        seconds = 0.0
        if node.operator == "ensemble":
            weights = _weights(runner.checkout, node)
            weighted = [number for number, weight in weights.items() if weight > 0]
            refits = MemberRefits(runner, nodes, weights, expected_s, limit_s - BLEND_S, metadata, stop_check)
            seconds = refits.run(workers)
            members = tuple(sorted(refits.refitted))
            if not members:
                reason = "No member could be refitted in the time left."
                return RefitResult(status="failed", reason=reason, seconds=seconds)
        outcome = runner.refit(
            node.id,
            node.result.commit,
            _members(node),
            max(limit_s - seconds, BLEND_S),
            stop_check,
            metadata=metadata,
            place=lambda workspace: place_refit(
                runner.checkout, weighted, members, workspace, only_refitted=bool(prepared.pseudo_novel)
            ),
        )
    for number in (node.id, *members):
        runner.drop_refit_files(number)
    done = RefitResult(
        status="failed",
        reason=outcome.reason,
        seconds=seconds + outcome.seconds,
        on_audit_rows=prepared.rows.audit > 0,
        members=members,
    )
    return done if outcome.status != "ok" else _compared(prepared, runner, node, done)


def place_refit(
    checkout: Checkout,
    members: Sequence[int],
    refitted: Collection[int],
    workspace: Path,
    *,
    only_refitted: bool = False,
) -> None:
    """Copy the members' outputs to where the ensemble's refit looks before it refits a member.

    Args:
        checkout: knows the workspaces.
        members: the members of the ensemble that have a weight.
        refitted: the members whose refit has left outputs; the others keep those of their own runs.
        workspace: the workspace of the ensemble's refit.
        only_refitted: whether the other members lose their weight. Before a refit, a member calls rows of the
            classes that were held out novel (see `agent.competition.preparation.open_set`).
    """
    for number in members:
        place = workspace / member_folder(f"{number:03d}") / "refit"
        source = checkout.refit_workspace(number) if number in refitted else checkout.workspace(number)
        (place / WORKING_FOLDER).mkdir(parents=True, exist_ok=True)
        copy_inside(source, OUTPUT_FILES[1], place / OUTPUT_FILES[1])
        copy_inside(checkout.workspace(number), FROZEN_FILE, place / FROZEN_FILE)
    if only_refitted and refitted:
        _weigh_alone(workspace, refitted)


def _weigh_alone(workspace: Path, members: Collection[int]) -> None:
    """Give the weight of all members of an ensemble to some of them, in the choices that its refit reads."""
    try:
        content = json.loads(read_inside(workspace, FROZEN_FILE, _FROZEN_BYTES))
        weights = {name: float(weight) for name, weight in content["weights"].items()}
        kept = {name: weight if int(name) in members else 0.0 for name, weight in weights.items()}
        factor = sum(weights.values()) / sum(kept.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError):
        return  # a candidate wrote the file; its refit reports what is wrong
    changed = {**content, "weights": {name: factor * weight for name, weight in kept.items()}}
    write_inside(workspace, FROZEN_FILE, json.dumps(changed))


def submission_of(runner: TrialRunner, node: Node) -> Path:
    """Return the workspace with the node's final submission: the refit's if the run kept it."""
    refitted = runner.checkout.refit_workspace(node.id)
    has_submission = node.refit_kept and is_plain_file(refitted, SUBMISSION_FILE)
    return refitted if has_submission else runner.checkout.workspace(node.id)


@contextmanager
def refit_tables(prepared: Prepared, runner: TrialRunner, node: Node) -> Iterator[Path]:
    """Yield a folder with the tables of a node's refit; it holds answers and is removed afterwards."""
    folder = runner.checkout.refit_workspace(node.id).with_name(f"{node.name}-refit-metadata")
    remove_tree(folder)
    try:
        write_refit_tables(prepared, folder)
        yield folder
    finally:
        remove_tree(folder, ignore_errors=True)


def _members(node: Node) -> tuple[int, ...]:
    return node.parents if node.operator == "ensemble" else ()


def _weights(checkout: Checkout, node: Node) -> dict[int, float]:
    """Return the weight of each member; equal weights if the ensemble's frozen choices are damaged."""
    try:
        content = json.loads(read_inside(checkout.workspace(node.id), FROZEN_FILE, _FROZEN_BYTES))
        return {number: float(content["weights"][f"{number:03d}"]) for number in node.parents}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a candidate wrote the file
        return dict.fromkeys(node.parents, 1.0)


def _compared(prepared: Prepared, runner: TrialRunner, node: Node, done: RefitResult) -> RefitResult:
    """Return the result with its status: kept if the predictions agree with those before the refit."""
    after, before = runner.checkout.refit_workspace(node.id), runner.checkout.workspace(node.id)
    try:
        agreement = agreement_on_test_rows(prepared, before, after)
    except MarsError as fault:
        return done.model_copy(update={"reason": str(fault)})
    if agreement is not None and agreement < MIN_AGREEMENT:
        reason = (
            f"The predictions for the test rows hardly agree with those before the refit (correlation "
            f"{agreement:.2f}, at least {MIN_AGREEMENT:g} is needed)."
        )
        return done.model_copy(update={"status": "worse", "reason": reason, "agreement": agreement})
    return done.model_copy(update={"status": "kept", "reason": "", "agreement": agreement})
