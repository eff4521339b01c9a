"""Command line of a bubblewrap sandbox in which only allowed paths exist (bubblewrap 0.5 or later)."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.execution.allowlist import (
    CONFIG_PATHS,
    CPU_TOPOLOGY_PATHS,
    SYSTEM_PATHS,
    accelerator_paths,
    interpreter_paths,
)
from agent.execution.inside.kernel_settings import KERNEL_SETTINGS

SCRATCH = Path("/scratch")
"""Mount point of a candidate's temporary folder. The path is short: a socket path must fit in 108 bytes."""

# Root outside the sandbox must not be root inside. A nested namespace must be able to map this user.
_UNPRIVILEGED_ID = "1000"


@dataclass(frozen=True)
class VisiblePaths:
    """Paths visible in the sandbox besides the system and the interpreter, each under its own name."""

    readable: Sequence[Path]
    writable: Sequence[Path]
    scratch: Path | None
    """Mounted at SCRATCH; None leaves an empty, read-only folder there."""


def bwrap_command(bwrap: Path, view: VisiblePaths, command: Sequence[str], folder: Path) -> list[str]:
    """Return the command line that runs `command` as the first process of a sandbox.

    File descriptors passed to the process stay open. The sandbox inherits the caller's environment.

    Args:
        bwrap: The bubblewrap program.
        view: Paths visible in the sandbox.
        command: The command to run.
        folder: Working folder inside the sandbox.
    """
    arguments = [str(bwrap), "--die-with-parent", "--new-session", "--as-pid-1"]
    arguments += ["--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    arguments += ["--cap-drop", "ALL"]
    if os.getuid() == 0:
        arguments += ["--uid", _UNPRIVILEGED_ID, "--gid", _UNPRIVILEGED_ID]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--dir", "/tmp", "--dir", str(SCRATCH)]
    if os.getuid() == 0:
        # The user inside is root outside, the owner of these files. For an ordinary user the mounts would
        # only keep a warm candidate from getting a /proc of its own.
        for path in KERNEL_SETTINGS:
            arguments += ["--ro-bind-try", path, path]
    arguments += _system_mounts() + _folder_mounts(view)
    return [*arguments, "--remount-ro", "/", "--chdir", str(folder), "--", *command]


def _system_mounts() -> list[str]:
    arguments: list[str] = []
    for path in SYSTEM_PATHS:
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    for path in (*CONFIG_PATHS, *CPU_TOPOLOGY_PATHS):
        arguments += ["--ro-bind-try", str(path), str(path)]
    for path in accelerator_paths():
        arguments += ["--dev-bind" if path.is_relative_to("/dev") else "--ro-bind", str(path), str(path)]
    return arguments


def _folder_mounts(view: VisiblePaths) -> list[str]:
    """Return the bind mounts, outer folders first, because a later mount hides an earlier one."""
    readable = set(interpreter_paths()) | set(view.readable)
    binds = [("--ro-bind", path) for path in readable - set(view.writable)]
    binds += [("--bind", path) for path in set(view.writable)]
    arguments: list[str] = []
    for option, path in sorted(binds, key=lambda bind: (len(bind[1].parts), bind[1])):
        arguments += [option, str(path), str(path)]
    if view.scratch is not None:
        arguments += ["--bind", str(view.scratch), str(SCRATCH)]
    return arguments


def unique_paths(paths: Iterable[Path]) -> list[Path]:
    """Return the resolved paths in order, without duplicates."""
    return list(dict.fromkeys(path.resolve() for path in paths))
