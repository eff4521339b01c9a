"""A closer look at a candidate that scored well with code that no template alone wrote."""

import shutil
from dataclasses import dataclass

from agent.chronicle import Clock
from agent.competition.metrics import metric_of
from agent.competition.placebo import judge, make_placebo
from agent.errors import MarsError
from agent.execution import run_script
from agent.execution.base import Watch
from agent.record.events import NodeResult, Probe
from agent.record.state import Node, RunState
from agent.search.budget import Budget
from agent.trial import SEED_STEP, Bench, Doubt, Trial

FOLDER = "-probe"  # ends the name of the folder that a node is probed in
SLACK = 1.1  # a node that took longer than what is left, by this factor, is not probed


@dataclass(frozen=True)
class CloserLook:
    """What a run's nodes have to stand before they lead."""

    state: RunState
    bench: Bench
    clock: Clock

    def at(self, node: Node, limit_s: float, watch: Watch | None) -> Doubt:
        """For a node's worker: probes a result that would lead, within its limit and what is left."""

        def doubt(trial: Trial, result: NodeResult) -> NodeResult:
            if not would_lead(self.state, node, result):
                return result
            left_s = Budget.of(self.state, self.clock.elapsed_s()).search_left_s
            return probed(result, probe(self.bench, trial, result, min(limit_s, left_s), watch))

        return doubt


def would_lead(state: RunState, node: Node, result: NodeResult) -> bool:
    """Whether a valid result makes code the best that is not purely what templates render.

    Nothing of an experiment is kept, and an ensemble only blends what nodes before it predicted.
    """
    if state.run.experiment or node.operator == "ensemble" or state.is_rendered(node):
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


def probed(result: NodeResult, found: Probe) -> NodeResult:
    """The result with what its probe found; a leak makes it suspect."""
    if found.verdict == "follows":
        return result.model_copy(update={"probe": found, "status": "suspect", "reason": found.reason})
    return result.model_copy(update={"probe": found})


def _nothing(reason: str, seconds: float = 0.0) -> Probe:
    return Probe(verdict="none", reason=reason, seconds=seconds)
