"""The refit: the node that a run keeps learns from all labelled rows; audit rows say whether that helped."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import SUBMISSION_FILE, evaluate_submission, load_hold_out
from agent.competition.metrics import Metric, PairedEffect, paired_effect
from agent.competition.prepared import Prepared
from agent.errors import MarsError
from agent.execution import run_script
from agent.record.events import RefitResult
from agent.record.state import Node, RunState
from agent.report import wording
from agent.repository.checks import without_refit
from agent.search.budget import refit_s
from agent.trial import FROZEN, Bench


@dataclass(frozen=True)
class Refit:
    """Whether a node can be refitted: in how many seconds, or why it cannot."""

    node: Node
    expected_s: float
    hindrance: str = ""


def plan_refit(state: RunState, bench: Bench, node: Node, left_s: float) -> Refit:
    """What a refit of the node takes, and what stands in its way."""
    expected_s = refit_s(state, node)
    return Refit(node, expected_s, _hindrance(bench, node, expected_s, left_s))


def _hindrance(bench: Bench, node: Node, expected_s: float, left_s: float) -> str:
    assert node.result is not None
    older = without_refit(bench.lineage.read(node.result.commit))
    if older:
        return (
            f"{older[0]} of node {node.name} knows no --refit: an older version, a user or an edit wrote it."
        )
    for number in (node.id, *_members(node)):
        if not (bench.workspace(number) / FROZEN).is_file():
            return f"Node {number:03d} left no {FROZEN}, which says what a refit has to keep."
    if expected_s > left_s:
        needs, left = wording.duration(expected_s), wording.duration(max(left_s, 0.0))
        return (
            f"No time is left for the refit of node {node.name}: about {needs} are needed, {left} left; "
            "`mars resume` with more --minutes makes room for it."
        )
    return ""


def execute_refit(
    prepared: Prepared,
    bench: Bench,
    metric: Metric,
    node: Node,
    limit_s: float,
    watch: Callable[[float], str | None] | None,
) -> RefitResult:
    """Refits the node and compares its two submissions. A fault of the candidate is a result."""
    assert node.result is not None
    outcome = bench.refit(node.id, node.result.commit, _members(node), limit_s, watch)
    seconds = outcome.seconds
    if outcome.status != "ok":
        return RefitResult(status="failed", reason=outcome.reason, seconds=seconds)
    after, before = bench.refit_workspace(node.id), bench.workspace(node.id)
    try:
        score, error = evaluate_submission(prepared, after, run_script)
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


def submission_of(bench: Bench, node: Node) -> Path:
    """The workspace whose submission stands for the node: its refit's where that is no worse."""
    refitted = bench.refit_workspace(node.id)
    return (
        refitted if node.refit_kept and (refitted / SUBMISSION_FILE).is_file() else bench.workspace(node.id)
    )


def _members(node: Node) -> tuple[int, ...]:
    return node.parents if node.operator == "ensemble" else ()


def _compared(prepared: Prepared, metric: Metric, before: Path, after: Path) -> PairedEffect:
    """What the refit did to the score of the audit rows."""
    truth, former = load_hold_out(prepared, "audit", before / SUBMISSION_FILE)
    _, new = load_hold_out(prepared, "audit", after / SUBMISSION_FILE)
    return paired_effect(metric, truth, former, new)


def _worse(paired: PairedEffect) -> str:
    """A sentence if the audit score fell by more than chance would explain."""
    difference = paired.effect * paired.scale
    if not math.isfinite(paired.upper):  # A metric too slow to be resampled leaves nothing but this.
        return f"It is worse by {-difference:.4g} on the audit rows." if difference < 0 else ""
    if paired.upper >= 0:
        return ""
    return (
        f"It is worse by {-difference:.4g} on the audit rows "
        f"(95 % interval of the gain {paired.lower:+.4g} to {paired.upper:+.4g})."
    )
