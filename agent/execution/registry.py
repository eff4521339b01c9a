"""The executors by name. Packages add executors by entry points of the group `mars.executors`."""

from collections.abc import Sequence
from pathlib import Path

from agent.core.errors import MarsError, SetupError
from agent.core.registry import Registry
from agent.execution.allowlist import is_below
from agent.execution.base import Executor
from agent.execution.isolation import Sandbox, detect_isolation
from agent.execution.setup import ExecutorFactory, ExecutorSetup

EXECUTORS: Registry[ExecutorFactory] = Registry(
    "mars.executors",
    {"warm": "agent.execution.warm:make_warm", "cold": "agent.execution.cold:make_cold"},
    lambda found: "" if callable(found) else "a class or function that makes an executor",
)
_SHARED_MEMORY = Path("/dev/shm")


def make_executor(
    name: str,
    *,
    nodes_root: Path,
    preload: Sequence[str] = (),
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    sandbox: Sandbox = "auto",
    preload_later: Sequence[str] = (),
    named: Sequence[Path] = (),
) -> Executor:
    """Create an executor for jobs whose workspaces lie below `nodes_root`.

    Args:
        name: Name of the executor: "warm" forks candidates from a server, "cold" starts an interpreter each.
        nodes_root: Parent folder of all workspaces; created if absent.
        preload: Modules that are already imported in warm candidates.
        readable: Folders that every candidate may read: media, caches, weights.
        writable: Folders that hold the jobs' caches; created if absent.
        sandbox: "none" runs candidates as plain processes; `guarantees.missing()` lists the lost protections.
        preload_later: Modules that warm candidates find imported after some seconds, if they are installed.
        named: Folders that a candidate may read only if its job names them: the prepared tables. The job of a
            probe names tables with shuffled answers, and its candidate must not find the real ones.

    Raises:
        SetupError: The name is unknown, or candidates could not see their workspaces.
    """
    factory = EXECUTORS.load(name)
    isolation = detect_isolation(sandbox)
    if (isolation.bwrap or isolation.namespaces) and is_below(nodes_root.resolve(), [_SHARED_MEMORY]):
        raise SetupError(
            f"{nodes_root}: candidates cannot see this folder, because each candidate gets a private "
            f"{_SHARED_MEMORY}; point MARS_HOME to a folder elsewhere."
        )
    for folder in (nodes_root, *writable):
        folder.mkdir(parents=True, exist_ok=True)
    setup = ExecutorSetup(isolation, nodes_root, preload, readable, writable, preload_later, named)
    return factory(setup) if name in EXECUTORS.builtin else _made_by_package(name, factory, setup)


def _made_by_package(name: str, factory: ExecutorFactory, setup: ExecutorSetup) -> Executor:
    """Make the executor of an installed package; SetupError if this fails or gives no executor."""
    package = EXECUTORS.source(name).package
    try:
        executor = factory(setup)
    except MarsError:
        raise
    except Exception as error:  # foreign code
        raise SetupError(
            f"The executor '{name}' of the package {package} cannot be made "
            f"({type(error).__name__}: {error}); repair or uninstall {package}."
        ) from error
    lacks = [part for part in ("execute", "close", "guarantees") if not hasattr(executor, part)]
    if lacks:
        raise SetupError(
            f"The executor '{name}' of the package {package} has no `{lacks[0]}`; correct the entry point."
        )
    return executor
