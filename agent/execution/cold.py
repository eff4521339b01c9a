"""One interpreter per job, started afresh: through bubblewrap where there is one."""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.errors import InfrastructureError
from agent.execution.base import Guarantees, Job, Outcome, Watch
from agent.execution.boundedlog import BoundedLog
from agent.execution.bubblewrap import View, sandboxed, unique
from agent.execution.candidate import conclude, job_log, job_task, run_supervised
from agent.execution.following import Ending
from agent.execution.inside.task import Task
from agent.execution.isolation import INSIDE, Isolation, inside_command
from agent.execution.workspace import scratch_folder

_GONE_WITHIN_S = 5.0


class ColdExecutor:
    """An interpreter per job; holds nothing between jobs."""

    def __init__(self, isolation: Isolation, readable: Sequence[Path] = ()) -> None:
        self._isolation = isolation
        self._readable = unique(readable)

    @property
    def guarantees(self) -> Guarantees:
        return self._isolation.guarantees(warm=False)

    def execute(self, job: Job, watch: Watch | None = None) -> Outcome:
        job = job.resolved()
        view = View(
            readable=[*self._readable, job.input, job.metadata],
            writable=[job.workspace, *([] if job.cache is None else [job.cache])],
            scratch=scratch_folder(job.workspace),
        )
        with job_log(job) as log:
            task = job_task(job, self._isolation, self._readable, warm=False)
            ending = run_cold(task, view, self._isolation, log, job.limits.time_s, watch)
            return conclude(ending, job, log)

    def close(self) -> None:
        return None


def run_cold(
    task: Task, view: View, isolation: Isolation, log: BoundedLog, time_s: float, watch: Watch | None = None
) -> Ending:
    """Runs the task in an interpreter of its own, below bubblewrap if there is one, which shows `view`."""
    started: list[subprocess.Popen[bytes]] = []

    def launch(channel: socket.socket, output: int) -> None:
        namespaces = isolation.supervisors_namespaces(warm=False)
        command = [*inside_command("supervisor", "-S", "-E", "-B"), str(channel.fileno()), namespaces]
        if isolation.bwrap is not None:
            inner = View([INSIDE, *view.readable], view.writable, view.scratch)
            command = sandboxed(isolation.bwrap, inner, command, INSIDE.parent)
        started.append(_start(command, channel, output))

    try:
        return run_supervised(task, launch, log, time_s, watch)
    finally:
        for process in started:
            _bury(process)


def _start(command: Sequence[str], channel: socket.socket, output: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=INSIDE.parent,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(channel.fileno(),),
            start_new_session=True,
        )
    except OSError as error:
        raise InfrastructureError(f"A candidate's process could not be started: {error}.") from error


def _bury(process: subprocess.Popen[bytes]) -> None:
    """Waits for a supervisor, whose channel is closed by now."""
    try:
        process.wait(_GONE_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
