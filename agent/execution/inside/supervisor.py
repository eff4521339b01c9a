"""The process between the harness and one candidate: confines it, waits for it, kills its whole tree.

The harness talks to it over a socket of its own: it sends the task, then perhaps one byte to kill; the
supervisor answers with events. A closed socket means that the harness is gone, and kills too.
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
_KILL_WITHIN_S = 4.0


def enter(namespaces: Namespaces) -> None:
    """Returns in the namespaces, in a child of the calling process, which exits. Raises OSError."""
    if namespaces == "none":
        return
    linux.unshare(network=namespaces == "own with network")
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    linux.mount_private()


def supervise(task: Task, channel: socket.socket, output: int) -> None:
    """Returns in the candidate's process only, confined as the task says, stdout and stderr on `output`.

    The calling process becomes the supervisor.
    """
    try:
        linux.bind(task.binds)
        linux.adopt_orphans()
        channel.send(Event("started").encode())
        candidate = os.fork()
        if candidate == 0:
            _confine(task, output)
            channel.close()
            return
    except OSError as error:
        give_up(channel, error)
    os.close(output)
    _guard(candidate, channel)
    os._exit(0)


def give_up(channel: socket.socket, error: OSError) -> NoReturn:
    """Tells the harness why there is no candidate."""
    channel.send(Event("broken", reason=str(error)).encode())
    os._exit(1)


def _confine(task: Task, output: int) -> None:
    os.setsid()
    linux.die_with_parent(signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    os.chdir(task.folder)
    apply_limits(task)
    linux.forbid_new_privileges()
    linux.drop_capabilities()
    if task.readable is not None:
        landlock.restrict(task.readable, task.writable)


def _guard(candidate: int, channel: socket.socket) -> None:
    """Waits until the candidate ends or the harness asks for its end; nothing of its tree is left after."""
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
        return  # the harness is gone; its candidate is too, by now


def _reap(candidate: int) -> None:
    """Buries orphans that ended meanwhile; the candidate's own status is left for the guard."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None or ended.si_pid == candidate:
            return
        os.waitpid(ended.si_pid, 0)


def _kill_descendants() -> None:
    deadline = time.monotonic() + _KILL_WITHIN_S
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
    """Every process below this one; as process 1 of a namespace, simply all others."""
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
    """`python -m inside.supervisor CHANNEL NAMESPACES`: supervises a cold interpreter with our output."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    task = decode_task(channel.recv(MESSAGE_BYTES))
    try:
        enter(cast(Namespaces, sys.argv[2]))
    except OSError as error:
        give_up(channel, error)
    supervise(task, channel, os.dup(1))
    interpreter = [sys.executable, task.script, *task.arguments]
    os.execve(sys.executable, interpreter, task.environment)


if __name__ == "__main__":
    main()
