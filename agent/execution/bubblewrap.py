"""The command that starts a process in a sandbox where only allowed paths exist (bubblewrap 0.5 or later)."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.execution.allowlist import CONFIGURATION, PROCESSOR, SYSTEM, accelerators, interpreter

SCRATCH = Path("/scratch")
"""Where a candidate's temporary folder appears: a short name, for sockets must fit in 108 bytes."""

# Root outside must not be root inside: no capability, and a user that a nested namespace can map.
_USER_IN_PLACE_OF_ROOT = "1000"


@dataclass(frozen=True)
class View:
    """What exists inside besides the system and the interpreter, each path at its own name."""

    readable: Sequence[Path]
    writable: Sequence[Path]
    scratch: Path | None
    """Appears as SCRATCH; None leaves an empty folder there that nobody can write."""


def sandboxed(bwrap: Path, view: View, command: Sequence[str], folder: Path) -> list[str]:
    """The command line that runs `command` in `folder` inside the sandbox, as its first process.

    Descriptors that are passed on stay open; the environment is the caller's.
    """
    arguments = [str(bwrap), "--die-with-parent", "--new-session", "--as-pid-1"]
    arguments += ["--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    arguments += ["--cap-drop", "ALL"]
    if os.getuid() == 0:
        arguments += ["--uid", _USER_IN_PLACE_OF_ROOT, "--gid", _USER_IN_PLACE_OF_ROOT]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--dir", "/tmp", "--dir", str(SCRATCH)]
    arguments += _system() + _folders(view)
    return [*arguments, "--remount-ro", "/", "--chdir", str(folder), "--", *command]


def _system() -> list[str]:
    arguments: list[str] = []
    for path in SYSTEM:
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    for path in (*CONFIGURATION, *PROCESSOR):
        arguments += ["--ro-bind-try", str(path), str(path)]
    for path in accelerators():
        arguments += ["--dev-bind" if path.is_relative_to("/dev") else "--ro-bind", str(path), str(path)]
    return arguments


def _folders(view: View) -> list[str]:
    """Binds, the outer ones first: a later mount covers what an earlier one shows at the same place."""
    readable = set(interpreter()) | set(view.readable)
    binds = [("--ro-bind", path) for path in readable - set(view.writable)]
    binds += [("--bind", path) for path in set(view.writable)]
    arguments: list[str] = []
    for option, path in sorted(binds, key=lambda bind: (len(bind[1].parts), bind[1])):
        arguments += [option, str(path), str(path)]
    if view.scratch is not None:
        arguments += ["--bind", str(view.scratch), str(SCRATCH)]
    return arguments


def unique(paths: Iterable[Path]) -> list[Path]:
    """The resolved paths, each once, in order."""
    return list(dict.fromkeys(path.resolve() for path in paths))
