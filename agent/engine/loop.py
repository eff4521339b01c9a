"""The search loop: decide, execute, score, record and learn until the budget ends; then blend and refit."""

import math
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.agents.writer import WritingError
from agent.competition.metrics import Metric
from agent.engine.agents import Agents
from agent.engine.assembly import NodeCode, node_code, parent_commits
from agent.engine.candidate_reports import progress_reader, thin_curve
from agent.engine.leakage_gate import LeakageGate
from agent.engine.learning import Learner
from agent.engine.refit import execute_refit, plan_refit
from agent.engine.trial_runner import Trial, TrialRunner
from agent.execution.base import StopReason
from agent.execution.progress import ProgressReader
from agent.memory.store import LessonStore
from agent.record.events import (
    CurvePoint,
    FixProposed,
    ModuleWritten,
    NodeProposed,
    NodeResult,
    RefitFinished,
    RefitProposed,
    RefitResult,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
)
from agent.record.recorder import EventRecorder
from agent.record.state import Node
from agent.repository import written_modules
from agent.repository.idea import Fix, Idea
from agent.repository.rendering import Renderer, TaskView
from agent.search.budget import Budget, refit_limit_s
from agent.search.pruning import pruning_reason
from agent.search.scheduler import Decisions, Propose, Repeat
from agent.solution import ensemble
from agent.solution.choose import best_by_validation, choose

TICK_S = 0.25
# A candidate that is expected to end sooner needs no smoke run.
SMOKE_WORTH_S = 5.0


@dataclass
class _Active:
    """A node, a repeat or a refit that is being executed."""

    node: Node
    trial: Trial
    limit_s: float
    repeat: int = 0  # number of the repeat; 0 for the node itself
    refit: bool = False
    reader: ProgressReader | None = None
    curve: list[CurvePoint] = field(default_factory=list)
    stop: StopReason | None = None


class Search:
    """One run of the search, fresh or resumed."""

    def __init__(
        self,
        *,
        run: str,
        recorder: EventRecorder,
        lessons: LessonStore,
        runner: TrialRunner,
        renderers: dict[str, Renderer],
        competition: TaskView,
        metric: Metric,
        heartbeat: Callable[[], None],
    ) -> None:
        self.state = recorder.state
        self._chronicle = recorder
        self._record = recorder.record
        self._runner = runner
        self._renderers = renderers
        self._competition = competition
        self._metric = metric
        self._clock = recorder.clock
        self._heartbeat = heartbeat
        self._active: dict[Future[Any], _Active] = {}
        self._learner = Learner(run, recorder, lessons, runner, metric)
        self._gate = LeakageGate(self.state, runner, self._clock, self._render)
        self._agents: Agents | None = None

    def run(self, decisions: Decisions, agents: Agents | None = None) -> Node | None:
        """Search until the budget ends; return the chosen node.

        Args:
            decisions: decides which action starts next.
            agents: the run's language models. They write modules, fix failures, review leading nodes and
                word lessons.
        """
        self._agents = agents
        with ThreadPoolExecutor(max_workers=self.state.run.workers) as pool:
            try:
                self._repeat_unfinished(pool)
                while True:
                    self._fill(pool, decisions)
                    if not self._active:
                        break
                    self._collect(pool)
                reason = Budget.of(self.state).end_reason
                self._blend(pool)
                no_refit = self._refit(pool)
            except BaseException:
                for active in self._active.values():
                    active.stop = StopReason("interrupted", "interrupted")
                raise
        return self._finish(reason, no_refit)

    # -- decide and start ------------------------------------------------------------------------------

    def _fill(self, pool: ThreadPoolExecutor, decisions: Decisions) -> None:
        """Start actions until all workers are busy or nothing is left to start."""
        while len(self._active) < self.state.run.workers:
            match decisions.next(self.state):
                case Propose() as action:
                    self._launch(pool, self._propose(action))
                case Repeat(node=number):
                    self._record(RepeatProposed(elapsed_s=self._clock.elapsed_s(), node=number))
                    self._launch_repeat(pool, self.state.nodes[number])
                case None:
                    return

    def _propose(self, action: Propose) -> Node:
        number = len(self.state.nodes) + 1
        self._record(
            NodeProposed(
                elapsed_s=self._clock.elapsed_s(),
                node=number,
                operator=action.operator,
                parents=action.parents,
                idea=action.idea,
                expected_s=action.expected_s,
                note=action.note,
                replays=action.replays,
            )
        )
        return self.state.nodes[number]

    def _launch(self, pool: ThreadPoolExecutor, node: Node) -> None:
        """Execute a node: the test of its latest module, or the whole repository once it is complete."""
        if node.idea.plan and not node.modules:
            self._write(pool, node)
            return
        blend = node.operator == "ensemble"
        members = [self.state.nodes[parent] for parent in node.parents]
        trial = self._set_up(node, self._ensemble_files(members, node.idea) if blend else self._files(node))
        if blend:
            ensemble.place_outputs(members, self._workspaces(), trial.workspace)
        limit_s = self._limit_s(final=blend)
        active = _Active(node, trial, limit_s, reader=progress_reader(node, trial.progress_file))

        def stop_check(_: float) -> StopReason | None:
            return active.stop

        if node.unwritten_modules:
            future = pool.submit(self._runner.run_module_test, trial, node.modules[-1], limit_s, stop_check)
        else:
            smoke = not blend and (node.expected_s is None or node.expected_s > SMOKE_WORTH_S)
            check = self._gate.result_check(node, limit_s, stop_check)
            future = pool.submit(self._runner.run, trial, limit_s, stop_check, smoke, check=check)
        self._active[future] = active

    def _write(self, pool: ThreadPoolExecutor, node: Node) -> None:
        """Let a model write the node's next module and continue; the node fails if no module comes."""
        code = self._files(node)
        try:
            writer = self._agents.writer if self._agents else None
            if writer is None or Budget.of(self.state, self._clock.elapsed_s()).is_out_of_time:
                raise WritingError(
                    f"No language model or no time is left to write {node.unwritten_modules[0].file}."
                )
            module = writer.write(self.state, node, code.files)
        except WritingError as error:
            trial = self._set_up(node, code)
            result = NodeResult(status="failed", reason=str(error), commit=trial.commit, seconds=0.0)
            self._settle(pool, _Active(node, trial, limit_s=0.0), result)
            return
        self._record(ModuleWritten(elapsed_s=self._clock.elapsed_s(), node=node.id, module=module))
        self._launch(pool, node)

    def _set_up(self, node: Node, code: NodeCode) -> Trial:
        """Commit and check out the next revision of a node."""
        message = f"{node.operator}: {node.idea.title}"
        if node.attempts:
            message = f"fix: {node.attempts[-1].fix.title}"
        parents, leaks = parent_commits(self.state, node), self._gate.find_leaks(node, code.files)
        return self._runner.set_up(node.id, code.files, parents, message, code.faults, leaks)

    def _launch_repeat(self, pool: ThreadPoolExecutor, node: Node) -> None:
        assert node.result is not None
        trial = Trial(node.id, node.result.commit, self._runner.workspace(node.id), "", ())
        number = len(node.repeats) + 1
        limit_s = self._limit_s()
        future = pool.submit(self._runner.repeat, trial, number, limit_s)
        self._active[future] = _Active(node, trial, limit_s, repeat=number)

    def _repeat_unfinished(self, pool: ThreadPoolExecutor) -> None:
        """Repeat the executions that a killed session left unfinished; its decisions stand."""
        for node in self.state.running:
            self._launch(pool, node)
        for node in self.state.nodes.values():
            if node.repeating:
                self._launch_repeat(pool, node)

    def _limit_s(self, final: bool = False) -> float:
        return Budget.of(self.state).execution_limit_s(final)

    # -- wait and record -------------------------------------------------------------------------------

    def _collect(self, pool: ThreadPoolExecutor) -> None:
        """Wait until an execution ends, then record its result."""
        self._show()
        while True:
            done, _ = wait(self._active, timeout=TICK_S, return_when=FIRST_COMPLETED)
            if done:
                self._heartbeat()
                break
            self.keep_alive()
        for future in sorted(done, key=lambda item: self._active[item].node.id):
            active = self._active.pop(future)
            if active.repeat:
                metric, seconds = future.result()
                now = self._clock.elapsed_s()
                node = active.node.id
                self._record(RepeatFinished(elapsed_s=now, node=node, metric=metric, seconds=seconds))
            elif active.refit:
                now = self._clock.elapsed_s()
                self._record(RefitFinished(elapsed_s=now, node=active.node.id, result=future.result()))
            else:
                self._settle(pool, active, future.result())

    def _settle(self, pool: ThreadPoolExecutor, active: _Active, result: NodeResult | None) -> None:
        """Continue with the next module or a fix, or record the result and its lessons."""
        node, agents = active.node, self._agents
        if result is None:  # a module test has passed
            self._write(pool, node)
            return
        if (fix := self._fix(active, result)) is not None:
            self._record(FixProposed(elapsed_s=self._clock.elapsed_s(), node=node.id, failed=result, fix=fix))
            self._launch(pool, node)
            return
        result = self._gate.with_review(agents.reviewer if agents else None, node, result)
        self._learner.finish(node, result, active.limit_s, agents.reflector if agents else None)
        if len(self.state.valid) > ensemble.CANDIDATES:
            best = {node.id for node in best_by_validation(self.state, ensemble.CANDIDATES)}
            self._runner.keep_outputs(best | {running.id for running in self.state.running})

    def _fix(self, active: _Active, result: NodeResult) -> Fix | None:
        """Return the debugger's fix of a failure; None without a fix or without time to execute it."""
        debugger = self._agents.debugger if self._agents else None
        if debugger is None or result.status != "failed" or active.stop is not None:
            return None
        if Budget.of(self.state, self._clock.elapsed_s()).is_out_of_time:
            return None
        fix = debugger.fix(self.state, active.node, result)
        return None if Budget.of(self.state).is_out_of_time else fix

    def keep_alive(self) -> None:
        """Touch the heartbeat, read progress, stop hopeless candidates and update the display."""
        self._heartbeat()
        for active in self._active.values():
            if active.reader is None:
                continue
            active.curve += thin_curve(active.reader.poll())
            if active.stop is None and not active.refit:
                active.stop = pruning_reason(self.state, active.node, active.curve)
        self._show()

    def _show(self) -> None:
        curves = {active.node.id: active.curve for active in self._active.values() if active.reader}
        self._chronicle.observer.on_progress(self.state, curves)

    # -- end -------------------------------------------------------------------------------------------

    def _blend(self, pool: ThreadPoolExecutor) -> None:
        """Execute the ensemble node, unless the run has one or has fewer than two members."""
        if self.state.run.blueprint or any(node.operator == "ensemble" for node in self.state.nodes.values()):
            return
        members = ensemble.members(self.state, self._workspaces())
        if len(members) < 2:
            return
        idea = ensemble.ensemble_idea(members)
        parents = tuple(member.id for member in members)
        self._launch(pool, self._propose(Propose("ensemble", parents, idea, None)))
        while self._active:
            self._collect(pool)

    def _refit(self, pool: ThreadPoolExecutor) -> str:
        """Refit the chosen node on all labelled rows; return what blocked the refit, else "".

        A failed refit is tried again when the run is resumed.
        """
        node = choose(self.state)
        if self.state.run.refit_rows is None or node is None:
            return ""
        if node.refit is not None and node.refit.status != "failed":
            return ""
        now = self._clock.elapsed_s()
        left_s = self.state.run.budget_s - now
        # Time does not block a refit that a killed session began, since its decision stands.
        plan = plan_refit(self.state, self._runner, node, math.inf if node.refitting else left_s)
        if plan.blocker:
            if node.refitting:
                failed = RefitResult(status="failed", reason=plan.blocker, seconds=0.0)
                self._record(RefitFinished(elapsed_s=now, node=node.id, result=failed))
            return plan.blocker
        if not node.refitting:
            self._record(RefitProposed(elapsed_s=now, node=node.id, expected_s=plan.expected_s))
        assert node.result is not None
        limit_s = refit_limit_s(self.state, node)
        trial = Trial(node.id, node.result.commit, self._runner.refit_workspace(node.id), "", ())
        active = _Active(node, trial, limit_s, refit=True, reader=ProgressReader(trial.progress_file))
        prepared, metric = self._runner.prepared, self._metric
        future = pool.submit(
            execute_refit, prepared, self._runner, metric, node, limit_s, lambda _: active.stop
        )
        self._active[future] = active
        while self._active:
            self._collect(pool)
        return ""

    def _finish(self, reason: str, no_refit: str) -> Node | None:
        chosen = choose(self.state)
        number = chosen.id if chosen else None
        now = self._clock.elapsed_s()
        self._record(RunFinished(elapsed_s=now, reason=reason, chosen=number, no_refit=no_refit))
        return chosen

    # -- helpers ---------------------------------------------------------------------------------------

    def _files(self, node: Node) -> NodeCode:
        return node_code(self.state, node, self._runner.lineage, self._render)

    def _render(self, idea: Idea) -> dict[str, str]:
        if idea.blueprint is None:
            return written_modules.frame(idea, self._competition)
        return self._renderers[idea.blueprint.family].render(idea)

    def _ensemble_files(self, members: list[Node], idea: Idea) -> NodeCode:
        files = {m.id: self._runner.lineage.read(m.result.commit) for m in members if m.result}
        return NodeCode(ensemble.ensemble_files(members, files, self._competition, idea), ())

    def _workspaces(self) -> dict[int, Path]:
        return {number: self._runner.workspace(number) for number in self.state.nodes}
