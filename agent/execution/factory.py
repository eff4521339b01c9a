"""Makes the executor that fits the machine."""

from collections.abc import Sequence
from pathlib import Path

from agent.execution.base import Executor
from agent.execution.cold import ColdExecutor
from agent.execution.isolation import Sandbox, detect
from agent.execution.warm import WarmExecutor


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

    `preload` names the modules that warm candidates find imported. `readable` are the prepared data and
    whatever else every candidate may read (weights); `writable` are folders that hold the jobs' caches. With
    `sandbox="none"` candidates are plain processes; `guarantees.missing()` says what that costs.
    """
    nodes_root.mkdir(parents=True, exist_ok=True)
    isolation = detect(sandbox)
    if cold:
        return ColdExecutor(isolation, readable)
    for folder in writable:
        folder.mkdir(parents=True, exist_ok=True)
    return WarmExecutor(isolation, nodes_root, preload, readable, writable)
