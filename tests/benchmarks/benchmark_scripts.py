"""Runs and imports the data scripts of the bundled competitions."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from agent.core.paths import benchmarks_dir

IMET = benchmarks_dir() / "imet-2020"
METRIC_MATCHING = benchmarks_dir() / "metric-matching"
YOUTH = benchmarks_dir() / "youth-mental-health"
DIGITS = benchmarks_dir() / "digits"
SIGNALS = benchmarks_dir() / "signals"

_WITHOUT_AGENT = """
import runpy, sys
sys.modules["agent"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_script(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own, in which `agent` cannot be imported."""
    command = [sys.executable, "-c", _WITHOUT_AGENT, str(script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def import_script(script: Path) -> ModuleType:
    """The script as a module, for its functions with small counts."""
    if str(script.parent) not in sys.path:
        sys.path.append(str(script.parent))
    spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files_below(folder: Path) -> dict[str, bytes]:
    """Content of every file by its path below the folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def read_picture(file: Path) -> np.ndarray:
    """The pixels as they are stored, grey or BGR."""
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert picture is not None, file
    return picture
