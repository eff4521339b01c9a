"""Runs a script in this process as a fresh interpreter would, from its first line to its exit code."""

import atexit
import gc
import io
import os
import random
import runpy
import signal
import sys
import tempfile
import threading
from types import TracebackType
from typing import NoReturn

from .task import Task

_BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def run_as_main(task: Task) -> NoReturn:
    """Executes the task's script as `__main__`, then ends this process with the code plain Python gives."""
    _become_fresh(task)
    code = _run(task.script)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the end of an interpreter does
    atexit._run_exitfuncs()
    _flush_open_files()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    # Tearing down the imported libraries takes longer than a small training.
    os._exit(code & 0xFF)


def _become_fresh(task: Task) -> None:
    os.environ.clear()
    os.environ.update(task.environment)
    tempfile.tempdir = None
    sys.argv = [task.script, *task.arguments]
    sys.path.insert(0, task.folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "inside"]:
        del sys.modules[name]
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # else every candidate would inherit the server's state


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as request:
        return _exit_code(request)
    except BaseException as error:
        trace = _from_script(error.__traceback__, script)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(request: SystemExit) -> int:
    if request.code is None:
        return 0
    if isinstance(request.code, int):
        return request.code
    print(request.code, file=sys.stderr)
    return 1


def _from_script(trace: TracebackType | None, script: str) -> TracebackType | None:
    """Leaves out the frames of this file and of runpy; a script that does not compile has no others."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace


def _flush_open_files() -> None:
    for stream in (sys.stdout, sys.stderr, *(item for item in gc.get_objects() if type(item) in _BUFFERED)):
        if stream is not None and not stream.closed and stream.writable():
            stream.flush()
