"""Cold execution: a new interpreter for every job, inside bubblewrap where available."""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.core.errors import InfrastructureError
from agent.execution.base import Guarantees, Job, Outcome, StopCheck
from agent.execution.bounded_log import BoundedLog
from agent.execution.bubblewrap import VisiblePaths, bwrap_command, unique_paths
from agent.execution.candidate import execute_logged, make_outcome, make_task, run_supervised
from agent.execution.inside.task import Task
from agent.execution.isolation import INSIDE, Isolation, inside_command
from agent.execution.monitor import Termination
from agent.execution.setup import ExecutorSetup
from agent.execution.workspace import scratch_folder

_EXIT_TIMEOUT_S = 5.0


def make_cold(setup: ExecutorSetup) -> "ColdExecutor":
    """The registry's entry."""
    return ColdExecutor(setup.isolation, setup.readable)


class ColdExecutor:
    """Starts one interpreter per job and keeps no state between jobs."""

    def __init__(self, isolation: Isolation, readable: Sequence[Path] = ()) -> None:
        self._isolation = isolation
        self._readable = unique_paths(readable)

    @property
    def guarantees(self) -> Guarantees:
        return self._isolation.guarantees(warm=False)

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        job = job.resolved()
        view = VisiblePaths(
            readable=[*self._readable, job.input, job.metadata],
            writable=[job.workspace, *([] if job.cache is None else [job.cache])],
            scratch=scratch_folder(job.workspace),
        )

        def run(log: BoundedLog) -> Outcome:
            task = make_task(job, self._isolation, self._readable, warm=False)
            termination = run_cold(task, view, self._isolation, log, job.limits.time_s, stop_check)
            return make_outcome(termination, job, log)

        return execute_logged(job, run)

    def close(self) -> None:
        return None


def run_cold(
    task: Task,
    view: VisiblePaths,
    isolation: Isolation,
    log: BoundedLog,
    time_s: float,
    stop_check: StopCheck | None = None,
) -> Termination:
    """Run the task in a new interpreter, inside bubblewrap where available.

    Args:
        task: The interpreter to run.
        view: Paths visible inside bubblewrap.
        isolation: Isolation that the machine offers.
        log: Receives the output.
        time_s: Wall-clock limit in seconds.
        stop_check: Callback that may stop the run with a reason.
    """
    started: list[subprocess.Popen[bytes]] = []

    def launch(channel: socket.socket, output: int) -> None:
        namespaces = isolation.supervisor_namespaces(warm=False)
        command = [*inside_command("supervisor", "-S", "-E", "-B"), str(channel.fileno()), namespaces]
        if isolation.bwrap is not None:
            inner = VisiblePaths([INSIDE, *view.readable], view.writable, view.scratch)
            command = bwrap_command(isolation.bwrap, inner, command, INSIDE.parent)
        started.append(_start(command, channel, output))

    try:
        return run_supervised(task, launch, log, time_s, stop_check)
    finally:
        for process in started:
            _wait_for_exit(process)


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
        raise InfrastructureError(f"The candidate's process could not be started: {error}.") from error


def _wait_for_exit(process: subprocess.Popen[bytes]) -> None:
    """Wait for a supervisor to exit; its channel is already closed. Kill the process on timeout."""
    try:
        process.wait(_EXIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
