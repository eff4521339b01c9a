"""Formats text and durations for people, the same way in messages, on screens and in reports."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

# Control characters can steer a terminal; bidirectional overrides can reorder the visible text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Return text of a candidate or planner without characters that steer a terminal or forge a line."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return the clean text on one line; every run of white space becomes one space."""
    return " ".join(clean(text).split())


def duration(seconds: float) -> str:
    """Format a duration as `4.2 s`, `42 s`, `3:05` or `1:02:33`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else clock(whole)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: `1 node`, `12 nodes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """Return the first names and the number of the others: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def clock(seconds: float) -> str:
    """Format a time of the run as `0:07`, `3:05` or `1:02:33`."""
    minutes, second = divmod(max(int(seconds), 0), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"


def as_argument(value: str | Path) -> str:
    """Return a name or a path as one word of a command that can be pasted into a shell."""
    text = str(value)
    return shlex.quote(f"./{text}" if text.startswith(("-", "~")) else text)
