"""What every executor promises: a Job goes in, an Outcome comes out, nothing outlives it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

Status = Literal["ok", "failed", "timeout", "stopped", "memory"]

Watch = Callable[[float], str | None]
"""Called about five times a second with the elapsed seconds; a returned sentence stops the run."""


@dataclass(frozen=True)
class Limits:
    """What one execution may use."""

    time_s: float = 3600.0
    """Wall clock, hard: every process is dead soon after."""
    memory_bytes: int | None = None
    """Private memory of each process (RLIMIT_DATA); None leaves it to the machine."""
    file_bytes: int = 8 * 2**30
    """The largest file it may write."""
    processes: int = 512
    """Processes and threads at once; needs a user namespace of its own and a user other than root."""
    output_bytes: int = 1_000_000
    """What is kept of stdout and stderr together, half from the start and half from the end."""


@dataclass(frozen=True)
class Job:
    """One run of a solution's repository."""

    workspace: Path
    """The checked-out repository; the only folder, with `cache`, that the candidate may write."""
    input: Path
    """Prepared media, read-only; linked as `input` in the workspace."""
    metadata: Path
    """Prepared tables, read-only; linked as `metadata` in the workspace."""
    seed: int
    limits: Limits
    time_hint_s: float
    """MARS_TIME_LIMIT_S: when the candidate should end by itself."""
    threads: int = 1
    cache: Path | None = None
    """MARS_CACHE_DIR: private, writable."""
    gpu: str | None = None
    """CUDA_VISIBLE_DEVICES: the GPU that is leased to it; None leaves what the user's environment says."""
    arguments: tuple[str, ...] = ()
    script: str = "main.py"
    """What is executed, relative to the workspace, which is the first place that it imports from."""
    log_name: str = "run.log"
    """The bounded log's name below `.mars/` in the workspace."""

    def resolved(self) -> "Job":
        """The same job with absolute paths that lead through no link."""
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
    """As `subprocess` gives it (negative: a signal); None if it was killed by the harness."""
    seconds: float
    log: Path
    reason: str
    """One sentence. Of a failure the exception's type and place, never its message: that may quote data."""


@dataclass(frozen=True)
class Guarantees:
    """Which protections hold on this machine for one executor."""

    network_blocked: bool
    inputs_read_only: bool
    home_hidden: bool
    process_tree_dies: bool
    memory_limited: bool
    writes_confined: bool

    def missing(self) -> list[str]:
        """One sentence per protection that does not hold."""
        sentences = {
            "network_blocked": "Candidates can reach the network.",
            "inputs_read_only": "Candidates could change the prepared data.",
            "home_hidden": "Candidates can read whatever you can read: your home, keys, the private answers.",
            "process_tree_dies": "Processes that a candidate starts may outlive it.",
            "memory_limited": "A candidate's memory is not limited.",
            "writes_confined": "Candidates can write outside their own workspace.",
        }
        return [sentence for name, sentence in sentences.items() if not getattr(self, name)]


class Executor(Protocol):
    """Runs jobs; thread-safe, several at once."""

    @property
    def guarantees(self) -> Guarantees:
        """What this executor holds candidates to."""
        ...

    def execute(self, job: Job, watch: Watch | None = None) -> Outcome:
        """Runs the job's script in its workspace and waits for its end.

        A candidate that fails is an Outcome. Raises SetupError if the job cannot run here as it is given,
        InfrastructureError if the machine fails. On KeyboardInterrupt the candidate is killed first.
        """
        ...

    def close(self) -> None:
        """Frees what the executor holds; it cannot execute afterwards."""
        ...
