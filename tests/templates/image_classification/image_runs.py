"""Renders ideas of the family and runs what was rendered."""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from agent.core.paths import templates_dir
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import Renderer, TaskView, write_tree

Files = dict[str, str]
Slots = dict[str, Value]
WARM_RUNNER = Path(__file__).with_name("warm_runner.py")

FAMILY: Family = load_family(templates_dir() / "image_classification")
QUICK: Slots = {"backbone": "tiny_cnn", "image_size": 32, "epochs": 2, "lr": 0.01, "flip": False}
ROWS_TO_KEEP_ENCODED, ROWS_TO_DECODE_ON_DEMAND = 10**6, 10**8  # pictures of 32 pixels


def read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


@dataclass(frozen=True)
class Finished:
    """What a run of `main.py` left behind."""

    workspace: Path
    returncode: int
    output: str

    @property
    def metric(self) -> float:
        """The printed validation metric, which must be there exactly once."""
        (line,) = [line for line in self.output.splitlines() if line.startswith("Final Validation Metric: ")]
        return float(line.removeprefix("Final Validation Metric: "))

    def analysis(self) -> dict[str, object]:
        content: dict[str, object] = json.loads((self.workspace / "working" / "analysis.json").read_text())
        return content


def an_idea(slots: Mapping[str, Value], cites: Mapping[str, tuple[str, ...]] | None = None) -> Idea:
    blueprint = Blueprint(family=FAMILY.id, slots=FAMILY.fill(dict(slots), "test"))
    return placeholder_idea("the blueprint", "A plan", blueprint, dict(cites or {}))


def render(
    task: TaskView, slots: Mapping[str, Value], cites: Mapping[str, tuple[str, ...]] | None = None
) -> Files:
    """The files of one repository; slots that are left out have their defaults."""
    return _renderer(task).render(an_idea(slots, cites))


@cache
def _renderer(task: TaskView) -> Renderer:
    return Renderer(FAMILY, task)


def lay_out(task: TaskView, slots: Mapping[str, Value], data: Path, workspace: Path) -> Path:
    """Renders into a new workspace whose `input` and `metadata` lead to the data folder."""
    write_tree(render(task, slots), workspace)
    for name in ("input", "metadata"):
        (workspace / name).symlink_to(data / name)
    return workspace


def environment(**extra: str) -> dict[str, str]:
    """What a candidate sees: one thread, no hub, nothing inherited but the path."""
    return {
        "PATH": os.environ["PATH"],
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        **extra,
    }


def execute_cold(workspace: Path, *arguments: str, **extra: str) -> Finished:
    """Runs `main.py` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=workspace,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(workspace, done.returncode, done.stdout + done.stderr)


def execute(workspace: Path, *arguments: str, **extra: str) -> Finished:
    """Runs `main.py` in a fork of a process that has the imports behind it, which cost most of a tiny run."""
    server = _warm_server()
    assert server.stdin is not None
    assert server.stdout is not None
    request = {"workspace": str(workspace), "arguments": arguments, "environment": extra}
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    status, output = json.loads(server.stdout.readline())
    return Finished(workspace, status, output)


@cache
def _warm_server() -> subprocess.Popen[str]:
    command = [sys.executable, str(WARM_RUNNER), *FAMILY.preload]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
    )
    atexit.register(server.kill)
    return server
