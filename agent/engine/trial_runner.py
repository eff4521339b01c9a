"""One trial: files become a commit, a workspace, an execution and a scored result."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import evaluate, parse_printed_metric
from agent.competition.prepared import Prepared
from agent.competition.untrusted_csv import SubmissionError
from agent.core.contract import FROZEN_FILE, OUTPUT_FILES
from agent.core.errors import InfrastructureError, MarsError
from agent.core.seeds import SEED_STEP
from agent.engine.candidate_reports import cache_seconds, facts, read_analysis, read_log, thin_curve
from agent.execution import run_script
from agent.execution.base import Executor, Job, Limits, Outcome, StopCheck
from agent.execution.cache_layers import CacheLayers
from agent.execution.gpus import GpuLeases
from agent.execution.hardware import memory_bytes
from agent.execution.progress import ProgressReader
from agent.execution.redaction import redact_exception, redact_values
from agent.record.events import Failure, NodeResult, RunSettings, Stage
from agent.repository.checks import check_repository
from agent.repository.idea import WrittenModule
from agent.repository.leakage import Leakage
from agent.repository.lineage import Lineage
from agent.repository.rendering import tree_hash, write_tree

SMOKE_LIMIT_S = 60.0
# Share of the time limit that is passed to a candidate; the rest covers start-up, which it cannot time.
TIME_HINT_SHARE = 0.85
# Extra seconds of an execution that saves its model, for imports and for writing.
SAVING_S = 30.0
REFIT_SUFFIX = "-refit"  # suffix of the folder in which a node is refitted
TEMPORARY_SUFFIX = "-aside"  # suffix of the private cache of a temporary execution
MEMORY_SHARE = 0.8  # share of the machine's memory that the workers divide


@dataclass(frozen=True)
class Trial:
    """A committed revision, checked out and ready to be executed."""

    node: int
    commit: str
    workspace: Path
    code: str  # hash of the files without idea.json and README.md
    faults: tuple[str, ...]  # faults of the idea, then violations of the repository contract
    idea_failed: bool = False  # the idea cannot be implemented
    leakage_findings: tuple[str, ...] = ()  # possible leaks that reading the code found

    @property
    def progress_file(self) -> Path:
        return self.workspace / "working" / "progress.jsonl"


ResultCheck = Callable[[Trial, NodeResult], NodeResult]
"""Check of a valid result; runs before the candidate's caches are shared."""


class TrialRunner:
    """Sets up and executes the trials of one run."""

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
        self.lineage = lineage
        self._executor = executor
        self._nodes_root = nodes_root
        self._settings = settings
        self._cache = cache
        self._weights = weights
        self._gpus = gpus or GpuLeases(())
        self._memory_bytes = int(MEMORY_SHARE * memory_bytes() / settings.workers)
        self._smoked: set[str] = set()
        found = {file.parts[-3] for file in nodes_root.glob(f"[0-9]*/{OUTPUT_FILES[0]}")}
        # A killed repeat leaves a folder such as `003-repeat1`, which is not a node's.
        self._with_outputs = {int(name) for name in found if name.isdecimal()}

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self._settings.seed

    def workspace(self, node: int) -> Path:
        return self._nodes_root / f"{node:03d}"

    def refit_workspace(self, node: int) -> Path:
        return self._nodes_root / f"{node:03d}{REFIT_SUFFIX}"

    def set_up(
        self,
        node: int,
        files: dict[str, str],
        parents: Sequence[str],
        message: str,
        faults: Sequence[str] = (),
        leaks: Leakage | None = None,
    ) -> Trial:
        """Commit the files and check them out; leftovers of a lost attempt are removed first.

        Args:
            node: number of the node.
            files: the repository's files.
            parents: parent commits.
            message: the commit message.
            faults: sentences that say why the files do not implement the idea.
            leaks: leakage findings in the code.
        """
        commit = self.lineage.commit(files, list(parents), message, node)
        workspace = self.workspace(node)
        self._check_out(files, workspace)
        leaks = leaks or Leakage()
        all_faults = (*faults, *check_repository(files), *leaks.faults)
        code = tree_hash(files)
        return Trial(
            node, commit, workspace, code, all_faults, bool(faults), leakage_findings=leaks.leakage_findings
        )

    def set_up_recorded(self, node: int, commit: str) -> Trial:
        """Check out a recorded revision for another execution."""
        files = self.lineage.read(commit)
        self._check_out(files, self.workspace(node))
        faults = tuple(check_repository(files))
        return Trial(node, commit, self.workspace(node), tree_hash(files), faults)

    def _check_out(self, files: dict[str, str], workspace: Path) -> None:
        try:
            if workspace.exists():
                shutil.rmtree(workspace)
            write_tree(files, workspace)
        except OSError as error:
            raise InfrastructureError(f"{workspace}: cannot be written ({error.strerror}).") from error

    def keep_outputs(self, nodes: set[int]) -> None:
        """Remove the raw outputs of all other nodes; on large data they take hundreds of MB each."""
        for node in self._with_outputs - nodes:
            for name in OUTPUT_FILES:
                (self.workspace(node) / name).unlink(missing_ok=True)
        self._with_outputs &= nodes

    def run(
        self,
        trial: Trial,
        limit_s: float,
        stop_check: StopCheck | None,
        smoke: bool,
        arguments: tuple[str, ...] = (),
        check: ResultCheck = lambda trial, result: result,
    ) -> NodeResult:
        """Execute a smoke run and the full run, then score. A failed candidate gives a failed result.

        Args:
            trial: the revision to execute.
            limit_s: time limit in seconds.
            stop_check: stops the execution early.
            smoke: whether a smoke run comes first.
            arguments: command-line arguments of the full run.
            check: check of a valid result, which may make it suspect.
        """
        if trial.faults:
            reason = " ".join(trial.faults[:3])
            stage: Stage = "idea" if trial.idea_failed else "check"
            return _failed(trial, reason, Failure(stage=stage, redacted_message=reason))
        smoke_seconds = 0.0
        if smoke and trial.code not in self._smoked:
            tested = self._execute(trial, min(SMOKE_LIMIT_S, limit_s), "smoke.log", ("--smoke",), stop_check)
            smoke_seconds = tested.seconds
            if tested.status != "ok":
                failure = self._failure("smoke", trial, tested)
                return _failed(trial, f"Smoke run: {tested.reason}", failure, smoke_seconds=smoke_seconds)
            self._smoked.add(trial.code)
        outcome = self._execute(trial, limit_s, "run.log", arguments, stop_check)
        result = self._scored(trial, outcome)
        if result.status == "valid":
            result = check(trial, result)
        if result.status == "valid":
            self._cache.promote(trial.node)
        self._cache.drop(trial.node)
        self._with_outputs.add(trial.node)
        return result.model_copy(update={"smoke_seconds": smoke_seconds})

    def run_module_test(
        self, trial: Trial, module: WrittenModule, limit_s: float, stop_check: StopCheck | None
    ) -> NodeResult | None:
        """Execute the test of a newly written module; return None if it passes."""
        limit_s = min(SMOKE_LIMIT_S, limit_s)
        outcome = self._execute(trial, limit_s, "test.log", (), stop_check, script=module.test_file)
        if outcome.status == "ok":
            return None
        failure = self._failure("test", trial, outcome)
        reason = f"Test of {module.file}: {outcome.reason}"
        return _failed(trial, reason, failure, smoke_seconds=outcome.seconds)

    @contextmanager
    def temporary_checkout(self, trial: Trial, mark: str) -> Iterator[Trial]:
        """Yield a temporary second checkout of the revision, next to the node's folder."""
        copy = trial.workspace.with_name(f"{trial.workspace.name}{mark}")
        self._check_out(self.lineage.read(trial.commit), copy)
        try:
            yield Trial(trial.node, trial.commit, copy, trial.code, ())
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def execute_with_metadata(
        self, trial: Trial, metadata: Path, limit_s: float, stop_check: StopCheck | None
    ) -> Outcome:
        """Execute once on other metadata than the prepared; the caches are discarded."""
        try:
            return self._execute(trial, limit_s, "run.log", (), stop_check, metadata=metadata)
        finally:
            self._cache.drop(trial.node, TEMPORARY_SUFFIX)

    def repeat(self, trial: Trial, number: int, limit_s: float) -> tuple[float | None, float]:
        """Execute the same code with another seed; return (score, seconds), score None on failure."""
        seed = self._settings.seed + SEED_STEP * number
        with self.temporary_checkout(trial, f"-repeat{number}") as copy:
            outcome = self._execute(copy, limit_s, "run.log", (), None, seed)
            result = self._scored(copy, outcome)
        self._cache.drop(trial.node)
        return (result.metric if result.status == "valid" else None), outcome.seconds

    def refit(
        self,
        node: int,
        commit: str,
        members: Sequence[int],
        limit_s: float,
        stop_check: StopCheck | None,
        *,
        save: bool = False,
    ) -> Outcome:
        """Execute a node's revision with `--refit` in a separate folder, using the node's frozen choices.

        Args:
            node: number of the node.
            commit: the revision.
            members: nodes that an ensemble blends; their frozen choices are used too.
            limit_s: time limit in seconds.
            stop_check: stops the execution early.
            save: keep the trained model and everything else below `working/`.

        Raises:
            InfrastructureError: the frozen choices of a node are missing.
        """
        copy = self.refit_workspace(node)
        self._check_out(self.lineage.read(commit), copy)
        places = {member: copy / "members" / f"{member:03d}" / FROZEN_FILE for member in members}
        try:
            for member, place in places.items():
                place.parent.mkdir(parents=True)
                shutil.copyfile(self.workspace(member) / FROZEN_FILE, place)
            trial = Trial(node, commit, copy, "", ())
            frozen = self.workspace(node) / FROZEN_FILE
            arguments = ("--refit", "--save") if save else ("--refit",)
            outcome = self._execute(trial, limit_s, "run.log", arguments, stop_check, frozen=frozen)
        except OSError as error:
            raise InfrastructureError(f"{error.filename}: cannot be read ({error.strerror}).") from error
        self._cache.drop(node)
        if not save:  # Outputs and copies of members are large, and nothing needs them; the submission stays.
            shutil.rmtree(copy / "working", ignore_errors=True)
        return outcome

    def _execute(
        self,
        trial: Trial,
        limit_s: float,
        log: str,
        arguments: tuple[str, ...],
        stop_check: StopCheck | None,
        seed: int | None = None,
        frozen: Path | None = None,
        script: str = "main.py",
        metadata: Path | None = None,
    ) -> Outcome:
        for name in ("working", "submission"):  # files of the smoke run must not count as results
            shutil.rmtree(trial.workspace / name, ignore_errors=True)
        if frozen is not None:
            (trial.workspace / FROZEN_FILE).parent.mkdir()
            shutil.copyfile(frozen, trial.workspace / FROZEN_FILE)
        self._link_weights(trial.workspace)
        is_full_run = script == "main.py" and "--smoke" not in arguments
        saving_s = SAVING_S if "--save" in arguments else 0.0
        with self._gpus.lease(stop_check) as gpu:
            job = Job(
                workspace=trial.workspace,
                input=self.prepared.input,
                metadata=metadata or self.prepared.metadata,
                seed=self._settings.seed if seed is None else seed,
                limits=Limits(time_s=limit_s + saving_s, memory_bytes=self._memory_bytes),
                time_hint_s=limit_s * TIME_HINT_SHARE,
                threads=self._settings.threads,
                cache=self._cache.open(trial.node, TEMPORARY_SUFFIX * bool(metadata))
                if is_full_run
                else None,
                gpu=gpu,
                script=script,
                arguments=arguments,
                log_name=log,
            )
            return self._executor.execute(job, stop_check)

    def _failure(self, stage: Stage, trial: Trial, outcome: Outcome) -> Failure:
        redacted = None
        if outcome.status == "failed":
            files = self.lineage.read(trial.commit)
            redacted = redact_exception(read_log(outcome.log), trial.workspace.resolve(), files)
        if redacted is None:
            return Failure(stage=stage, redacted_message=outcome.reason)
        return Failure(stage=stage, redacted_message=redacted.sentence, frames=redacted.frames)

    def _link_weights(self, workspace: Path) -> None:
        """Link the user's weights into the workspace; links out of it are removed after each execution.

        A smoke run may have left anything, so only real folders of the workspace get a link.
        """
        members = workspace / "members"
        inside = members.iterdir() if _is_real_folder(members) else ()
        for folder in (workspace, *filter(_is_real_folder, inside)):
            if self._weights.is_dir() and not os.path.lexists(folder / "weights"):
                (folder / "weights").symlink_to(self._weights)

    def _scored(self, trial: Trial, outcome: Outcome) -> NodeResult:
        curve = thin_curve(ProgressReader(trial.progress_file).poll())
        if outcome.status != "ok":
            pruned = outcome.stop is not None and outcome.stop.kind == "pruned"
            failed = _failed(trial, outcome.reason, self._failure("run", trial, outcome), outcome.seconds)
            return failed.model_copy(update={"status": "pruned" if pruned else "failed", "curve": curve})
        analysis = read_analysis(trial.workspace / "working" / "analysis.json")
        seconds = outcome.seconds
        try:
            printed = parse_printed_metric(read_log(outcome.log))
            evaluation = evaluate(self.prepared, trial.workspace, printed, run_script)
        except MarsError as error:
            return _failed(trial, str(error), scoring_failure(error), seconds)
        if evaluation.fault is not None:
            fault = SubmissionError(evaluation.fault)
            failed = _failed(trial, evaluation.fault, scoring_failure(fault), seconds)
            return failed.model_copy(update={"curve": curve})
        return NodeResult(
            status="suspect" if evaluation.suspect else "valid",
            reason=evaluation.suspect or "",
            commit=trial.commit,
            seconds=seconds,
            cache_seconds=cache_seconds(analysis, seconds),
            metric=evaluation.validation,
            metric_se=evaluation.validation_error,
            audit_metric=evaluation.audit,
            audit_se=evaluation.audit_error,
            curve=curve,
            facts=facts(analysis),
        )


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _failed(
    trial: Trial, reason: str, failure: Failure, seconds: float = 0.0, smoke_seconds: float = 0.0
) -> NodeResult:
    return NodeResult(
        status="failed",
        reason=reason,
        failure=failure,
        commit=trial.commit,
        seconds=seconds,
        smoke_seconds=smoke_seconds,
    )


def scoring_failure(error: MarsError) -> Failure:
    """Return the failure of predictions that could not be scored, without values from the data.

    An error of a competition's own metric may quote answers that redaction cannot recognise, so its message
    is replaced.
    """
    if not isinstance(error, SubmissionError):
        return Failure(stage="score", redacted_message="The metric failed on these predictions.")
    return Failure(stage="score", redacted_message=redact_values(str(error)))
