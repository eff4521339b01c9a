"""What an executor is made from, and the interface of the functions that make one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.execution.base import Executor
from agent.execution.isolation import Isolation


@dataclass(frozen=True)
class ExecutorSetup:
    """The folders and the isolation of the jobs that an executor will run."""

    isolation: Isolation  # what this machine offers; `guarantees.missing()` lists the lost protections
    nodes_root: Path  # parent folder of all workspaces; exists
    preload: Sequence[str] = ()  # modules that most candidates import
    readable: Sequence[Path] = ()  # folders that every candidate may read: media, caches, weights
    writable: Sequence[Path] = ()  # folders of the jobs' caches; exist
    preload_later: Sequence[str] = ()  # modules that some candidates import, if they are installed
    named: Sequence[Path] = ()  # folders that only the jobs that name them may read: the prepared tables


class ExecutorFactory(Protocol):
    """Makes an executor; the registry of executors holds one factory per name."""

    def __call__(self, setup: ExecutorSetup) -> Executor: ...
