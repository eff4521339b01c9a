"""What this machine offers to isolate candidates, found out by trying, and what follows from it."""

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
from agent.execution.bubblewrap import View, sandboxed
from agent.execution.inside.task import Namespaces

Sandbox = Literal["auto", "none"]

INSIDE = Path(__file__).resolve().parent / "inside"
_PROBE_S = 20.0


@dataclass(frozen=True)
class Isolation:
    """The means at hand."""

    bwrap: Path | None
    namespaces: bool
    """Whether a supervisor can make namespaces of its own (inside bubblewrap, where there is one)."""
    landlock: bool

    def supervisors_namespaces(self, *, warm: bool) -> Namespaces:
        """What a supervisor adds: nothing in a cold sandbox, whose bubblewrap has made all of it."""
        if not self.namespaces or (self.bwrap is not None and not warm):
            return "none"
        return "own with network" if self.bwrap is None else "own"

    def guarantees(self, *, warm: bool) -> Guarantees:
        """What an executor can promise with these means."""
        hidden = self.bwrap is not None or self.landlock
        return Guarantees(
            network_blocked=self.bwrap is not None or self.namespaces,
            inputs_read_only=hidden,
            home_hidden=hidden,
            process_tree_dies=True,
            memory_limited=True,
            # Warm candidates share one sandbox, in which every node's folder is writable.
            writes_confined=self.landlock or (self.bwrap is not None and not warm),
        )


@functools.cache
def detect(sandbox: Sandbox) -> Isolation:
    """Tries bubblewrap, else what the kernel offers without it; `none` uses neither."""
    if sandbox == "none":
        return Isolation(bwrap=None, namespaces=False, landlock=False)
    found = shutil.which("bwrap")
    if found is not None:
        view = View(readable=[INSIDE], writable=[], scratch=None)
        offered = _offered(sandboxed(Path(found), view, _probe(), INSIDE.parent))
        if offered is not None:
            return Isolation(Path(found), **offered)
    return detect_kernel()


@functools.cache
def detect_kernel() -> Isolation:
    """What the kernel alone offers, where bubblewrap is absent or may not run."""
    offered = _offered(_probe())
    return Isolation(None, **(offered or {"namespaces": False, "landlock": False}))


def inside_command(module: str, *options: str) -> list[str]:
    """Starts a module of `inside/`; the working folder must be the one above it."""
    return [sys.executable, *options, "-m", f"inside.{module}"]


def _probe() -> list[str]:
    return inside_command("probe", "-S", "-E", "-B")


def _offered(command: Sequence[str]) -> dict[str, bool] | None:
    try:
        done = subprocess.run(
            command, cwd=INSIDE.parent, env={}, capture_output=True, timeout=_PROBE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    answer = json.loads(done.stdout)
    return {"namespaces": answer["namespaces"], "landlock": answer["landlock"] > 0}


def counts_processes_per_namespace() -> bool:
    """Whether RLIMIT_NPROC counts within a user namespace (Linux 5.14) and not all that the user runs."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    return version is not None and (int(version[1]), int(version[2])) >= (5, 14)
