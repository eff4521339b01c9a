"""Refit: trains the kept node on all labelled rows and compares the scores on the audit rows."""

import math
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import load_hold_out, score_audit_rows
from agent.competition.metrics import Metric, PairedEffect, paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import FROZEN_FILE, SUBMISSION_FILE
from agent.core.errors import MarsError
from agent.core.format import duration
from agent.engine.trial_runner import TrialRunner
from agent.execution import run_script
from agent.execution.base import StopCheck
from agent.record.events import RefitResult
from agent.record.state import Node, RunState
from agent.repository.checks import without_refit
from agent.search.budget import refit_s


@dataclass(frozen=True)
class Refit:
    """Plan of a refit: expected seconds, and what blocks it ("" if nothing does)."""

    node: Node
    expected_s: float
    blocker: str = ""


def plan_refit(state: RunState, runner: TrialRunner, node: Node, left_s: float) -> Refit:
    """Return the expected seconds of the node's refit and what blocks it.

    Args:
        state: the state of the run.
        runner: gives access to the node's files.
        node: the node to refit.
        left_s: seconds left of the run's budget.
    """
    expected_s = refit_s(state, node)
    return Refit(node, expected_s, _blocker(runner, node, expected_s, left_s))


def _blocker(runner: TrialRunner, node: Node, expected_s: float, left_s: float) -> str:
    assert node.result is not None
    older = without_refit(runner.lineage.read(node.result.commit))
    if older:
        return (
            f"{older[0]} of node {node.name} does not support --refit: an older version, a user or an edit "
            "wrote it."
        )
    for number in (node.id, *_members(node)):
        if not (runner.workspace(number) / FROZEN_FILE).is_file():
            return f"Node {number:03d} wrote no {FROZEN_FILE}, which a refit needs."
    if expected_s > left_s:
        needs, left = duration(expected_s), duration(max(left_s, 0.0))
        return (
            f"No time is left for the refit of node {node.name}: it needs about {needs}, and {left} are "
            "left; run `mars resume` with more --minutes."
        )
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
    after, before = runner.refit_workspace(node.id), runner.workspace(node.id)
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
    refitted = runner.refit_workspace(node.id)
    return (
        refitted if node.refit_kept and (refitted / SUBMISSION_FILE).is_file() else runner.workspace(node.id)
    )


def _members(node: Node) -> tuple[int, ...]:
    return node.parents if node.operator == "ensemble" else ()


def _compared(prepared: Prepared, metric: Metric, before: Path, after: Path) -> PairedEffect:
    """Return the refit's paired effect on the score of the audit rows."""
    truth, former = load_hold_out(prepared, "audit", before / SUBMISSION_FILE)
    _, new = load_hold_out(prepared, "audit", after / SUBMISSION_FILE)
    return paired_effect(metric, truth, former, new)


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
