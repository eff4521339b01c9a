"""Executes the recorded repositories of a run again under the same conditions, and compares the scores."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.core.locks import temporary_folder
from agent.core.paths import Home
from agent.engine.containment import contain
from agent.engine.executors import cache_layers, open_executor
from agent.engine.trials.runner import TrialRunner, fewer_folds
from agent.engine.trials.scoring import unprocessed_result
from agent.record.events import Event, NodeProposed, NodeResult, RefitFinished, RunResumed
from agent.record.opened_run import Run
from agent.record.run_lock import run_lock
from agent.record.state import Node, RunState
from agent.search.budget import execution_limit_s
from agent.search.refits import refit_limit_s
from agent.solution.ensemble import place_outputs


@dataclass(frozen=True)
class Reexecution:
    """Recorded and new result of one node."""

    node: int
    recorded: NodeResult
    reexecuted: NodeResult | None  # None: the node was not executed
    reason: str = ""  # why the node was not executed, or why the results disagree
    agrees: bool = True

    @property
    def difference(self) -> float | None:
        """New minus recorded metric; None where either is missing."""
        if self.reexecuted is None or self.reexecuted.metric is None or self.recorded.metric is None:
            return None
        return self.reexecuted.metric - self.recorded.metric


def reexecute(run: Run, home: Home, tolerance: float) -> Iterator[Reexecution]:
    """Execute every finished node again, by id, and yield one comparison each.

    Seed, threads, isolation and time limits are the recorded ones. An ensemble blends the new outputs of its
    members. The run's own workspaces stay unchanged.

    Raises:
        SetupError: another process is working on the run.
    """
    limits = full_run_limits(run)
    with open_trial_runner(run, home) as runner:
        for node in run.state.nodes.values():
            if node.result is not None:
                yield _compared(run, runner, node, node.result, limits[node.id], tolerance)


@contextmanager
def open_trial_runner(run: Run, home: Home) -> Iterator[TrialRunner]:
    """Yield a trial runner for the nodes of a finished run, in a temporary folder.

    Raises:
        SetupError: another process is working on the run.
    """
    used = {node.idea.blueprint.family for node in run.state.nodes.values() if node.idea.blueprint}
    families = [family for name, family in run.templates(home).families.items() if name in used]
    cache = cache_layers(home, run.prepared, run.folder)
    with run_lock(run.folder), temporary_folder(".again-", run.folder) as nodes_root:
        executor = open_executor(run.state.run, run.prepared, families, home, nodes_root, cache)
        with executor as opened:
            yield TrialRunner(
                prepared=run.prepared,
                lineage=run.lineage,
                executor=opened,
                nodes_root=nodes_root,
                settings=run.state.run,
                cache=cache,
                weights=home.weights,
            )


def recorded_limits(events: Iterable[Event], higher_is_better: bool) -> dict[int, float]:
    """Return the time limit in seconds of each node's last start, computed from the events."""
    state, limits = RunState(higher_is_better), {}
    for event in events:
        state.apply(event)
        if isinstance(event, NodeProposed):
            limits[event.node] = execution_limit_s(state, state.nodes[event.node])
        elif isinstance(event, RunResumed):
            for node in state.running:
                limits[node.id] = execution_limit_s(state, node)
    return limits


def full_run_limits(run: Run) -> dict[int, float]:
    """Return the time limit in seconds of each full run: what the smoke run left of the node's limit."""
    limits = recorded_limits(run.journal.events(), run.metric.higher_is_better)
    if run.state.run.rules < 2:
        return limits
    results = {number: node.result for number, node in run.state.nodes.items() if node.result is not None}
    spent = {number: result.smoke_seconds for number, result in results.items()}
    return {number: limit - spent.get(number, 0.0) for number, limit in limits.items()}


def recorded_refit_limit(events: Iterable[Event], higher_is_better: bool, node: int) -> float:
    """Return the time limit in seconds of a node's latest refit, computed from the events.

    The refit starts right after the event that precedes its end.
    """
    state, limit_s = RunState(higher_is_better), 0.0
    for event in events:
        if isinstance(event, RefitFinished) and event.node == node:
            limit_s = refit_limit_s(state, state.nodes[node])
        state.apply(event)
    return limit_s


def _compared(
    run: Run, runner: TrialRunner, node: Node, recorded: NodeResult, limit_s: float, tolerance: float
) -> Reexecution:
    if recorded.status == "pruned":
        reason = "The node was pruned, which depends on the other nodes."
        return Reexecution(node.id, recorded, None, reason)
    if recorded.status == "failed" and recorded.seconds == recorded.smoke_seconds == 0:
        return Reexecution(
            node.id, recorded, None, f"The node was not executed in the run: {recorded.reason}"
        )
    trial = runner.checkout.set_up_recorded(node.id, recorded.commit)
    if node.operator == "ensemble":
        members = [run.state.nodes[member] for member in node.parents]
        workspaces: dict[int, Path] = {member.id: runner.checkout.workspace(member.id) for member in members}
        try:
            place_outputs(members, workspaces, trial.workspace)
        except OSError as error:
            reason = f"A member wrote no outputs ({error.filename})."
            return Reexecution(node.id, recorded, None, reason, agrees=False)
    folds = fewer_folds(run.prepared, recorded.folds) if recorded.metric is not None else None
    run_again = contain(partial(runner.run, smoke=False, folds=folds), partial(unprocessed_result, trial))
    reexecuted = run_again(trial, limit_s, None)
    if reexecuted.status != ("valid" if recorded.was_flagged else recorded.status):
        words = f"{reexecuted.status}{f': {reexecuted.reason}' if reexecuted.reason else ''}"
        return Reexecution(node.id, recorded, reexecuted, words, agrees=False)
    compared = Reexecution(node.id, recorded, reexecuted)
    if compared.difference is not None and abs(compared.difference) > tolerance:
        reason = "The score differs; training that hits its time limit depends on the machine's speed."
        return Reexecution(node.id, recorded, reexecuted, reason, agrees=False)
    return compared
