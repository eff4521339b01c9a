"""The search loop: decide, execute, score, record and learn until the budget ends; then blend and refit."""

from collections.abc import Callable
from functools import partial

from agent.agents.writer import WritingError
from agent.competition.metrics import Metric
from agent.engine.containment import node_fault
from agent.engine.decider import Decider, End, Wait
from agent.engine.executions import (
    Execution,
    ModuleTest,
    NodeExecution,
    RefitExecution,
    RepeatExecution,
    Workers,
)
from agent.engine.launcher import Launcher
from agent.engine.leakage_gate import LeakageGate
from agent.engine.learning import Learner
from agent.engine.refit import files_blocker
from agent.engine.trials.runner import TrialRunner
from agent.memory.store import LessonStore
from agent.record.events import (
    EndReason,
    ExpectedScore,
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
from agent.repository.assembly import Assembler
from agent.search.ending import end_sentence, unused_time
from agent.search.pruning import pruning_reason
from agent.search.scheduler import Propose, Repeat
from agent.solution import ensemble
from agent.solution.choose import speed_sentence
from agent.solution.expected import estimate_expected


class SearchLoop:
    """Carries out the decisions of one run, fresh or resumed, and records what happens."""

    _decider: Decider
    _gate: LeakageGate
    _launcher: Launcher

    def __init__(
        self,
        *,
        run: str,
        recorder: EventRecorder,
        lessons: LessonStore,
        runner: TrialRunner,
        assembler: Assembler,
        metric: Metric,
        heartbeat: Callable[[], None],
    ) -> None:
        self.state = recorder.state
        self._observer = recorder.observer
        self._record = recorder.record
        self._elapsed_s = recorder.clock.elapsed_s
        self._runner = runner
        self._assembler = assembler
        self._metric = metric
        self._heartbeat = heartbeat
        self._workers = Workers(self.state.run.workers)
        self._learner = Learner(run, recorder, lessons, runner, metric)

    # -- the algorithm ---------------------------------------------------------------------------------

    def run(self, decider: Decider) -> Node | None:
        """Search until the budget ends, blend, choose and refit; return the chosen node.

        What the blend shows not to be needed for its refit goes back to the search; then it is blended again.
        The chosen blend drops the members that got no weight.
        """
        self._decider = decider
        self._gate = LeakageGate(decider, self.state, self._runner, self._elapsed_s, self._assembler)
        parts = (self.state, self._runner, self._assembler, self._metric, self._workers)
        self._launcher = Launcher(decider, self._gate, *parts)
        with self._workers.open():
            self._restart_unfinished()
            reason = self._search()
            while self._blend() and decider.searches_on(self.state):
                reason = self._search()
            self._start_ensemble(decider.shorter_ensemble(self.state))
            no_refit = self._start_refit()
            expected = self._expect()  # while the refit is executed
            self._collect_all()
        return self._finish(reason, no_refit, expected)

    def _search(self) -> EndReason:
        """Start actions while workers are free, and record what ends, until the decider ends the search."""
        while True:
            while self._workers.has_room:
                match self._decider.next_action(self.state):
                    case Propose() as action:
                        self._start(self._propose(action))
                    case Repeat(node=number):
                        self._record(RepeatProposed(elapsed_s=self._elapsed_s(), node=number))
                        self._launcher.start_repeat(self.state.nodes[number])
                    case Wait():
                        break
                    case End(reason=reason):
                        return reason
            self._collect()

    def _blend(self) -> bool:
        """Execute the ensemble, if one is due; return whether it was."""
        return self._start_ensemble(self._decider.ensemble(self.state, self._launcher.ensemble_members))

    def _start_ensemble(self, action: Propose | None) -> bool:
        if action is None:
            return False
        self._start(self._propose(action))
        self._collect_all()
        return True

    def _start_refit(self) -> str:
        """Start the refit of the chosen node on all labelled rows; return what blocked it, else ""."""
        now = self._elapsed_s()
        refit = self._decider.refit(self.state, now, partial(files_blocker, self._runner.checkout))
        if refit is None:
            return ""
        node = refit.node
        if refit.blocker:
            if node.refitting:
                failed = RefitResult(status="failed", reason=refit.blocker, seconds=0.0)
                self._record(RefitFinished(elapsed_s=now, node=node.id, result=failed))
            return refit.blocker
        if not node.refitting:
            self._record(RefitProposed(elapsed_s=now, node=node.id, expected_s=refit.expected_s))
        self._launcher.start_refit(node)
        return ""

    def _expect(self) -> ExpectedScore | None:
        """Return the expected score of the chosen node on new rows; None if nothing can be estimated."""
        chosen, workspace = self._decider.choice(self.state), self._runner.checkout.workspace
        if chosen is None or self.state.run.experiment:
            return None
        try:
            return estimate_expected(self._runner.prepared, self._metric, self.state, chosen, workspace)
        except Exception as error:
            node_fault(error)  # raises errors of the set-up and of the machine
            return None

    def _finish(self, reason: EndReason, no_refit: str, expected: ExpectedScore | None) -> Node | None:
        chosen, now = self._decider.choice(self.state), self._elapsed_s()
        more = [part for part in (unused_time(self.state, now), speed_sentence(self.state)) if part]
        self._record(
            RunFinished(
                elapsed_s=now,
                reason="; ".join([end_sentence(reason, self.state), *more]),
                end_reason=reason,
                chosen=chosen.id if chosen else None,
                no_refit=no_refit,
                expected=expected,
            )
        )
        return chosen

    # -- start -----------------------------------------------------------------------------------------

    def _restart_unfinished(self) -> None:
        """Start what a killed session left unfinished again; its decisions stand."""
        for node in self.state.running:
            self._start(node)
        for node in self.state.nodes.values():
            if node.repeating:
                self._launcher.start_repeat(node)

    def _propose(self, action: Propose) -> Node:
        number = len(self.state.nodes) + 1
        self._record(
            NodeProposed(
                elapsed_s=self._elapsed_s(),
                node=number,
                operator=action.operator,
                parents=action.parents,
                idea=action.idea,
                expected_s=action.expected_s,
                note=action.note,
                replays=action.replays,
                continues=action.continues,
            )
        )
        return self.state.nodes[number]

    def _start(self, node: Node) -> None:
        """Start a node's next step: its first module, the test of its latest one, or its execution."""
        if node.idea.plan and not node.modules:
            self._write_module(node)
        elif node.unwritten_modules:
            self._set_up(node, self._launcher.start_module_test)
        else:
            self._set_up(node, self._launcher.start_node)

    def _set_up(self, node: Node, start: Callable[[Node], None]) -> None:
        """Start an execution; the node fails if its workspace cannot be set up."""
        try:
            start(node)
        except Exception as error:
            result = NodeResult(status="failed", reason=node_fault(error), commit="", seconds=0.0)
            self._learner.finish(node, result, 0.0, self._decider)

    def _write_module(self, node: Node) -> None:
        """Write the node's next module and go on; the node fails if no module comes."""
        code, now = self._launcher.code(node), self._elapsed_s()
        try:
            module = self._decider.next_module(self.state, node, code.files, now)
        except WritingError as error:
            trial = self._launcher.set_up(node, code)
            result = NodeResult(status="failed", reason=str(error), commit=trial.commit, seconds=0.0)
            self._settle(node, result, limit_s=0.0)
            return
        self._record(ModuleWritten(elapsed_s=max(now, self.state.elapsed_s), node=node.id, module=module))
        self._start(node)

    # -- wait and record -------------------------------------------------------------------------------

    def _collect_all(self) -> None:
        while self._workers.under_way:
            self._collect()

    def _collect(self) -> None:
        """Wait until executions end, then record their results."""
        self._show()
        ended = self._workers.wait(self.keep_alive)
        self._heartbeat()
        for execution in ended:
            self._record_end(execution)

    def _record_end(self, execution: Execution) -> None:
        node = execution.node
        match execution:
            case NodeExecution(watch=watch, future=future, limit_s=limit_s):
                self._settle(node, watch.apply_stop(future.result()), limit_s)
            case ModuleTest(future=test, limit_s=limit_s):
                if (failed := test.result()) is None:
                    self._write_module(node)
                else:
                    self._settle(node, failed, limit_s)
            case RepeatExecution(future=repeat):
                metric, seconds = repeat.result()
                now = self._elapsed_s()
                self._record(RepeatFinished(elapsed_s=now, node=node.id, metric=metric, seconds=seconds))
            case RefitExecution(future=refit):
                result = refit.result()
                self._record(RefitFinished(elapsed_s=self._elapsed_s(), node=node.id, result=result))

    def _settle(self, node: Node, result: NodeResult, limit_s: float) -> None:
        """Go on with a fix of a failed node, or record the result and its lessons."""
        now = self._elapsed_s()
        if (fix := self._decider.fix(self.state, node, result, now)) is not None:
            at_s = max(now, self.state.elapsed_s)
            self._record(FixProposed(elapsed_s=at_s, node=node.id, failed=result, fix=fix))
            self._start(node)
            return
        self._learner.finish(node, self._gate.with_review(node, result), limit_s, self._decider)
        running = [one.id for one in self.state.running]
        valuable = [one.id for one in ensemble.ranked(self.state)]
        # The refit of the latest ensemble may read the outputs of its members.
        blended = () if self.state.blend is None else self.state.blend.weighted_members
        self._runner.outputs.keep_only(list(dict.fromkeys([*running, *blended, *valuable])))

    def keep_alive(self) -> None:
        """Touch the heartbeat, read progress, stop hopeless candidates and update the display."""
        self._heartbeat()
        for execution in self._workers.under_way:
            watch = execution.watch
            watch.read_progress()
            if isinstance(execution, NodeExecution) and watch.stop is None and watch.is_comparable:
                watch.stop = pruning_reason(self.state, execution.node, watch.curve)
        self._show()

    def _show(self) -> None:
        under_way = self._workers.under_way
        curves = {one.node.id: one.watch.curve for one in under_way if one.watch.reader is not None}
        self._observer.on_progress(self.state, curves)
