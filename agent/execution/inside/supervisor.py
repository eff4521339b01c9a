"""Supervisor process between the harness and one candidate: confine, wait, kill the whole process tree.

The harness sends the task over a socket and may later send one byte, which means kill. The supervisor
replies with events. A closed socket means that the harness has died; the supervisor then kills the candidate.
"""

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn, cast

from . import landlock, linux
from .limits import apply_limits
from .task import MESSAGE_BYTES, Event, Namespaces, Task, decode_task

_REAP_EVERY_MS = 1000
_KILL_TIMEOUT_S = 4.0


def enter_namespaces(namespaces: Namespaces) -> None:
    """Create the namespaces and return in a child process inside them; the calling process exits.

    Raises:
        OSError: The kernel refuses the namespaces.
    """
    if namespaces == "none":
        return
    linux.unshare(network=namespaces == "own with network")
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    linux.mount_private()


def supervise(task: Task, channel: socket.socket, output: int) -> None:
    """Fork the candidate and return only in its confined process; the calling process becomes the supervisor.

    Args:
        task: The interpreter to run and its confinement.
        channel: Socket to the harness.
        output: File descriptor for the candidate's stdout and stderr.
    """
    try:
        linux.bind_mount(task.binds)
        linux.adopt_orphans()
        linux.set_traceable(False)  # a candidate that traced this process could forge its end
        channel.send(Event("started").encode())
        candidate = os.fork()
        if candidate == 0:
            _confine(task, output)
            channel.close()
            return
    except OSError as error:
        report_failure(channel, error)
    os.close(output)
    _wait_for_end(candidate, channel)
    os._exit(0)


def report_failure(channel: socket.socket, error: OSError) -> NoReturn:
    """Report to the harness why the candidate cannot start, then exit."""
    channel.send(Event("broken", reason=str(error)).encode())
    os._exit(1)


def _confine(task: Task, output: int) -> None:
    os.setsid()
    linux.die_with_parent(signal.SIGKILL)
    empty_stdin = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((empty_stdin, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(empty_stdin)
    os.close(output)
    os.chdir(task.folder)
    apply_limits(task)
    linux.forbid_new_privileges()
    linux.drop_capabilities()
    if task.readable is not None:
        landlock.restrict(task.readable, task.writable)
    linux.set_traceable(True)  # otherwise the candidate could not read its own /proc/self


def _wait_for_end(candidate: int, channel: socket.socket) -> None:
    """Wait until the candidate exits or the harness requests a kill, then kill the whole process tree."""
    ended = os.pidfd_open(candidate)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(channel, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(_REAP_EVERY_MS)}
        if ended in ready:
            _, status = os.waitpid(candidate, 0)
            event = Event("exited", returncode=os.waitstatus_to_exitcode(status))
            break
        if channel.fileno() in ready:
            event = Event("killed")
            break
        _reap(candidate)
    _kill_descendants()
    try:
        channel.send(event.encode())
    except (BrokenPipeError, ConnectionResetError):
        return  # the harness has died; the candidate is already dead


def _reap(candidate: int) -> None:
    """Reap orphans that have exited; leave the candidate's own exit status to the caller."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None or ended.si_pid == candidate:
            return
        os.waitpid(ended.si_pid, 0)


def _kill_descendants() -> None:
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while time.monotonic() < deadline:
        for process in _descendants():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _descendants() -> list[int]:
    """Return all descendants of this process; [-1], all other processes, for process 1 of a namespace."""
    if os.getpid() == 1:
        return [-1]
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = list(children.get(os.getpid(), []))
    for process in found:
        found.extend(children.get(process, []))
    return found


def main() -> None:
    """Run `python -m inside.supervisor CHANNEL NAMESPACES`: supervise a new interpreter with our output."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    task = decode_task(channel.recv(MESSAGE_BYTES))
    try:
        enter_namespaces(cast(Namespaces, sys.argv[2]))
    except OSError as error:
        report_failure(channel, error)
    supervise(task, channel, os.dup(1))
    interpreter = [sys.executable, task.script, *task.arguments]
    os.execve(sys.executable, interpreter, task.environment)


if __name__ == "__main__":
    main()
