"""Leakage gate: checks a leading candidate whose code templates alone did not write."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.chronicle import Clock
from agent.competition.metrics import metric_of
from agent.competition.placebo import judge, make_placebo
from agent.errors import MarsError
from agent.execution import run_script
from agent.execution.base import Watch
from agent.record.events import NodeResult, Probe
from agent.record.state import Node, RunState
from agent.repository.idea import Idea
from agent.repository.leakage import Leakage, leakage
from agent.repository.lineage import Lineage
from agent.reviewer.review import Reviewer, reviewed
from agent.search.budget import Budget
from agent.trial import SEED_STEP, Bench, Doubt, Trial

FOLDER = "-probe"  # suffix of the folder in which a node is probed
TOLD = 3  # reported leakage findings per node
SLACK = 1.1  # a probe needs this many times the node's run time

Render = Callable[[Idea], dict[str, str]]
"""Renders the files of an idea's blueprint."""


@dataclass(frozen=True)
class CloserLook:
    """Checks that a node has to pass before it becomes the best of the run."""

    state: RunState
    bench: Bench
    clock: Clock
    render: Render

    def read(self, node: Node, files: Mapping[str, str]) -> Leakage:
        """Return the leakage findings in a node's code that the code it was made from does not have."""
        if self.state.run.experiment or not has_own_code(self.state, node):
            return Leakage()
        return leakage(made_from(self.state, node, self.bench.lineage, self.render), files)

    def at(self, node: Node, limit_s: float, watch: Watch | None) -> Doubt:
        """Return a check for the node's worker: probe a result that would lead or has leakage findings.

        The probe runs within `limit_s` seconds and within the time left of the run.
        """

        def doubt(trial: Trial, result: NodeResult) -> NodeResult:
            if not trial.doubts and not would_lead(self.state, node, result):
                return result
            left_s = Budget.of(self.state, self.clock.elapsed_s()).search_left_s
            found = probe(self.bench, trial, result, min(limit_s, left_s), watch)
            return probed(result, trial.doubts, found)

        return doubt

    def reviewed(self, reviewer: Reviewer | None, node: Node, result: NodeResult) -> NodeResult:
        """Return the result with a reviewer's opinion, if there is a reviewer and the result would lead."""
        if reviewer is None or result.status != "valid" or not would_lead(self.state, node, result):
            return result
        before = made_from(self.state, node, self.bench.lineage, self.render)
        return reviewed(result, reviewer.review(self.state, node, result, before))


def has_own_code(state: RunState, node: Node) -> bool:
    """Whether a node's code differs from what templates render; false for ensembles, which only blend."""
    return node.operator != "ensemble" and not state.is_rendered(node)


def made_from(state: RunState, node: Node, lineage: Lineage, render: Render) -> dict[str, str]:
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


def probe(bench: Bench, trial: Trial, result: NodeResult, limit_s: float, watch: Watch | None) -> Probe:
    """Run a label permutation test: execute a scored revision on shuffled validation labels.

    Only the predictions count, not the printed score.

    Args:
        bench: executes the revision.
        trial: the scored revision.
        result: its result on the true labels.
        limit_s: time limit in seconds.
        watch: stops the execution early.
    """
    assert result.metric is not None
    if limit_s < SLACK * result.seconds:
        return _nothing("No time was left for the probe.")
    prepared, seed = bench.prepared, SEED_STEP * bench.seed + trial.node
    metadata = trial.workspace.with_name(f"{trial.workspace.name}{FOLDER}-metadata")
    shutil.rmtree(metadata, ignore_errors=True)  # left by a killed session
    seconds = 0.0
    try:
        with bench.aside(trial, FOLDER) as again:
            placebo = make_placebo(prepared, metadata, seed)
            outcome = bench.execute_on(again, metadata, limit_s, watch)
            seconds = outcome.seconds
            if outcome.status != "ok":
                return _nothing(f"The probe failed: {outcome.reason}", seconds)
            metric = metric_of(prepared.spec, run_script)
            found = judge(prepared, metric, placebo, again.workspace, result.metric)
    except MarsError as error:
        return _nothing(str(error), seconds)
    finally:
        shutil.rmtree(metadata, ignore_errors=True)
    if found.follows is None:
        return _nothing(found.said, seconds)
    return Probe(verdict="follows" if found.follows else "passed", reason=found.said, seconds=seconds)


def probed(result: NodeResult, doubts: Sequence[str], found: Probe) -> NodeResult:
    """Return the result with its probe. A leak, or a finding that the probe does not refute, is suspect."""
    told = result.model_copy(update={"doubts": tuple(doubts), "probe": found})
    if found.verdict == "follows":
        return told.model_copy(update={"status": "suspect", "reason": found.reason})
    if doubts and found.verdict == "none":
        reason = f"{' '.join(doubts[:TOLD])} No probe could refute this: {found.reason}"
        return told.model_copy(update={"status": "suspect", "reason": reason})
    return told


def _nothing(reason: str, seconds: float = 0.0) -> Probe:
    return Probe(verdict="none", reason=reason, seconds=seconds)
