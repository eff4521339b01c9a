"""Create the executor that fits the machine."""

from collections.abc import Sequence
from pathlib import Path

from agent.core.errors import SetupError
from agent.execution.allowlist import is_below
from agent.execution.base import Executor
from agent.execution.cold import ColdExecutor
from agent.execution.isolation import Sandbox, detect_isolation
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
    """Create an executor for jobs whose workspaces lie below `nodes_root`.

    Args:
        cold: Start a new interpreter for every job instead of forking from a server.
        nodes_root: Parent folder of all workspaces; created if absent.
        preload: Modules that are already imported in warm candidates.
        readable: Folders that every candidate may read: prepared data, weights.
        writable: Folders that hold the jobs' caches.
        sandbox: "none" runs candidates as plain processes; `guarantees.missing()` lists the lost protections.

    Raises:
        SetupError: Candidates could not see their workspaces.
    """
    isolation = detect_isolation(sandbox)
    if (isolation.bwrap or isolation.namespaces) and is_below(nodes_root.resolve(), [_SHARED_MEMORY]):
        raise SetupError(
            f"{nodes_root}: candidates cannot see this folder, because each candidate gets a private "
            f"{_SHARED_MEMORY}; point MARS_HOME to a folder elsewhere."
        )
    nodes_root.mkdir(parents=True, exist_ok=True)
    if cold:
        return ColdExecutor(isolation, readable)
    for folder in writable:
        folder.mkdir(parents=True, exist_ok=True)
    return WarmExecutor(isolation, nodes_root, preload, readable, writable)
