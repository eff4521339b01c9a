"""Makes the executor that fits the machine."""

from collections.abc import Sequence
from pathlib import Path

from agent.errors import SetupError
from agent.execution.allowlist import is_below
from agent.execution.base import Executor
from agent.execution.cold import ColdExecutor
from agent.execution.isolation import Sandbox, detect
from agent.execution.warm import WarmExecutor

_SHARED_MEMORY = Path("/dev/shm")


def make_executor(
    *,
    cold: bool,
    nodes_root: Path,
    preload: Sequence[str] = (),
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    sandbox: Sandbox = "auto",
) -> Executor:
    """An executor for jobs whose workspaces lie below `nodes_root`.

    Raises SetupError where candidates could not see their workspaces.

    `preload` names the modules that warm candidates find imported. `readable` are the prepared data and
    whatever else every candidate may read (weights); `writable` are folders that hold the jobs' caches. With
    `sandbox="none"` candidates are plain processes; `guarantees.missing()` says what that costs.
    """
    isolation = detect(sandbox)
    if (isolation.bwrap or isolation.namespaces) and is_below(nodes_root.resolve(), [_SHARED_MEMORY]):
        raise SetupError(
            f"{nodes_root}: candidates have a {_SHARED_MEMORY} of their own and could not see this folder; "
            "point MARS_HOME to a folder elsewhere."
        )
    nodes_root.mkdir(parents=True, exist_ok=True)
    if cold:
        return ColdExecutor(isolation, readable)
    for folder in writable:
        folder.mkdir(parents=True, exist_ok=True)
    return WarmExecutor(isolation, nodes_root, preload, readable, writable)
