"""Isolation that this machine offers, detected by trial runs, and the resulting guarantees."""

import functools
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.execution.base import Guarantees
from agent.execution.bubblewrap import VisiblePaths, bwrap_command
from agent.execution.inside.task import Namespaces

Sandbox = Literal["auto", "none"]

INSIDE = Path(__file__).resolve().parent / "inside"
_PROBE_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Isolation:
    """Isolation mechanisms available on this machine."""

    bwrap: Path | None
    namespaces: bool
    """Whether a supervisor can create its own namespaces (inside bubblewrap, where available)."""
    landlock: bool

    def supervisor_namespaces(self, *, warm: bool) -> Namespaces:
        """Return the namespaces that a supervisor creates; none in a cold bubblewrap sandbox."""
        if not self.namespaces or (self.bwrap is not None and not warm):
            return "none"
        return "own with network" if self.bwrap is None else "own"

    def guarantees(self, *, warm: bool) -> Guarantees:
        """Return the guarantees of a warm or cold executor with this isolation."""
        hidden = self.bwrap is not None or self.landlock
        return Guarantees(
            network_blocked=self.bwrap is not None or self.namespaces,
            inputs_read_only=hidden,
            home_hidden=hidden,
            process_tree_dies=True,
            memory_limited=True,
            # Warm candidates share one sandbox, in which the folder of every node is writable.
            writes_confined=self.landlock or (self.bwrap is not None and not warm),
        )


@functools.cache
def detect_isolation(sandbox: Sandbox) -> Isolation:
    """Detect the isolation of this machine: bubblewrap first, then the kernel alone; `none` skips both."""
    if sandbox == "none":
        return Isolation(bwrap=None, namespaces=False, landlock=False)
    found = shutil.which("bwrap")
    if found is not None:
        view = VisiblePaths(readable=[INSIDE], writable=[], scratch=None)
        detected = _run_probe(bwrap_command(Path(found), view, _probe_command(), INSIDE.parent))
        if detected is not None:
            return Isolation(Path(found), **detected)
    return detect_kernel()


@functools.cache
def detect_kernel() -> Isolation:
    """Detect the isolation that the kernel offers without bubblewrap."""
    detected = _run_probe(_probe_command())
    return Isolation(None, **(detected or {"namespaces": False, "landlock": False}))


def inside_command(module: str, *options: str) -> list[str]:
    """Return the command that starts a module of `inside/`; run it from the parent folder of `inside/`."""
    return [sys.executable, *options, "-m", f"inside.{module}"]


def _probe_command() -> list[str]:
    return inside_command("probe", "-S", "-E", "-B")


def _run_probe(command: Sequence[str]) -> dict[str, bool] | None:
    try:
        done = subprocess.run(
            command, cwd=INSIDE.parent, env={}, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    answer = json.loads(done.stdout)
    return {"namespaces": answer["namespaces"], "landlock": answer["landlock"] > 0}


def process_limit_is_per_namespace() -> bool:
    """Return whether RLIMIT_NPROC counts per user namespace (Linux 5.14 or later) instead of per user."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    return version is not None and (int(version[1]), int(version[2])) >= (5, 14)
