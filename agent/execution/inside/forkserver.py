"""Fork server: a process that has imported the libraries and forks one candidate per task.

`python -m inside.forkserver CONTROL NAMESPACES SECONDS MODULE... -- LATER...`: CONTROL is the file descriptor
of a socket. Two file descriptors arrive there per task: the channel between supervisor and harness, and the
output pipe. Modules after `--` are imported, if they are installed, after so many seconds, while a task runs
and no other waits. A server that lives shorter does not need them.

The server always forks a spare supervisor before the next task arrives: copying a large process and creating
namespaces can take longer than a small candidate runs.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from . import linux
from .interpreter import run_as_main
from .supervisor import enter_namespaces, report_failure, supervise
from .task import MESSAGE_BYTES, SEPARATOR, Event, Namespaces, Task, decode_task

IDLE_S = 0.1  # without a task, before modules are imported that can wait


def main() -> None:
    """Import the modules, report readiness, and serve tasks."""
    control = socket.socket(fileno=int(sys.argv[1]))
    namespaces, delay_s, named = cast(Namespaces, sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
    end = named.index(SEPARATOR)
    modules, later = named[:end], named[end + 1 :]
    if namespaces == "none":  # else a namespace keeps candidates from tracing this process
        linux.set_traceable(False)
    sys.path.pop(0)  # this package's folder; the candidate's folder replaces it
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        control.send(Event("broken", reason=str(error)).encode())
        return
    _share_imported()
    control.send(Event("ready").encode())
    run_as_main(_serve(control, namespaces, later, time.monotonic() + delay_s))


def _share_imported() -> None:
    """Keep what was imported out of the children's garbage collection and exit handlers.

    Imported objects must not be collected in a child, nor make the child copy memory pages. Their exit
    handlers must not run in candidates either: torch would unregister its operators in each of them.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    gc.collect()
    gc.freeze()


def _import_later(modules: Sequence[str]) -> None:
    """Import modules that only some candidates need; a candidate itself reports one that is missing."""
    for module in modules:
        with suppress(ImportError):
            importlib.import_module(module)
    _share_imported()


def _serve(control: socket.socket, namespaces: Namespaces, later: Sequence[str], later_at: float) -> Task:
    """Hand each task to a spare until the harness closes the socket. Returns only in a candidate.

    The modules of `later` are imported between two tasks, once the monotonic clock has reached `later_at`.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report to the harness, not to this process
    has_served = False
    while True:
        spare = _fork_spare(control, namespaces)
        if not isinstance(spare, socket.socket):
            return spare
        wait_s = max(later_at - time.monotonic(), IDLE_S)
        if later and has_served and not select.select([control], [], [], wait_s)[0]:
            spare.close()  # it ends, for it lacks the modules
            _import_later(later)
            later = ()
            continue
        has_served = True
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            os._exit(0)  # the closed socket ends the spare
        while not _hand_over(spare, descriptors):
            spare = _fork_spare(control, namespaces, inherited=descriptors)
            if not isinstance(spare, socket.socket):
                return spare
        for descriptor in descriptors:
            os.close(descriptor)


def _hand_over(spare: socket.socket, descriptors: list[int]) -> bool:
    """Send the descriptors to the spare; return False if the spare was killed while waiting."""
    with spare:
        try:
            socket.send_fds(spare, [b"t"], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def _fork_spare(
    control: socket.socket, namespaces: Namespaces, inherited: Sequence[int] = ()
) -> "socket.socket | Task":
    """Fork a supervisor that waits for a task.

    Args:
        control: The server's socket to the harness; the child closes its copy.
        namespaces: Namespaces that the supervisor creates.
        inherited: Further descriptors that the child closes.

    Returns:
        In the server, its end of a socket to the supervisor; in the candidate, the task.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() != 0:
        theirs.close()
        return ours
    ours.close()
    control.close()
    for descriptor in inherited:
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    return _wait_for_task(theirs, namespaces)


def _wait_for_task(server: socket.socket, namespaces: Namespaces) -> Task:
    """Run as the spare: create namespaces, then wait for a task. Returns only in the candidate."""
    error_on_entry = None
    try:
        enter_namespaces(namespaces)
    except OSError as error:
        error_on_entry = error
    message, descriptors, _, _ = socket.recv_fds(server, 1, 2)
    if not message:
        os._exit(0)
    server.close()
    channel, output = socket.socket(fileno=descriptors[0]), descriptors[1]
    if error_on_entry is not None:
        report_failure(channel, error_on_entry)
    task = decode_task(channel.recv(MESSAGE_BYTES))
    supervise(task, channel, output)
    return task


if __name__ == "__main__":
    main()
