"""Containment of faults: an error of one execution fails its node and never ends the run."""

import errno
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import agent
from agent.core.errors import InfrastructureError, MarsError, SetupError
from agent.core.untrusted_files import UnsafeFileError

P = ParamSpec("P")
T = TypeVar("T")

_MACHINE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
_PACKAGE = Path(agent.__file__).parent


def contain(work: Callable[P, T], failed: Callable[[str], T]) -> Callable[P, T]:
    """Return a function that calls `work`; after an error it returns `failed(sentence)`.

    Errors of the set-up and of the machine are raised: they concern the run, not one node.
    """

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            return failed(node_fault(error))

    return run


def node_fault(error: Exception) -> str:
    """Return in one sentence why a node failed, without values of the data.

    Raises:
        SetupError: the error is one of the set-up.
        InfrastructureError: the error is one of the machine.
    """
    if isinstance(error, SetupError | InfrastructureError):
        raise error
    if isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS:
        raise InfrastructureError(f"{error.filename or 'A file'}: {error.strerror}.") from error
    if isinstance(error, MarsError):
        what = str(error).rstrip(".")
    elif isinstance(error, UnsafeFileError):
        what = f"{Path(str(error.filename)).name}: {error.strerror}"
    else:
        what = f"{type(error).__name__}{_place(error)}"
    return f"What the node left could not be processed ({what})."


def _place(error: Exception) -> str:
    """Return the last line of this program that the error passed; a deep recursion repeats its frames."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if Path(frame.filename).is_relative_to(_PACKAGE)]
    return f" in {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
