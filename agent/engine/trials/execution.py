"""Execution of one trial: a clean workspace, weights, a GPU, a cache and limits become a job."""

import os
from dataclasses import dataclass
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.core.contract import (
    MAIN,
    MEMBERS_FOLDER,
    RUN_LOG,
    SAVE,
    SMOKE,
    SUBMISSION_FOLDER,
    WEIGHTS_FOLDER,
    WORKING_FOLDER,
)
from agent.core.trees import remove_tree
from agent.engine.trials.attempts import give_checkpoint
from agent.engine.trials.checkout import copy_frozen, copy_models
from agent.engine.trials.trial import Trial
from agent.execution.base import Executor, Job, Limits, Outcome, StopCheck
from agent.execution.cache_layers import CacheLayers
from agent.execution.gpus import GpuLeases
from agent.execution.hardware import memory_bytes
from agent.record.events import RunSettings

# Share of the time limit that is passed to a candidate; the rest covers start-up, which it cannot time.
TIME_HINT_SHARE = 0.85
# Extra seconds of an execution that saves its model, for imports and for writing.
SAVING_S = 30.0
MEMORY_SHARE = 0.8  # share of the machine's memory that the workers divide
TEMPORARY_SUFFIX = "-aside"  # suffix of the private cache of an execution on other metadata


@dataclass(frozen=True)
class ExecutionRequest:
    """How one execution of a trial differs from a plain run of `main.py`."""

    arguments: tuple[str, ...] = ()
    log: str = RUN_LOG
    script: str = MAIN
    seed: int | None = None
    """Seed of the candidate; None: the run's seed."""
    frozen: Path | None = None
    """Workspace whose frozen choices the candidate finds in its own."""
    checkpoint: Path | None = None
    """Folder that may hold the checkpoint of an interrupted attempt; it moves into the workspace."""
    folds: int | None = None
    """Number of folds to execute, from fold 0; None: all."""
    model: Path | None = None
    """Workspace whose trained model, of members too, the candidate finds in its own."""
    metadata: Path | None = None
    """Tables instead of the prepared ones; the cache is then private and never shared."""
    input: Path | None = None
    """Folder of media instead of the prepared one."""

    @property
    def is_full_run(self) -> bool:
        """Whether the execution runs the whole solution, and so may use caches."""
        return self.script == MAIN and SMOKE not in self.arguments


class TrialExecution:
    """Executes the trials of one run.

    Args:
        executor: Runs the jobs.
        prepared: The prepared competition.
        settings: The settings of the run: seed, threads, workers.
        cache: Caches of the candidates.
        weights: Folder of the user's pretrained weights; need not exist.
        gpus: Leases of the GPUs; None: no candidate gets a GPU of its own.
    """

    def __init__(
        self,
        executor: Executor,
        prepared: Prepared,
        settings: RunSettings,
        cache: CacheLayers,
        weights: Path,
        gpus: GpuLeases | None = None,
    ) -> None:
        self._executor = executor
        self._prepared = prepared
        self._settings = settings
        self._cache = cache
        self._weights = weights
        self._gpus = gpus or GpuLeases(())
        self._memory_bytes = int(MEMORY_SHARE * memory_bytes() / settings.workers)

    def execute(
        self,
        trial: Trial,
        limit_s: float,
        stop_check: StopCheck | None,
        request: ExecutionRequest | None = None,
    ) -> Outcome:
        """Execute a trial and return how the execution ended.

        Args:
            trial: The revision to execute. Results of an earlier execution are removed from its workspace.
            limit_s: Time limit in seconds.
            stop_check: Stops the execution early, also while it waits for a GPU.
            request: What to execute; None: a plain run.

        Raises:
            InfrastructureError: The frozen choices are missing, or the machine failed.
        """
        request = request or ExecutionRequest()
        for name in (WORKING_FOLDER, SUBMISSION_FOLDER):  # files of the smoke run must not count as results
            remove_tree(trial.workspace / name)
        if request.frozen is not None:
            copy_frozen(request.frozen, trial.workspace)
        if request.model is not None:
            copy_models(request.model, trial.workspace)
        if request.checkpoint is not None:
            give_checkpoint(request.checkpoint, trial.workspace)
        link_weights(self._weights, trial.workspace)
        with self._gpus.lease(stop_check) as gpu:
            return self._executor.execute(self._job(trial, limit_s, request, gpu), stop_check)

    def share_cache(self, node: int) -> None:
        """Let later candidates read the cache that a valid node has built."""
        self._cache.promote(node)

    def drop_cache(self, node: int) -> None:
        """Delete what is left of the cache that the node has built."""
        self._cache.drop(node)

    def drop_temporary_cache(self, node: int) -> None:
        """Delete the cache of an execution on other metadata."""
        self._cache.drop(node, TEMPORARY_SUFFIX)

    def _job(self, trial: Trial, limit_s: float, request: ExecutionRequest, gpu: str | None) -> Job:
        cache = None
        if request.is_full_run:
            cache = self._cache.open(trial.node, TEMPORARY_SUFFIX if request.metadata else "")
        saving_s = SAVING_S if SAVE in request.arguments else 0.0
        return Job(
            workspace=trial.workspace,
            input=request.input or self._prepared.input,
            metadata=request.metadata or self._prepared.metadata,
            seed=self._settings.seed if request.seed is None else request.seed,
            limits=Limits(time_s=limit_s + saving_s, memory_bytes=self._memory_bytes),
            time_hint_s=limit_s * TIME_HINT_SHARE,
            threads=self._settings.threads,
            cache=cache,
            folds=request.folds,
            gpu=gpu,
            script=request.script,
            arguments=request.arguments,
            log_name=request.log,
        )


def link_weights(weights: Path, workspace: Path) -> None:
    """Link the user's weights into the workspace; links out of it are removed after each execution.

    A smoke run may have left anything, so only real folders of the workspace get a link.
    """
    if not weights.is_dir():
        return
    members = workspace / MEMBERS_FOLDER
    inside = members.iterdir() if _is_real_folder(members) else ()
    for folder in (workspace, *filter(_is_real_folder, inside)):
        if not os.path.lexists(folder / WEIGHTS_FOLDER):
            (folder / WEIGHTS_FOLDER).symlink_to(weights)


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
