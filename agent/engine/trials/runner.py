"""Runs the trials of one run: smoke run, full run, module test, repeat, refit, and runs on other labels."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.core.contract import (
    MEMBERS_FOLDER,
    MODEL_FOLDER,
    REFIT,
    SAVE,
    SMOKE,
    SMOKE_LOG,
    TEST_LOG,
    WORKING_FOLDER,
)
from agent.core.format import duration
from agent.core.seeds import SEED_LIMIT, SEED_STEP
from agent.core.trees import remove_tree
from agent.engine.trials.attempts import begin_attempt, end_attempt
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.execution import ExecutionRequest, TrialExecution
from agent.engine.trials.outputs import OutputRetention
from agent.engine.trials.scoring import Scoring, faulty_result
from agent.engine.trials.speed import measure_speed
from agent.engine.trials.trial import Trial
from agent.execution.base import Executor, Outcome, StopCheck
from agent.execution.cache_layers import CacheLayers
from agent.execution.gpus import GpuLeases
from agent.record.events import NodeResult, RunSettings
from agent.repository.checks import without_predict
from agent.repository.idea import WrittenModule
from agent.repository.lineage import Lineage

SMOKE_LIMIT_S = 60.0
SMOKE_SHARE = 0.4  # of the node's limit that a smoke run may take, if that is more: machines may be busy
NO_DATA_SUFFIX = "-no-data"  # suffix of the empty folder that module tests get for the data
LEAST_FULL_RUN_S = 1.0  # with less time after its smoke run, a node does not start its full run

ResultCheck = Callable[[Trial, NodeResult], NodeResult]
"""Check of a valid result; runs before the candidate's caches are shared."""


class TrialRunner:
    """Executes and scores the trials of one run. Thread-safe: several trials may run at once.

    Args:
        prepared: The prepared competition.
        lineage: The revisions of the run.
        executor: Runs the jobs.
        nodes_root: The folder of the workspaces.
        settings: The settings of the run.
        cache: Caches of the candidates.
        weights: Folder of the user's pretrained weights; need not exist.
        gpus: Leases of the GPUs; None: no candidate gets a GPU of its own.
    """

    def __init__(
        self,
        prepared: Prepared,
        lineage: Lineage,
        executor: Executor,
        nodes_root: Path,
        settings: RunSettings,
        cache: CacheLayers,
        weights: Path,
        gpus: GpuLeases | None = None,
    ) -> None:
        self.prepared = prepared
        self.seed = settings.seed
        self._predict_ms = settings.predict_ms
        self.checkout = Checkout(lineage, nodes_root)
        self.outputs = OutputRetention(self.checkout)
        self._execution = TrialExecution(executor, prepared, settings, cache, weights, gpus)
        self._scoring = Scoring(prepared, lineage)
        self._smoked: set[str] = set()  # hashes of the code that has passed a smoke run

    def run(
        self,
        trial: Trial,
        limit_s: float,
        stop_check: StopCheck | None,
        smoke: bool,
        arguments: tuple[str, ...] = (),
        folds: int | None = None,
        check: ResultCheck = lambda trial, result: result,
        full_run: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> NodeResult:
        """Execute a smoke run and the full run, then score. A failed candidate gives a failed result.

        Args:
            trial: The revision to execute.
            limit_s: Time limit in seconds of smoke run and full run together.
            stop_check: Stops the execution early.
            smoke: Whether a smoke run comes first.
            arguments: Command-line arguments of the full run.
            folds: Number of folds that the full run executes; None: all.
            check: Check of a valid result, which may make it suspect.
            full_run: Opens a block around the full run, whose progress other nodes' progress is compared
                with. The smoke run has left no progress when the block begins.
        """
        if trial.faults:
            return faulty_result(trial)
        smoke_seconds = 0.0
        if smoke and trial.code not in self._smoked:
            tested = self._smoke(trial, limit_s, stop_check)
            if isinstance(tested, NodeResult):
                return tested
            smoke_seconds = tested.seconds
            if limit_s - smoke_seconds < LEAST_FULL_RUN_S:
                return self._no_time_after_smoke(trial, tested, limit_s)
        try:
            with full_run():
                saving = self._saving(trial, arguments)
                outcome = self._attempt(trial, limit_s - smoke_seconds, stop_check, saving, folds)
            result = self._scoring.score(trial, outcome)
            if result.status == "valid":
                result = check(trial, self._timed(trial, result, stop_check))
            if result.status == "valid":
                self._execution.share_cache(trial.node)
        finally:
            self._execution.drop_cache(trial.node)
            self.outputs.add(trial.node)
        return result.model_copy(update={"smoke_seconds": smoke_seconds})

    def run_module_test(
        self, trial: Trial, module: WrittenModule, limit_s: float, stop_check: StopCheck | None
    ) -> NodeResult | None:
        """Execute the test of a newly written module; return None if it passes.

        The test sees no data, so that a language model may see all of its output.
        """
        nothing = trial.workspace.with_name(f"{trial.workspace.name}{NO_DATA_SUFFIX}")
        remove_tree(nothing, ignore_errors=True)  # left by a killed session
        try:
            nothing.mkdir()
            request = ExecutionRequest(log=TEST_LOG, script=module.test_file, metadata=nothing, input=nothing)
            outcome = self._execution.execute(trial, min(SMOKE_LIMIT_S, limit_s), stop_check, request)
        finally:
            remove_tree(nothing, ignore_errors=True)
        if outcome.status == "ok":
            return None
        reason = f"Test of {module.file}: {outcome.reason}"
        return self._scoring.failed("test", trial, outcome, reason, smoke_seconds=outcome.seconds)

    def run_with_metadata(
        self, trial: Trial, metadata: Path, limit_s: float, stop_check: StopCheck | None
    ) -> Outcome:
        """Execute once on other metadata than the prepared; the caches are discarded."""
        try:
            request = ExecutionRequest(metadata=metadata)
            return self._execution.execute(trial, limit_s, stop_check, request)
        finally:
            self._execution.drop_temporary_cache(trial.node)

    def repeat(self, trial: Trial, number: int, limit_s: float, folds: int = 1) -> tuple[float | None, float]:
        """Execute the same code with another seed.

        Args:
            trial: The revision to execute.
            number: Number of the repeat, from 1.
            limit_s: Time limit in seconds.
            folds: Number of folds that the score to compare with covers.

        Returns:
            The score and the seconds; the score is None on failure, or if other folds were executed.
        """
        seed = (self.seed + SEED_STEP * number) % SEED_LIMIT
        request = ExecutionRequest(seed=seed, folds=fewer_folds(self.prepared, folds))
        with self.checkout.temporary(trial, f"-repeat{number}") as copy:
            outcome = self._execution.execute(copy, limit_s, None, request)
            result = self._scoring.score(copy, outcome)
        self._execution.drop_cache(trial.node)
        is_comparable = result.status == "valid" and result.folds == folds
        return (result.metric if is_comparable else None), outcome.seconds

    def refit(
        self,
        node: int,
        commit: str,
        members: Sequence[int],
        limit_s: float,
        stop_check: StopCheck | None,
        *,
        save: bool = False,
        metadata: Path | None = None,
        place: Callable[[Path], None] = lambda workspace: None,
    ) -> Outcome:
        """Execute a node's revision with `--refit` in a separate folder, using the node's frozen choices.

        Args:
            node: Number of the node.
            commit: The revision.
            members: Nodes that an ensemble blends; their frozen choices are used too.
            limit_s: Time limit in seconds.
            stop_check: Stops the execution early.
            save: Save the trained model too.
            metadata: Tables instead of the prepared ones.
            place: Puts files into the checked-out workspace before the execution.

        Everything below `working/` stays; `drop_refit_files` removes it.

        Raises:
            InfrastructureError: The frozen choices of a node are missing.
        """
        trial = self.checkout.set_up_refit(node, commit, members)
        place(trial.workspace)
        arguments = (REFIT, SAVE) if save else (REFIT,)
        request = ExecutionRequest(arguments, frozen=self.checkout.workspace(node), metadata=metadata)
        outcome = self._execution.execute(trial, limit_s, stop_check, request)
        self._execution.drop_cache(node)
        self._execution.drop_temporary_cache(node)
        return outcome

    def drop_refit_files(self, node: int) -> None:
        """Remove what a refit wrote besides its submission; outputs and copies of members are large."""
        workspace = self.checkout.refit_workspace(node)
        for folder in (WORKING_FOLDER, MEMBERS_FOLDER):
            remove_tree(workspace / folder, ignore_errors=True)

    def _saving(self, trial: Trial, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Return the arguments of a full run, which saves its model if its speed is to be measured."""
        if self._predict_ms is None or SAVE in arguments:
            return arguments
        cannot = without_predict(self.checkout.lineage.read(trial.commit))
        return arguments if cannot else (*arguments, SAVE)

    def _timed(self, trial: Trial, result: NodeResult, stop_check: StopCheck | None) -> NodeResult:
        """Return the result with the measured time per row, if the user limits it."""
        if self._predict_ms is None or not (trial.workspace / MODEL_FOLDER).is_dir():
            return result
        speed = measure_speed(
            self.prepared, self.checkout, self._execution, trial, self._predict_ms, stop_check
        )
        if speed is None:
            return result
        return result.model_copy(update={"predict_ms": speed.ms, "predict_rows": speed.rows})

    def _attempt(
        self,
        trial: Trial,
        limit_s: float,
        stop_check: StopCheck | None,
        arguments: tuple[str, ...],
        folds: int | None,
    ) -> Outcome:
        """Execute the full run; its checkpoint stays only if the run as a whole is interrupted."""
        is_interrupted = False
        try:
            request = ExecutionRequest(arguments, checkpoint=begin_attempt(trial), folds=folds)
            outcome = self._execution.execute(trial, limit_s, stop_check, request)
            is_interrupted = outcome.stop is not None and outcome.stop.kind == "interrupted"
            return outcome
        finally:
            if not is_interrupted:
                end_attempt(trial)

    def _smoke(self, trial: Trial, limit_s: float, stop_check: StopCheck | None) -> Outcome | NodeResult:
        """Return the outcome of a passed smoke run, or the result of a failed one."""
        request = ExecutionRequest((SMOKE,), log=SMOKE_LOG)
        smoke_limit_s = min(max(SMOKE_LIMIT_S, SMOKE_SHARE * limit_s), limit_s)
        outcome = self._execution.execute(trial, smoke_limit_s, stop_check, request)
        if outcome.status != "ok":
            reason = f"Smoke run: {outcome.reason}"
            return self._scoring.failed("smoke", trial, outcome, reason, smoke_seconds=outcome.seconds)
        self._smoked.add(trial.code)
        remove_tree(trial.workspace / WORKING_FOLDER, ignore_errors=True)  # its progress is no full run's
        return outcome

    def _no_time_after_smoke(self, trial: Trial, smoke: Outcome, limit_s: float) -> NodeResult:
        """Return the result of a node whose smoke run passed and left no time for the full run."""
        reason = (
            f"Time limit: the smoke run took {duration(smoke.seconds)} of the node's {duration(limit_s)}, "
            "and no time was left for the full run."
        )
        late = replace(smoke, status="timeout", reason=reason)
        return self._scoring.failed("smoke", trial, late, reason, smoke_seconds=smoke.seconds)


def fewer_folds(prepared: Prepared, recorded: int) -> int | None:
    """Return the number of folds that repeats a recorded score; None: all of the competition's folds."""
    return recorded if recorded < prepared.folds_executed else None
