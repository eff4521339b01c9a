"""Run a script in this process as a new interpreter would, from the first line to the exit code."""

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
    """Run the task's script as `__main__`, then exit with the code that plain Python would give."""
    _reset_state(task)
    code = _run(task.script)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at interpreter exit
    atexit._run_exitfuncs()
    _flush_open_files()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    # Finalising the imported libraries takes longer than a small training run.
    os._exit(code & 0xFF)


def _reset_state(task: Task) -> None:
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
        numpy_random.seed()  # otherwise every candidate inherits the server's random state


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as exit_request:
        return _exit_code(exit_request)
    except BaseException as error:
        trace = _trace_from_script(error.__traceback__, script)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(exit_request: SystemExit) -> int:
    if exit_request.code is None:
        return 0
    if isinstance(exit_request.code, int):
        return exit_request.code
    print(exit_request.code, file=sys.stderr)
    return 1


def _trace_from_script(trace: TracebackType | None, script: str) -> TracebackType | None:
    """Remove the frames of this file and of runpy. A script that does not compile has no other frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace


def _flush_open_files() -> None:
    for stream in (sys.stdout, sys.stderr, *(item for item in gc.get_objects() if type(item) in _BUFFERED)):
        if stream is not None and not stream.closed and stream.writable():
            stream.flush()
