"""The executor interface: a Job goes in, an Outcome comes out, and no process outlives the call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from agent.core.contract import MAIN, RUN_LOG

Status = Literal["ok", "failed", "timeout", "stopped", "memory"]


@dataclass(frozen=True)
class StopReason:
    """Why a watch stops an execution before its time limit."""

    kind: Literal["pruned", "interrupted", "time"]
    sentence: str


StopCheck = Callable[[float], StopReason | None]
"""Callback, called about five times a second with the elapsed seconds; a returned reason stops the run."""


@dataclass(frozen=True)
class Limits:
    """Resource limits of one execution."""

    time_s: float = 3600.0
    """Hard wall-clock limit in seconds; every process is killed within seconds after the limit."""
    memory_bytes: int | None = None
    """Private memory per process in bytes (RLIMIT_DATA); None: no limit."""
    file_bytes: int = 8 * 2**30
    """Size limit of each written file, in bytes."""
    processes: int = 512
    """Concurrent processes and threads. Enforced only in a separate user namespace and for non-root users."""
    output_bytes: int = 1_000_000
    """Bytes kept of stdout and stderr together: one half from the start, the other from the end."""


@dataclass(frozen=True)
class Job:
    """One run of a solution's repository."""

    workspace: Path
    """The checked-out repository. The candidate may write only here and in `cache`."""
    input: Path
    """Prepared media, read-only, linked as `input` in the workspace."""
    metadata: Path
    """Prepared tables, read-only, linked as `metadata` in the workspace."""
    seed: int
    limits: Limits
    time_hint_s: float
    """MARS_TIME_LIMIT_S: seconds after which the candidate should end by itself."""
    threads: int = 1
    cache: Path | None = None
    """MARS_CACHE_DIR: private, writable."""
    folds: int | None = None
    """MARS_FOLDS: number of folds to execute, from fold 0; None: all, and no variable."""
    gpu: str | None = None
    """CUDA_VISIBLE_DEVICES: the leased GPU; None keeps the value of the user's environment."""
    arguments: tuple[str, ...] = ()
    script: str = MAIN
    """Executed script, relative to the workspace. The workspace comes first on the import path."""
    log_name: str = RUN_LOG
    """File name of the bounded log, below `.mars/` in the workspace."""

    def resolved(self) -> "Job":
        """Return the same job with absolute paths, symbolic links resolved."""
        return replace(
            self,
            workspace=self.workspace.resolve(),
            input=self.input.resolve(),
            metadata=self.metadata.resolve(),
            cache=None if self.cache is None else self.cache.resolve(),
        )


@dataclass(frozen=True)
class Outcome:
    """How an execution ended."""

    status: Status
    returncode: int | None
    """As in `subprocess` (negative: a signal); None if the harness killed the candidate."""
    seconds: float
    log: Path
    reason: str
    """One sentence. A failure names the exception's type and location; the message may quote data."""
    stop: StopReason | None = None
    """Why a watch stopped the candidate; None for every other status than `stopped`."""


@dataclass(frozen=True)
class Guarantees:
    """Protections that one executor provides on this machine."""

    network_blocked: bool
    inputs_read_only: bool
    home_hidden: bool
    process_tree_dies: bool
    memory_limited: bool
    writes_confined: bool

    def missing(self) -> list[str]:
        """Return one sentence for each protection that is missing."""
        sentences = {
            "network_blocked": "Candidates can reach the network.",
            "inputs_read_only": "Candidates can change the prepared data.",
            "home_hidden": (
                "Candidates can read all files that you can read: home folder, keys, private answers."
            ),
            "process_tree_dies": "Processes that a candidate starts may outlive the candidate.",
            "memory_limited": "The memory of candidates is not limited.",
            "writes_confined": "Candidates can write outside their own workspace.",
        }
        return [sentence for name, sentence in sentences.items() if not getattr(self, name)]


class Executor(Protocol):
    """Runs jobs. Thread-safe: several jobs may run at once."""

    @property
    def guarantees(self) -> Guarantees:
        """Protections that this executor provides."""
        ...

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        """Run the job's script in its workspace and wait for the end.

        A KeyboardInterrupt kills the candidate first.

        Args:
            job: The job to run.
            stop_check: Callback that may stop the run with a reason.

        Returns:
            The outcome; a failed candidate is an outcome, not an exception.

        Raises:
            SetupError: The job cannot run with these settings.
            InfrastructureError: The machine failed.
        """
        ...

    def close(self) -> None:
        """Release all resources; the executor cannot run jobs afterwards."""
        ...
