"""Sets up the revisions of nodes and starts their executions in the worker threads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.competition.metrics import Metric
from agent.engine.candidate_reports import progress_reader
from agent.engine.decider import Decider
from agent.engine.executions import (
    ModuleTest,
    NodeExecution,
    RefitExecution,
    RepeatExecution,
    Watch,
    Workers,
)
from agent.engine.leakage_gate import LeakageGate
from agent.engine.node_source import node_source, parent_commits
from agent.engine.refit import execute_refit
from agent.engine.trials.runner import TrialRunner
from agent.engine.trials.scoring import unprocessed_result
from agent.engine.trials.trial import Trial
from agent.execution.progress import ProgressReader
from agent.record.events import NodeResult, RefitResult
from agent.record.state import Node, RunState
from agent.repository.assembly import Assembler, NodeCode
from agent.search.budget import execution_limit_s, repeat_limit_s
from agent.search.refits import refit_limit_s, refit_parts_s
from agent.solution import ensemble


@dataclass(frozen=True)
class Launcher:
    """Starts executions; each is added to the workers' executions under way."""

    decider: Decider
    gate: LeakageGate
    state: RunState
    runner: TrialRunner
    assembler: Assembler
    metric: Metric
    workers: Workers

    def code(self, node: Node) -> NodeCode:
        """Return the code of the node's next revision."""
        return self.assembler.assemble(node_source(self.state, node, self.runner.checkout.lineage.read))

    def set_up(self, node: Node, code: NodeCode) -> Trial:
        """Commit and check out the node's next revision."""
        message = f"{node.operator}: {node.idea.title}"
        if node.attempts:
            message = f"fix: {node.attempts[-1].fix.title}"
        parents, leaks = parent_commits(self.state, node), self.gate.find_leaks(node, code.files)
        return self.runner.checkout.set_up(node.id, code.files, parents, message, code.faults, leaks)

    def ensemble_members(self) -> list[Node]:
        """Return the best nodes that wrote their raw outputs."""
        return ensemble.members(self.state, self._workspaces())

    def start_node(self, node: Node) -> None:
        """Execute the node's complete repository."""
        blend = node.operator == "ensemble"
        trial = self.set_up(node, self.code(node))
        if blend:
            members = [self.state.nodes[parent] for parent in node.parents]
            ensemble.place_outputs(members, self._workspaces(), trial.workspace)
        limit_s = execution_limit_s(self.state, node)
        watch = Watch(progress_reader(node, trial.progress_file), is_comparable=False)
        future = self.workers.submit(
            partial(unprocessed_result, trial),
            self.runner.run,
            trial,
            limit_s,
            watch.stop_check,
            self.decider.needs_smoke_run(node, self.state),
            check=self.gate.result_check(node, limit_s, watch.stop_check),
            full_run=watch.full_run,
        )
        self.workers.under_way.append(NodeExecution(node, watch, future, limit_s))

    def start_module_test(self, node: Node) -> None:
        """Execute the test of the node's latest module."""
        trial, watch = self.set_up(node, self.code(node)), Watch()
        test, limit_s = self.runner.run_module_test, execution_limit_s(self.state, node)
        failed: Callable[[str], NodeResult | None] = partial(unprocessed_result, trial)
        future = self.workers.submit(failed, test, trial, node.modules[-1], limit_s, watch.stop_check)
        self.workers.under_way.append(ModuleTest(node, watch, future, limit_s))

    def start_repeat(self, node: Node) -> None:
        """Execute the node's code with another seed."""
        trial = Trial(node.id, node.commit, self.runner.checkout.workspace(node.id), "", ())
        number, limit_s = len(node.repeats) + 1, repeat_limit_s(self.state, node)
        assert node.result is not None
        repeat = partial(self.runner.repeat, folds=node.result.folds)
        future = self.workers.submit(_failed_repeat, repeat, trial, number, limit_s)
        self.workers.under_way.append(RepeatExecution(node, Watch(), future))

    def start_refit(self, node: Node) -> None:
        """Refit the node on all labelled rows."""
        workspace = self.runner.checkout.refit_workspace(node.id)
        trial = Trial(node.id, node.commit, workspace, "", ())
        watch, limit_s = Watch(ProgressReader(trial.progress_file)), refit_limit_s(self.state, node)
        future = self.workers.submit(
            _failed_refit,
            execute_refit,
            self.runner.prepared,
            self.runner,
            dict(self.state.nodes),
            node,
            refit_parts_s(self.state, node),
            limit_s,
            watch.stop_check,
            self.state.run.workers,
        )
        self.workers.under_way.append(RefitExecution(node, watch, future))

    def _workspaces(self) -> dict[int, Path]:
        return {number: self.runner.checkout.workspace(number) for number in self.state.nodes}


def _failed_repeat(reason: str) -> tuple[float | None, float]:
    return None, 0.0


def _failed_refit(reason: str) -> RefitResult:
    return RefitResult(status="failed", reason=reason, seconds=0.0)
