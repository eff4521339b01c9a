"""A process that has imported libraries and forks a candidate per task; nothing else ever runs in it.

`python -m inside.forkserver CONTROL NAMESPACES MODULE...`: CONTROL is the descriptor of a socket over which
two descriptors arrive per task: the channel between its supervisor and the harness, the pipe for its output.

A spare supervisor is always forked ahead of its task: copying a large process and making namespaces take
longer than a small candidate runs.
"""

import gc
import importlib
import os
import signal
import socket
import sys
import weakref
from collections.abc import Sequence
from typing import cast

from .interpreter import run_as_main
from .supervisor import enter, give_up, supervise
from .task import MESSAGE_BYTES, Event, Namespaces, Task, decode_task


def main() -> None:
    """Imports the modules, says so, serves."""
    control = socket.socket(fileno=int(sys.argv[1]))
    namespaces, modules = cast(Namespaces, sys.argv[2]), sys.argv[3:]
    sys.path.pop(0)  # this package's folder; a candidate's own takes its place
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        control.send(Event("broken", reason=str(error)).encode())
        return
    # What the imports left must neither be collected in a child nor make it copy pages, and what they want
    # done at the end is this process's to do: torch would unregister its operators in every candidate.
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    gc.collect()
    gc.freeze()
    control.send(Event("ready").encode())
    run_as_main(_serve(control, namespaces))


def _serve(control: socket.socket, namespaces: Namespaces) -> Task:
    """Gives each task to a spare until the harness closes the socket; returns in a candidate only."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report to the harness, not to this process
    while True:
        spare = _fork_spare(control, namespaces)
        if not isinstance(spare, socket.socket):
            return spare
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            os._exit(0)  # the spare sees its socket closed
        while not _hand_over(spare, descriptors):
            spare = _fork_spare(control, namespaces, not_for_it=descriptors)
            if not isinstance(spare, socket.socket):
                return spare
        for descriptor in descriptors:
            os.close(descriptor)


def _hand_over(spare: socket.socket, descriptors: list[int]) -> bool:
    """Whether the spare was there to take them; it may have been killed while it waited."""
    with spare:
        try:
            socket.send_fds(spare, [b"t"], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def _fork_spare(
    control: socket.socket, namespaces: Namespaces, not_for_it: Sequence[int] = ()
) -> "socket.socket | Task":
    """The server's end of a socket to a new supervisor that waits for a task; in a candidate, its task."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() != 0:
        theirs.close()
        return ours
    ours.close()
    control.close()
    for descriptor in not_for_it:
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    return _wait(theirs, namespaces)


def _wait(server: socket.socket, namespaces: Namespaces) -> Task:
    """The spare: makes its namespaces, then waits for its task; returns in the candidate only."""
    fault = None
    try:
        enter(namespaces)
    except OSError as error:
        fault = error
    message, descriptors, _, _ = socket.recv_fds(server, 1, 2)
    if not message:
        os._exit(0)
    server.close()
    channel, output = socket.socket(fileno=descriptors[0]), descriptors[1]
    if fault is not None:
        give_up(channel, fault)
    task = decode_task(channel.recv(MESSAGE_BYTES))
    supervise(task, channel, output)
    return task


if __name__ == "__main__":
    main()
