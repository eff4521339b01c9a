"""Leakage gate: checks a leading candidate whose code templates alone did not write."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.agents.reviewer import Reviewer, with_review
from agent.competition.label_permutation import evaluate_permutation_test, make_permutation_test
from agent.competition.metrics import metric_of
from agent.core.errors import MarsError
from agent.core.seeds import SEED_STEP
from agent.engine.trial_runner import ResultCheck, Trial, TrialRunner
from agent.execution import run_script
from agent.execution.base import StopCheck
from agent.record.events import LeakageProbe, NodeResult
from agent.record.recorder import Clock
from agent.record.state import Node, RunState
from agent.repository.idea import Idea
from agent.repository.leakage import Leakage, leakage
from agent.repository.lineage import Lineage
from agent.search.budget import Budget

PROBE_SUFFIX = "-probe"  # suffix of the folder in which a node is probed
MAX_FINDINGS = 3  # reported leakage findings per node
TIME_SLACK = 1.1  # a probe needs this many times the node's run time

Render = Callable[[Idea], dict[str, str]]
"""Renders the files of an idea's blueprint."""


@dataclass(frozen=True)
class LeakageGate:
    """Checks that a node has to pass before it becomes the best of the run."""

    state: RunState
    runner: TrialRunner
    clock: Clock
    render: Render

    def find_leaks(self, node: Node, files: Mapping[str, str]) -> Leakage:
        """Return the leakage findings in a node's code that the code it was made from does not have."""
        if self.state.run.experiment or not has_own_code(self.state, node):
            return Leakage()
        return leakage(base_code(self.state, node, self.runner.lineage, self.render), files)

    def result_check(self, node: Node, limit_s: float, stop_check: StopCheck | None) -> ResultCheck:
        """Return a check for the node's worker: probe a result that would lead or has leakage findings.

        The probe runs within `limit_s` seconds and within the time left of the run.
        """

        def check(trial: Trial, result: NodeResult) -> NodeResult:
            if not trial.leakage_findings and not would_lead(self.state, node, result):
                return result
            left_s = Budget.of(self.state, self.clock.elapsed_s()).search_left_s
            found = probe(self.runner, trial, result, min(limit_s, left_s), stop_check)
            return with_probe(result, trial.leakage_findings, found)

        return check

    def with_review(self, reviewer: Reviewer | None, node: Node, result: NodeResult) -> NodeResult:
        """Return the result with a reviewer's opinion, if there is a reviewer and the result would lead."""
        if reviewer is None or result.status != "valid" or not would_lead(self.state, node, result):
            return result
        before = base_code(self.state, node, self.runner.lineage, self.render)
        return with_review(result, reviewer.review(self.state, node, result, before))


def has_own_code(state: RunState, node: Node) -> bool:
    """Whether a node's code differs from what templates render; false for ensembles, which only blend."""
    return node.operator != "ensemble" and not state.is_rendered(node)


def base_code(state: RunState, node: Node, lineage: Lineage, render: Render) -> dict[str, str]:
    """Return the code that a node started from: its parent's, else its rendered blueprint, else none."""
    if node.parent is not None:
        return lineage.read(state.nodes[node.parent].commit)
    return render(node.idea) if node.idea.blueprint is not None else {}


def would_lead(state: RunState, node: Node, result: NodeResult) -> bool:
    """Whether a valid result would make a node with its own code the best.

    Always false for an experiment, whose nodes are never kept.
    """
    if state.run.experiment or not has_own_code(state, node):
        return False
    best = state.best.metric if state.best is not None else None
    return result.metric is not None and (best is None or state.better(result.metric, best))


def probe(
    runner: TrialRunner, trial: Trial, result: NodeResult, limit_s: float, stop_check: StopCheck | None
) -> LeakageProbe:
    """Run a label permutation test: execute a scored revision on shuffled validation labels.

    Only the predictions count, not the printed score.

    Args:
        runner: executes the revision.
        trial: the scored revision.
        result: its result on the true labels.
        limit_s: time limit in seconds.
        stop_check: stops the execution early.
    """
    assert result.metric is not None
    if limit_s < TIME_SLACK * result.seconds:
        return _no_verdict("No time was left for the probe.")
    prepared, seed = runner.prepared, SEED_STEP * runner.seed + trial.node
    metadata = trial.workspace.with_name(f"{trial.workspace.name}{PROBE_SUFFIX}-metadata")
    shutil.rmtree(metadata, ignore_errors=True)  # left by a killed session
    seconds = 0.0
    try:
        with runner.temporary_checkout(trial, PROBE_SUFFIX) as copy:
            permutation = make_permutation_test(prepared, metadata, seed)
            outcome = runner.execute_with_metadata(copy, metadata, limit_s, stop_check)
            seconds = outcome.seconds
            if outcome.status != "ok":
                return _no_verdict(f"The probe failed: {outcome.reason}", seconds)
            metric = metric_of(prepared.spec, run_script)
            found = evaluate_permutation_test(prepared, metric, permutation, copy.workspace, result.metric)
    except MarsError as error:
        return _no_verdict(str(error), seconds)
    finally:
        shutil.rmtree(metadata, ignore_errors=True)
    if found.is_leak is None:
        return _no_verdict(found.reason, seconds)
    return LeakageProbe(
        verdict="follows" if found.is_leak else "passed", reason=found.reason, seconds=seconds
    )


def with_probe(result: NodeResult, leakage_findings: Sequence[str], found: LeakageProbe) -> NodeResult:
    """Return the result with its probe. A leak, or a finding that the probe does not refute, is suspect."""
    with_found = result.model_copy(update={"leakage_findings": tuple(leakage_findings), "probe": found})
    if found.verdict == "follows":
        return with_found.model_copy(update={"status": "suspect", "reason": found.reason})
    if leakage_findings and found.verdict == "none":
        reason = f"{' '.join(leakage_findings[:MAX_FINDINGS])} No probe could refute this: {found.reason}"
        return with_found.model_copy(update={"status": "suspect", "reason": reason})
    return with_found


def _no_verdict(reason: str, seconds: float = 0.0) -> LeakageProbe:
    return LeakageProbe(verdict="none", reason=reason, seconds=seconds)
