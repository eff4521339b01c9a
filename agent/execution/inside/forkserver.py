"""A process that has imported libraries and forks a candidate per task; nothing else ever runs in it.

`python -m inside.forkserver CONTROL MODULE...`: CONTROL is the descriptor of a socket over which two
descriptors arrive per task: the channel between its supervisor and the harness, the pipe for its output.
"""

import gc
import importlib
import os
import signal
import socket
import sys

from .interpreter import run_as_main
from .supervisor import supervise
from .task import MESSAGE_BYTES, Event, Task, decode_task


def main() -> None:
    """Imports the modules, says so, serves."""
    control = socket.socket(fileno=int(sys.argv[1]))
    modules = sys.argv[2:]
    sys.path.pop(0)  # this package's folder; a candidate's own takes its place
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        control.send(Event("broken", reason=str(error)).encode())
        return
    # What the imports left must neither be collected in a child nor make it copy pages.
    gc.collect()
    gc.freeze()
    control.send(Event("ready").encode())
    run_as_main(_serve(control))


def _serve(control: socket.socket) -> Task:
    """Forks a supervisor per task until the harness closes the socket; returns in a candidate only."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report to the harness, not to this process
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            os._exit(0)
        channel, output = socket.socket(fileno=descriptors[0]), descriptors[1]
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            task = decode_task(channel.recv(MESSAGE_BYTES))
            supervise(task, channel, output)
            return task
        channel.close()
        os.close(output)


if __name__ == "__main__":
    main()
