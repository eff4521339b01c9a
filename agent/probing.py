"""A closer look at a candidate that scored well with code that no template alone wrote."""

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

FOLDER = "-probe"  # ends the name of the folder that a node is probed in
TOLD = 3  # doubts about one node
SLACK = 1.1  # a node that took longer than what is left, by this factor, is not probed

Render = Callable[[Idea], dict[str, str]]
"""The files of an idea's blueprint."""


@dataclass(frozen=True)
class CloserLook:
    """What a run's nodes have to stand before they lead."""

    state: RunState
    bench: Bench
    clock: Clock
    render: Render

    def read(self, node: Node, files: Mapping[str, str]) -> Leakage:
        """What a node's code reads that the code it was made from does not."""
        if self.state.run.experiment or not has_own_code(self.state, node):
            return Leakage()
        return leakage(made_from(self.state, node, self.bench.lineage, self.render), files)

    def at(self, node: Node, limit_s: float, watch: Watch | None) -> Doubt:
        """For a node's worker: probes a result that would lead, or whose code is in doubt.

        Within the limit, and what is left of the run.
        """

        def doubt(trial: Trial, result: NodeResult) -> NodeResult:
            if not trial.doubts and not would_lead(self.state, node, result):
                return result
            left_s = Budget.of(self.state, self.clock.elapsed_s()).search_left_s
            found = probe(self.bench, trial, result, min(limit_s, left_s), watch)
            return probed(result, trial.doubts, found)

        return doubt

    def reviewed(self, reviewer: Reviewer | None, node: Node, result: NodeResult) -> NodeResult:
        """The result with a reviewer's opinion, where there is one and the result would lead."""
        if reviewer is None or result.status != "valid" or not would_lead(self.state, node, result):
            return result
        before = made_from(self.state, node, self.bench.lineage, self.render)
        return reviewed(result, reviewer.review(self.state, node, result, before))


def has_own_code(state: RunState, node: Node) -> bool:
    """Whether a node's code is not purely what templates render; an ensemble only blends nodes before it."""
    return node.operator != "ensemble" and not state.is_rendered(node)


def made_from(state: RunState, node: Node, lineage: Lineage, render: Render) -> dict[str, str]:
    """The code that a node's was made from: its parent's, else what its blueprint renders to, else none."""
    if node.parent is not None:
        return lineage.read(state.nodes[node.parent].commit)
    return render(node.idea) if node.idea.blueprint is not None else {}


def would_lead(state: RunState, node: Node, result: NodeResult) -> bool:
    """Whether a valid result makes code the best that is not purely what templates render.

    Nothing of an experiment is kept.
    """
    if state.run.experiment or not has_own_code(state, node):
        return False
    best = state.best.metric if state.best is not None else None
    return result.metric is not None and (best is None or state.better(result.metric, best))


def probe(bench: Bench, trial: Trial, result: NodeResult, limit_s: float, watch: Watch | None) -> Probe:
    """Executes a scored revision once more, on validation answers that are shuffled among their rows.

    What it prints and how it ends count for nothing but that it leaves predictions.
    """
    assert result.metric is not None
    if limit_s < SLACK * result.seconds:
        return _nothing("No time was left for it.")
    prepared, seed = bench.prepared, SEED_STEP * bench.seed + trial.node
    metadata = trial.workspace.with_name(f"{trial.workspace.name}{FOLDER}-metadata")
    shutil.rmtree(metadata, ignore_errors=True)  # of a session that was killed
    seconds = 0.0
    try:
        with bench.aside(trial, FOLDER) as again:
            placebo = make_placebo(prepared, metadata, seed)
            outcome = bench.execute_on(again, metadata, limit_s, watch)
            seconds = outcome.seconds
            if outcome.status != "ok":
                return _nothing(f"It did not run: {outcome.reason}", seconds)
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
    """The result with what its probe found: a leak makes it suspect, and so does a doubt that it leaves."""
    told = result.model_copy(update={"doubts": tuple(doubts), "probe": found})
    if found.verdict == "follows":
        return told.model_copy(update={"status": "suspect", "reason": found.reason})
    if doubts and found.verdict == "none":
        reason = f"{' '.join(doubts[:TOLD])} No probe could clear that: {found.reason}"
        return told.model_copy(update={"status": "suspect", "reason": reason})
    return told


def _nothing(reason: str, seconds: float = 0.0) -> Probe:
    return Probe(verdict="none", reason=reason, seconds=seconds)
