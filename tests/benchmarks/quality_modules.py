"""Imports the modules of `benchmarks/quality`, which are scripts beside each other and no package."""

import importlib
import sys
from types import ModuleType

from agent.core.paths import benchmarks_dir

QUALITY = benchmarks_dir() / "quality"


def quality(name: str) -> ModuleType:
    """A module of the benchmark by its name, such as `ranks` or `peers.five_learners`."""
    if str(QUALITY) not in sys.path:
        sys.path.append(str(QUALITY))
    module = importlib.import_module(name)
    assert str(module.__file__).startswith(str(QUALITY)), f"{name} is another module: {module.__file__}"
    return module
