"""Steps shared by cold and warm execution: Job to supervisor task, termination to Outcome."""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.core.errors import InfrastructureError
from agent.core.format import duration
from agent.core.plain_text import plain_text
from agent.execution.allowlist import (
    CONFIG_PATHS,
    CPU_TOPOLOGY_PATHS,
    SYSTEM_PATHS,
    accelerator_paths,
    interpreter_paths,
)
from agent.execution.base import Job, Outcome, Status, StopCheck
from agent.execution.bounded_log import BoundedLog
from agent.execution.bubblewrap import SCRATCH, unique_paths
from agent.execution.cleanup import clean_workspace
from agent.execution.diagnosis import diagnose
from agent.execution.environment import candidate_environment
from agent.execution.inside.task import Task
from agent.execution.isolation import Isolation, process_limit_is_per_namespace
from agent.execution.monitor import CandidateMonitor, Termination
from agent.execution.workspace import clear_scratch, log_path, prepare_workspace, scratch_folder

Launcher = Callable[[socket.socket, int], None]
"""Starts a supervisor. Arguments: its end of the channel, and the write end of the output pipe."""

_DEVICES = [
    f"/dev/{name}" for name in ("full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero")
]


def make_task(job: Job, isolation: Isolation, readable: Sequence[Path], *, warm: bool) -> Task:
    """Return the task of one job.

    In a cold sandbox, bubblewrap's mounts confine the candidate; otherwise the supervisor does. Landlock
    confines the candidate in both.
    """
    mounted = isolation.bwrap is not None and not warm
    unshare = isolation.supervisor_namespaces(warm=warm) != "none"
    own_scratch = scratch_folder(job.workspace)
    scratch = SCRATCH if mounted or (isolation.bwrap is not None and unshare) else own_scratch
    writable = [job.workspace, own_scratch, *([] if job.cache is None else [job.cache])]
    visible = unique_paths([job.input, job.metadata, *readable])
    counted = (mounted or unshare) and process_limit_is_per_namespace()
    return Task(
        script=str(job.workspace / job.script),
        arguments=list(job.arguments),
        folder=str(job.workspace),
        environment=candidate_environment(job, scratch),
        memory_bytes=job.limits.memory_bytes,
        file_bytes=job.limits.file_bytes,
        processes=job.limits.processes if counted else None,
        binds=[(str(own_scratch), str(SCRATCH))] if scratch is SCRATCH and unshare else [],
        readable=landlock_readable(visible) if isolation.landlock else None,
        writable=[*map(str, writable), str(scratch), *writable_devices()],
    )


def landlock_readable(folders: Sequence[Path]) -> list[str]:
    """Return the paths that Landlock lets a candidate read, besides the writable paths."""
    system = [
        *SYSTEM_PATHS,
        *CONFIG_PATHS,
        *CPU_TOPOLOGY_PATHS,
        *accelerator_paths(),
        Path("/proc"),
        Path("/dev"),
    ]
    return [str(path) for path in (*system, *interpreter_paths(), *folders)]


def writable_devices() -> list[str]:
    """Return the standard devices, shared memory included, and the accelerator devices."""
    return [*_DEVICES, *(str(path) for path in accelerator_paths() if path.is_relative_to("/dev"))]


def execute_logged(job: Job, run: Callable[[BoundedLog], Outcome]) -> Outcome:
    """Prepare the workspace, call `run` with its log, and clean up.

    If the clean-up cannot finish, the candidate has failed: its files must not be used.
    """
    prepare_workspace(job)
    log = BoundedLog(log_path(job), job.limits.output_bytes)
    try:
        outcome = run(log)
    finally:
        unclean = clean_workspace(job.workspace, [job.input, job.metadata])
        log.close()
        clear_scratch(job.workspace)
    return replace(outcome, status="failed", reason=unclean, stop=None) if unclean else outcome


def run_supervised(
    task: Task, launch: Launcher, log: BoundedLog, time_s: float, stop_check: StopCheck | None
) -> Termination:
    """Launch a supervisor, send the task, and monitor the candidate until termination."""
    channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output, their_output = os.pipe2(os.O_CLOEXEC)
    with contextlib.closing(CandidateMonitor(channel, output, log)) as monitor:
        try:
            channel.send(task.encode())
            launch(their_channel, their_output)
        finally:
            their_channel.close()
            os.close(their_output)
        return monitor.wait(time_s, stop_check)


def make_outcome(termination: Termination, job: Job, log: BoundedLog) -> Outcome:
    """Return the outcome of a terminated candidate.

    Raises:
        InfrastructureError: The candidate could not be started.
    """

    def outcome(status: Status, reason: str) -> Outcome:
        return Outcome(status, termination.returncode, termination.seconds, log.path, reason)

    if termination.kind == "exited" and termination.returncode is not None:
        return outcome(*diagnose(termination.returncode, log.recent(), job.workspace))
    if termination.kind == "timeout":
        return outcome(
            "timeout", f"The candidate was killed at its time limit of {duration(job.limits.time_s)}."
        )
    if termination.stop is not None:
        return replace(outcome("stopped", termination.stop.sentence), stop=termination.stop)
    if termination.kind == "lost":
        return outcome("failed", "The candidate's supervisor was killed, possibly because memory ran out.")
    last = (log.recent().strip().splitlines() or ["no output"])[-1]
    reason = plain_text(termination.reason or last, 500)
    raise InfrastructureError(f"{job.workspace}: the candidate could not be started: {reason}.")
