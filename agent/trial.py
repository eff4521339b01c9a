"""One trial: files become a commit, a workspace, an execution and a scored result."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import evaluate, parse_printed_metric
from agent.competition.prepared import Prepared
from agent.competition.untrusted import SubmissionError
from agent.errors import InfrastructureError, MarsError
from agent.execution import run_script
from agent.execution.base import Executor, Job, Limits, Outcome, Watch
from agent.execution.gpus import GpuLeases
from agent.execution.hardware import memory_bytes
from agent.execution.layers import CacheLayers
from agent.execution.progress import ProgressReader
from agent.execution.telling import tell_exception, without_values
from agent.record.events import Failure, NodeResult, RunSettings, Stage
from agent.reported import cache_seconds, facts, read_analysis, read_log, thinned
from agent.repository.checks import check_repository
from agent.repository.idea import WrittenModule
from agent.repository.leakage import Leakage
from agent.repository.lineage import Lineage
from agent.repository.render import tree_hash, write_tree

SMOKE_LIMIT_S = 60.0
# The part of its limit that a candidate is told of; the rest is for what its own clock cannot see.
TOLD_SHARE = 0.85
# Beside its limit where it keeps what it learns: libraries that write that are imported, and it is written.
SAVING_S = 30.0
SEED_STEP = 1000  # repeats use the run's seed plus a multiple of this
FROZEN = "working/frozen.json"  # what a node decided by its validation rows or under its time limit
REFIT = "-refit"  # ends the name of the folder that a node is refitted in
ASIDE = "-aside"  # ends the name of the cache of an execution that leaves nothing behind
OUTPUTS = ("working/val_outputs.npz", "working/test_outputs.npz")  # raw, for ensembles
MEMORY_SHARE = 0.8  # of the machine's, shared by the workers


@dataclass(frozen=True)
class Trial:
    """A committed revision, checked out and ready to be executed."""

    node: int
    commit: str
    workspace: Path
    code: str  # hash of the code, without the words
    faults: tuple[str, ...]  # of its idea, then against the repository contract
    idea_failed: bool = False  # what its idea wants cannot be made
    doubts: tuple[str, ...] = ()  # what its code, read, seems to leak

    @property
    def progress_file(self) -> Path:
        return self.workspace / "working" / "progress.jsonl"


Doubt = Callable[[Trial, NodeResult], NodeResult]
"""What becomes of a valid result on a closer look, before anything that the candidate built is shared."""


class Bench:
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
        found = {file.parts[-3] for file in nodes_root.glob(f"[0-9]*/{OUTPUTS[0]}")}
        # What a killed run leaves of a repeat, `003-repeat1`, is no node.
        self._with_outputs = {int(name) for name in found if name.isdecimal()}

    @property
    def seed(self) -> int:
        """The run's."""
        return self._settings.seed

    def workspace(self, node: int) -> Path:
        return self._nodes_root / f"{node:03d}"

    def refit_workspace(self, node: int) -> Path:
        return self._nodes_root / f"{node:03d}{REFIT}"

    def set_up(
        self,
        node: int,
        files: dict[str, str],
        parents: Sequence[str],
        message: str,
        faults: Sequence[str] = (),
        read: Leakage | None = None,
    ) -> Trial:
        """Commits the files and checks them out; a lost attempt's leftovers are removed first.

        `faults` are those of the idea, sentences that say why the files are not what it wants; `read` is what
        their code seems to leak.
        """
        commit = self.lineage.commit(files, list(parents), message, node)
        workspace = self.workspace(node)
        self._check_out(files, workspace)
        read = read or Leakage()
        all_faults = (*faults, *check_repository(files), *read.faults)
        code = tree_hash(files)
        return Trial(node, commit, workspace, code, all_faults, bool(faults), doubts=read.doubts)

    def set_up_again(self, node: int, commit: str) -> Trial:
        """A recorded revision, checked out for another execution."""
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
        """Drops the raw outputs (hundreds of MB each on large data) of all other nodes."""
        for node in self._with_outputs - nodes:
            for name in OUTPUTS:
                (self.workspace(node) / name).unlink(missing_ok=True)
        self._with_outputs &= nodes

    def run(
        self,
        trial: Trial,
        limit_s: float,
        watch: Watch | None,
        smoke: bool,
        arguments: tuple[str, ...] = (),
        doubt: Doubt = lambda trial, result: result,
    ) -> NodeResult:
        """Smoke run, full run with the arguments, score. A candidate's fault is a result, no exception.

        What is valid by then stays so if `doubt` leaves it so.
        """
        if trial.faults:
            reason = " ".join(trial.faults[:3])
            stage: Stage = "idea" if trial.idea_failed else "check"
            return _failed(trial, reason, Failure(stage=stage, told=reason))
        smoke_seconds = 0.0
        if smoke and trial.code not in self._smoked:
            tested = self._execute(trial, min(SMOKE_LIMIT_S, limit_s), "smoke.log", ("--smoke",), watch)
            smoke_seconds = tested.seconds
            if tested.status != "ok":
                failure = self._failure("smoke", trial, tested)
                return _failed(trial, f"Smoke run: {tested.reason}", failure, smoke_seconds=smoke_seconds)
            self._smoked.add(trial.code)
        outcome = self._execute(trial, limit_s, "run.log", arguments, watch)
        result = self._scored(trial, outcome)
        if result.status == "valid":
            result = doubt(trial, result)
        if result.status == "valid":
            self._cache.promote(trial.node)
        self._cache.drop(trial.node)
        self._with_outputs.add(trial.node)
        return result.model_copy(update={"smoke_seconds": smoke_seconds})

    def exercise(
        self, trial: Trial, module: WrittenModule, limit_s: float, watch: Watch | None
    ) -> NodeResult | None:
        """Executes the test of a module that was just written; None where it passes."""
        limit_s = min(SMOKE_LIMIT_S, limit_s)
        outcome = self._execute(trial, limit_s, "test.log", (), watch, script=module.test_file)
        if outcome.status == "ok":
            return None
        failure = self._failure("test", trial, outcome)
        reason = f"Test of {module.file}: {outcome.reason}"
        return _failed(trial, reason, failure, smoke_seconds=outcome.seconds)

    @contextmanager
    def aside(self, trial: Trial, mark: str) -> Iterator[Trial]:
        """The revision checked out once more, beside the node's folder; it is gone afterwards."""
        copy = trial.workspace.with_name(f"{trial.workspace.name}{mark}")
        self._check_out(self.lineage.read(trial.commit), copy)
        try:
            yield Trial(trial.node, trial.commit, copy, trial.code, ())
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def execute_on(self, trial: Trial, metadata: Path, limit_s: float, watch: Watch | None) -> Outcome:
        """One execution on other metadata than the prepared; what it caches, nobody gets."""
        try:
            return self._execute(trial, limit_s, "run.log", (), watch, metadata=metadata)
        finally:
            self._cache.drop(trial.node, ASIDE)

    def repeat(self, trial: Trial, number: int, limit_s: float) -> tuple[float | None, float]:
        """(score, seconds) of the same code with another seed; the score is None when it failed."""
        seed = self._settings.seed + SEED_STEP * number
        with self.aside(trial, f"-repeat{number}") as again:
            outcome = self._execute(again, limit_s, "run.log", (), None, seed)
            result = self._scored(again, outcome)
        self._cache.drop(trial.node)
        return (result.metric if result.status == "valid" else None), outcome.seconds

    def refit(
        self,
        node: int,
        commit: str,
        members: Sequence[int],
        limit_s: float,
        watch: Watch | None,
        *,
        save: bool = False,
    ) -> Outcome:
        """Executes a node's revision in a folder of its own with `--refit`, bound to what the node decided.

        `members` are the nodes that an ensemble blends; they decided too. With `save` it keeps what it
        learns, and all else below `working/` stays too.

        Raises:
            InfrastructureError: what a node decided is not there (any more).
        """
        copy = self.refit_workspace(node)
        self._check_out(self.lineage.read(commit), copy)
        places = {member: copy / "members" / f"{member:03d}" / FROZEN for member in members}
        try:
            for member, place in places.items():
                place.parent.mkdir(parents=True)
                shutil.copyfile(self.workspace(member) / FROZEN, place)
            trial = Trial(node, commit, copy, "", ())
            frozen = self.workspace(node) / FROZEN
            arguments = ("--refit", "--save") if save else ("--refit",)
            outcome = self._execute(trial, limit_s, "run.log", arguments, watch, frozen=frozen)
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
        watch: Watch | None,
        seed: int | None = None,
        frozen: Path | None = None,
        script: str = "main.py",
        metadata: Path | None = None,
    ) -> Outcome:
        for name in ("working", "submission"):  # what the smoke run left must not pass for a result
            shutil.rmtree(trial.workspace / name, ignore_errors=True)
        if frozen is not None:
            (trial.workspace / FROZEN).parent.mkdir()
            shutil.copyfile(frozen, trial.workspace / FROZEN)
        self._link_weights(trial.workspace)
        earnest = script == "main.py" and "--smoke" not in arguments
        saving_s = SAVING_S if "--save" in arguments else 0.0
        with self._gpus.lease(watch) as gpu:
            job = Job(
                workspace=trial.workspace,
                input=self.prepared.input,
                metadata=metadata or self.prepared.metadata,
                seed=self._settings.seed if seed is None else seed,
                limits=Limits(time_s=limit_s + saving_s, memory_bytes=self._memory_bytes),
                time_hint_s=limit_s * TOLD_SHARE,
                threads=self._settings.threads,
                cache=self._cache.open(trial.node, ASIDE * bool(metadata)) if earnest else None,
                gpu=gpu,
                script=script,
                arguments=arguments,
                log_name=log,
            )
            return self._executor.execute(job, watch)

    def _failure(self, stage: Stage, trial: Trial, outcome: Outcome) -> Failure:
        told = None
        if outcome.status == "failed":
            files = self.lineage.read(trial.commit)
            told = tell_exception(read_log(outcome.log), trial.workspace.resolve(), files)
        if told is None:
            return Failure(stage=stage, told=outcome.reason)
        return Failure(stage=stage, told=told.sentence, frames=told.frames)

    def _link_weights(self, workspace: Path) -> None:
        """Anew for every execution: afterwards, links that lead out of the workspace are removed.

        A smoke run may have left anything there; what is no folder of the workspace's own gets no link.
        """
        members = workspace / "members"
        inside = members.iterdir() if _is_real_folder(members) else ()
        for folder in (workspace, *filter(_is_real_folder, inside)):
            if self._weights.is_dir() and not os.path.lexists(folder / "weights"):
                (folder / "weights").symlink_to(self._weights)

    def _scored(self, trial: Trial, outcome: Outcome) -> NodeResult:
        curve = thinned(ProgressReader(trial.progress_file).poll())
        if outcome.status != "ok":
            pruned = outcome.status == "stopped" and outcome.reason.startswith("pruned")
            failed = _failed(trial, outcome.reason, self._failure("run", trial, outcome), outcome.seconds)
            return failed.model_copy(update={"status": "pruned" if pruned else "failed", "curve": curve})
        analysis = read_analysis(trial.workspace / "working" / "analysis.json")
        seconds = outcome.seconds
        try:
            printed = parse_printed_metric(read_log(outcome.log))
            evaluation = evaluate(self.prepared, trial.workspace, printed, run_script)
        except MarsError as error:
            return _failed(trial, str(error), unscored(error), seconds)
        if evaluation.fault is not None:
            fault = SubmissionError(evaluation.fault)
            failed = _failed(trial, evaluation.fault, unscored(fault), seconds)
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


def unscored(error: MarsError) -> Failure:
    """Of predictions that have no score, what may be told: a sentence about them may quote them.

    What a competition's own metric says when it fails may quote answers, with nothing to tell them by.
    """
    if not isinstance(error, SubmissionError):
        return Failure(stage="score", told="What computes the metric failed on these predictions.")
    return Failure(stage="score", told=without_values(str(error)))
