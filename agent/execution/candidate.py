"""What cold and warm execution share: from a Job to its supervisor's task, from its end to an Outcome."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.errors import InfrastructureError
from agent.execution.allowlist import CONFIGURATION, PROCESSOR, SYSTEM, accelerators, interpreter
from agent.execution.base import Job, Outcome, Status, Watch
from agent.execution.boundedlog import BoundedLog
from agent.execution.bubblewrap import SCRATCH, unique
from agent.execution.diagnosis import diagnose
from agent.execution.environment import candidate_environment
from agent.execution.following import Ending, Follower
from agent.execution.inside.task import Task
from agent.execution.isolation import Isolation, counts_processes_per_namespace
from agent.execution.workspace import clear_scratch, disarm, log_path, prepare_workspace, scratch_folder

Launch = Callable[[socket.socket, int], None]
"""Starts a supervisor that holds the given ends: of its channel, and of the pipe for the output."""

_DEVICES = [
    f"/dev/{name}" for name in ("full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero")
]


def job_task(job: Job, isolation: Isolation, readable: Sequence[Path], *, warm: bool) -> Task:
    """The task of one job; in a cold sandbox bubblewrap's mounts confine it, else its supervisor does."""
    mounted = isolation.bwrap is not None and not warm
    unshare = isolation.supervisors_namespaces(warm=warm) != "none"
    own_scratch = scratch_folder(job.workspace)
    scratch = SCRATCH if mounted or (isolation.bwrap is not None and unshare) else own_scratch
    writable = [job.workspace, own_scratch, *([] if job.cache is None else [job.cache])]
    visible = unique([job.input, job.metadata, *readable])
    counted = (mounted or unshare) and counts_processes_per_namespace()
    return Task(
        script=str(job.workspace / job.script),
        arguments=list(job.arguments),
        folder=str(job.workspace),
        environment=candidate_environment(job, scratch),
        memory_bytes=job.limits.memory_bytes,
        file_bytes=job.limits.file_bytes,
        processes=job.limits.processes if counted else None,
        binds=[(str(own_scratch), str(SCRATCH))] if scratch is SCRATCH and unshare else [],
        readable=landlock_readable(visible) if isolation.landlock and not mounted else None,
        writable=[*map(str, writable), str(scratch), *writable_devices()],
    )


def landlock_readable(folders: Sequence[Path]) -> list[str]:
    """The paths that a confined candidate reads besides the ones that it may write."""
    system = [*SYSTEM, *CONFIGURATION, *PROCESSOR, *accelerators(), Path("/proc"), Path("/dev")]
    return [str(path) for path in (*system, *interpreter(), *folders)]


def writable_devices() -> list[str]:
    """The devices of every program, shared memory among them, and those of the accelerators."""
    return [*_DEVICES, *(str(path) for path in accelerators() if path.is_relative_to("/dev"))]


@contextlib.contextmanager
def job_log(job: Job) -> Iterator[BoundedLog]:
    """Makes the workspace ready and opens its log; afterwards its temporary files are gone."""
    prepare_workspace(job)
    log = BoundedLog(log_path(job), job.limits.output_bytes)
    try:
        yield log
    finally:
        disarm(job)
        log.close()
        clear_scratch(job.workspace)


def run_supervised(task: Task, launch: Launch, log: BoundedLog, time_s: float, watch: Watch | None) -> Ending:
    """Launches a supervisor, gives it the task and follows its candidate to the end."""
    channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output, their_output = os.pipe2(os.O_CLOEXEC)
    with contextlib.closing(Follower(channel, output, log)) as follower:
        try:
            channel.send(task.encode())
            launch(their_channel, their_output)
        finally:
            their_channel.close()
            os.close(their_output)
        return follower.follow(time_s, watch)


def conclude(ending: Ending, job: Job, log: BoundedLog) -> Outcome:
    """The outcome of an ended candidate; raises InfrastructureError if it never ran as it should have."""

    def outcome(status: Status, reason: str) -> Outcome:
        return Outcome(status, ending.returncode, ending.seconds, log.path, reason)

    if ending.kind == "exited" and ending.returncode is not None:
        return outcome(*diagnose(ending.returncode, log.recent(), job.workspace))
    if ending.kind == "timeout":
        return outcome("timeout", f"The candidate was killed at its limit of {job.limits.time_s:g} s.")
    if ending.kind == "stopped":
        return outcome("stopped", ending.reason)
    if ending.kind == "lost":
        return outcome("failed", "The candidate's supervisor was killed, perhaps because memory ran out.")
    last_words = ending.reason or (log.recent().strip().splitlines() or ["no reason was given"])[-1]
    raise InfrastructureError(f"{job.workspace}: the candidate could not be started: {last_words}.")
