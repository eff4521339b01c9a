"""Imports a rendered repository's `library` into the test's process."""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from agent.repository.family import Value
from agent.repository.rendering import TaskView, write_tree
from tests.templates.image_classification.image_runs import render


def default_config(**changes: object) -> Any:
    """The settings of the imported repository, on a CPU, without checkpoints, some of them changed."""
    config = importlib.import_module("library.config").Config.from_environment(smoke=False)
    if hasattr(config, "checkpoints"):
        changes.setdefault("checkpoints", type(config.checkpoints)(None))
    return replace(config, device="cpu", **changes)


def cache_at(folder: Path | None) -> Any:
    """The imported repository's cache."""
    return importlib.import_module("library.utils").Cache(folder)


def silent_progress() -> Any:
    """The imported repository's own progress, which writes nowhere."""
    utils = importlib.import_module("library.utils")
    return utils.Progress(Path(os.devnull), utils.Clock(float("inf")))


@contextmanager
def imported(task: TaskView, slots: Mapping[str, Value], folder: Path, module: str) -> Iterator[ModuleType]:
    """`library.<module>` of the rendered repository; others of this name are kept apart."""
    write_tree(render(task, slots), folder)
    others = _forget_library()
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(f"library.{module}")
    finally:
        sys.path.remove(str(folder))
        _forget_library()
        sys.modules.update(others)


def _forget_library() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.split(".")[0] == "library"]
    return {name: sys.modules.pop(name) for name in names}
