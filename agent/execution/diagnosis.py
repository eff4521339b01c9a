"""Explain in one sentence why a candidate failed, from the exit code and the end of the output."""

import re
import signal
from pathlib import Path

from agent.execution.base import Status

_MEMORY = re.compile(
    r"^MemoryError|std::bad_alloc|DefaultCPUAllocator: can't allocate memory|OutOfMemoryError"
    r"|\[Errno 12\]|is killed by signal: Killed",
    re.MULTILINE,
)
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::|$)")
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):"


def diagnose(returncode: int, output: str, workspace: Path) -> tuple[Status, str]:
    """Return the status and the reason of a candidate that ended by itself.

    Args:
        returncode: As in `subprocess`; negative: a signal.
        output: The end of the candidate's log.
        workspace: Workspace of the candidate; frames below it belong to the candidate's own code.
    """
    if returncode == 0:
        return "ok", "The candidate ended by itself with exit code 0."
    if returncode in (-signal.SIGKILL, 128 + signal.SIGKILL) or _MEMORY.search(last_report(output)):
        return "memory", f"The candidate ran out of memory ({_describe_exit(returncode)})."
    found = _exception_with_location(output, workspace)
    if found is None:
        return "failed", f"The candidate ended with {_describe_exit(returncode)}."
    return "failed", f"{found} ({_describe_exit(returncode)})."


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


def last_report(output: str) -> str:
    """Return the output from the last traceback on; without a traceback, the last 20 lines."""
    _, found, report = output.rpartition(_TRACEBACK)
    return report if found else "\n".join(output.splitlines()[-20:])


def _exception_with_location(output: str, workspace: Path) -> str | None:
    """Return for example `ValueError in library/train.py line 12`; None without a traceback.

    Only the first exception line after the last frame counts: the message may contain lookalikes.
    """
    report = last_report(output)
    frames = list(_FRAME.finditer(report))
    if not frames:
        return None
    after = report[frames[-1].end() :].splitlines()[1:]
    names = [match["type"] for line in after if (match := _EXCEPTION.match(line))]
    if not names:
        return None
    root = f"{workspace}/"
    own = [frame for frame in frames if frame["file"].startswith(root)]
    if not own:
        return names[0]
    return f"{names[0]} in {own[-1]['file'].removeprefix(root)} line {own[-1]['line']}"
