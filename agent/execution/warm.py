"""Forks candidates from servers that have imported the family's libraries already."""

import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.errors import InfrastructureError, SetupError
from agent.execution.allowlist import is_below
from agent.execution.base import Guarantees, Job, Outcome, Watch
from agent.execution.bubblewrap import View, unique
from agent.execution.candidate import conclude, job_log, job_task, run_supervised
from agent.execution.isolation import Isolation
from agent.execution.server import DEATH_SHOWS_WITHIN_S, ForkServer, ServerGoneError

_ATTEMPTS = 2


class _NeverStartedError(Exception):
    """The process that was to run a job was killed before it began; another one can."""


class WarmExecutor:
    """Keeps one fork server per number of threads, for thread pools take theirs when they are imported.

    A server starts with the first job that needs it. One that died is replaced once per job, and the job
    starts over; so it does where only the process died that waited for it.
    """

    def __init__(
        self,
        isolation: Isolation,
        nodes_root: Path,
        preload: Sequence[str],
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
    ) -> None:
        self._isolation = isolation
        self._preload = tuple(preload)
        self._readable = unique(readable)
        self._writable = unique([nodes_root, *writable])
        self._servers: dict[int, ForkServer] = {}
        self._lock = threading.Lock()

    @property
    def guarantees(self) -> Guarantees:
        return self._isolation.guarantees(warm=True)

    def start(self, threads: int = 1) -> None:
        """Begins to import in the background, so that the first job need not wait for all of it."""
        self._server(threads)

    def execute(self, job: Job, watch: Watch | None = None) -> Outcome:
        job = job.resolved()
        self._check_paths(job)
        for _ in range(_ATTEMPTS):
            server = self._server(job.threads)
            server.wait_until_ready()
            try:
                return self._attempt(server, job, watch)
            except ServerGoneError:
                self._discard(job.threads, server)
            except _NeverStartedError:
                continue
        raise InfrastructureError(
            "What starts candidates was killed twice; free some memory, or run with --cold."
        )

    def close(self) -> None:
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()

    def _attempt(self, server: ForkServer, job: Job, watch: Watch | None) -> Outcome:
        task = job_task(job, self._isolation, self._readable, warm=True)

        def launch(channel: socket.socket, output: int) -> None:
            server.submit(channel, output)

        with job_log(job) as log:
            ending = run_supervised(task, launch, log, job.limits.time_s, watch)
            if ending.kind in ("lost", "never started") and server.is_gone(DEATH_SHOWS_WITHIN_S):
                raise ServerGoneError
            if ending.kind == "never started":
                raise _NeverStartedError
            return conclude(ending, job, log)

    def _server(self, threads: int) -> ForkServer:
        with self._lock:
            server = self._servers.get(threads)
            if server is None:
                view = View(readable=self._readable, writable=self._writable, scratch=None)
                server = ForkServer(self._isolation, view, self._preload, threads)
                self._servers[threads] = server
            return server

    def _discard(self, threads: int, server: ForkServer) -> None:
        """Forgets a dead server, unless another thread has replaced it already."""
        with self._lock:
            if self._servers.get(threads) is server:
                del self._servers[threads]
                server.close()

    def _check_paths(self, job: Job) -> None:
        """A server's sandbox is made once, so that it can show later only what was named then."""
        written = [job.workspace, *([] if job.cache is None else [job.cache])]
        for path in written:
            if not is_below(path, self._writable):
                raise SetupError(f"{path}: warm candidates can write only below {self._writable[0]}.")
        for path in (job.input, job.metadata):
            if not is_below(path, [*self._readable, *self._writable]):
                raise SetupError(f"{path}: warm candidates cannot read it; name it when the run starts.")
