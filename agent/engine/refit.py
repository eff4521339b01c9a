"""Refit: trains the kept node on all labelled rows and compares the scores on the audit rows."""

import math
from pathlib import Path

from agent.competition.evaluation import score_audit_rows
from agent.competition.hold_out import load_common_rows
from agent.competition.metrics import Metric, PairedEffect, paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import FROZEN_FILE, SUBMISSION_FILE
from agent.core.errors import MarsError
from agent.core.untrusted_files import is_plain_file
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.runner import TrialRunner
from agent.execution import run_script
from agent.execution.base import StopCheck
from agent.record.events import RefitResult
from agent.record.state import Node
from agent.repository.checks import without_refit


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
    metric: Metric,
    node: Node,
    limit_s: float,
    stop_check: StopCheck | None,
) -> RefitResult:
    """Refit the node and compare its two submissions. A failed candidate gives a failed result."""
    assert node.result is not None
    outcome = runner.refit(node.id, node.result.commit, _members(node), limit_s, stop_check)
    seconds = outcome.seconds
    if outcome.status != "ok":
        return RefitResult(status="failed", reason=outcome.reason, seconds=seconds)
    after, before = runner.checkout.refit_workspace(node.id), runner.checkout.workspace(node.id)
    try:
        score, error = score_audit_rows(prepared, after, run_script)
        paired = _compared(prepared, metric, before, after) if score is not None else None
    except MarsError as fault:
        return RefitResult(status="failed", reason=str(fault), seconds=seconds)
    worse = _worse(paired) if paired is not None else ""
    return RefitResult(
        status="worse" if worse else "kept",
        reason=worse,
        seconds=seconds,
        audit_metric=score,
        audit_se=error,
    )


def submission_of(runner: TrialRunner, node: Node) -> Path:
    """Return the workspace with the node's final submission: the refit's if the run kept it."""
    refitted = runner.checkout.refit_workspace(node.id)
    has_submission = node.refit_kept and is_plain_file(refitted, SUBMISSION_FILE)
    return refitted if has_submission else runner.checkout.workspace(node.id)


def _members(node: Node) -> tuple[int, ...]:
    return node.parents if node.operator == "ensemble" else ()


def _compared(prepared: Prepared, metric: Metric, before: Path, after: Path) -> PairedEffect:
    """Return the refit's paired effect on the score of the audit rows."""
    files = (folder / SUBMISSION_FILE for folder in (before, after))
    return paired_effect(metric, *load_common_rows(prepared, "audit", *files))


def _worse(paired: PairedEffect) -> str:
    """Return a sentence if the audit score fell by more than chance explains, else ""."""
    difference = paired.effect * paired.scale
    if not math.isfinite(paired.upper):  # The metric is too slow to resample, so there is no interval.
        return f"The refit is worse by {-difference:.4g} on the audit rows." if difference < 0 else ""
    if paired.upper >= 0:
        return ""
    return (
        f"The refit is worse by {-difference:.4g} on the audit rows "
        f"(95 % interval of the gain {paired.lower:+.4g} to {paired.upper:+.4g})."
    )
