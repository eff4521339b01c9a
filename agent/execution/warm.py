"""Warm execution: fork candidates from servers that have already imported the family's libraries."""

import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.core.errors import InfrastructureError, SetupError
from agent.execution.allowlist import is_below
from agent.execution.base import Guarantees, Job, Outcome, StopCheck
from agent.execution.bounded_log import BoundedLog
from agent.execution.bubblewrap import VisiblePaths, unique_paths
from agent.execution.candidate import execute_logged, make_outcome, make_task, run_supervised
from agent.execution.isolation import Isolation
from agent.execution.server import DEATH_DETECTION_S, ForkServer, ServerDiedError
from agent.execution.setup import ExecutorSetup

_ATTEMPTS = 2
LATER_AFTER_S = 8.0  # age of a server that imports what only some candidates need; short runs need none of it


class _NotStartedError(Exception):
    """The process for a job was killed before the job began; another process can run the job."""


def make_warm(setup: ExecutorSetup) -> "WarmExecutor":
    """The registry's entry."""
    return WarmExecutor(
        setup.isolation,
        setup.nodes_root,
        setup.preload,
        setup.readable,
        setup.writable,
        setup.preload_later,
        setup.named,
    )


class WarmExecutor:
    """Keeps one fork server per thread count, because thread pools fix their size at import.

    A server starts with the first job that needs it. If the server, or the process waiting for the job, dies,
    the job starts over once.
    """

    def __init__(
        self,
        isolation: Isolation,
        nodes_root: Path,
        preload: Sequence[str],
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        preload_later: Sequence[str] = (),
        named: Sequence[Path] = (),
    ) -> None:
        self._isolation = isolation
        self._preload, self._preload_later = tuple(preload), tuple(preload_later)
        self._readable = unique_paths(readable)
        self._visible = unique_paths([*readable, *named])  # to the server; Landlock confines its children
        self._writable = unique_paths([nodes_root, *writable])
        self._servers: dict[int, ForkServer] = {}
        self._lock = threading.Lock()

    @property
    def guarantees(self) -> Guarantees:
        return self._isolation.guarantees(warm=True)

    def start(self, threads: int = 1) -> None:
        """Start importing in the background, to shorten the wait of the first job."""
        self._server(threads)

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        job = job.resolved()
        self._check_paths(job)
        for _ in range(_ATTEMPTS):
            server = self._server(job.threads)
            server.wait_until_ready()
            try:
                return self._attempt(server, job, stop_check)
            except ServerDiedError:
                self._discard(job.threads, server)
            except _NotStartedError:
                continue
        raise InfrastructureError(
            "The fork server of the candidates was killed twice; free some memory, or run with --cold."
        )

    def close(self) -> None:
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()

    def _attempt(self, server: ForkServer, job: Job, stop_check: StopCheck | None) -> Outcome:
        task = make_task(job, self._isolation, self._readable, warm=True)

        def launch(channel: socket.socket, output: int) -> None:
            server.submit(channel, output)

        def run(log: BoundedLog) -> Outcome:
            termination = run_supervised(task, launch, log, job.limits.time_s, stop_check)
            if termination.kind in ("lost", "never started") and server.has_exited(DEATH_DETECTION_S):
                raise ServerDiedError
            if termination.kind == "never started":
                raise _NotStartedError
            return make_outcome(termination, job, log)

        return execute_logged(job, run)

    def _server(self, threads: int) -> ForkServer:
        with self._lock:
            server = self._servers.get(threads)
            if server is None:
                view = VisiblePaths(readable=self._visible, writable=self._writable, scratch=None)
                server = ForkServer(
                    self._isolation, view, self._preload, self._preload_later, LATER_AFTER_S, threads
                )
                self._servers[threads] = server
            return server

    def _discard(self, threads: int, server: ForkServer) -> None:
        """Remove a dead server, unless another thread has already replaced it."""
        with self._lock:
            if self._servers.get(threads) is server:
                del self._servers[threads]
                server.close()

    def _check_paths(self, job: Job) -> None:
        """Raise SetupError for paths that the server's sandbox, fixed at its start, does not show."""
        writes = [job.workspace, *([] if job.cache is None else [job.cache])]
        for path in writes:
            if not is_below(path, self._writable):
                raise SetupError(f"{path}: warm candidates may write only below {self._writable[0]}.")
        for path in (job.input, job.metadata):
            if not is_below(path, [*self._visible, *self._writable]):
                raise SetupError(
                    f"{path}: warm candidates cannot read this folder; name the folder when the run starts."
                )
