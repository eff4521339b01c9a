"""Repositories for two GPUs, and runs of them in several processes."""

from pathlib import Path

import psutil

from agent.repository.family import Value
from tests.templates.image_classification.image_runs import Finished, execute_cold, lay_out
from tests.templates.image_classification.picture_competitions import TinyCompetition

ONE_BATCH: dict[str, Value] = {
    "backbone": "convnext_atto",  # without batch norm, whose statistics a CPU does not share
    "pretrained": False,
    "image_size": 32,
    "batch_size": 32,
    "epochs": 2,
    "optimizer": "sgd",
    "lr": 0.01,
    "augmentation": "none",
    "flip": False,
}
STEP = "        targets = targets_of("  # a line of each training step


def workspace(shapes: TinyCompetition, folder: Path, slots: dict[str, Value], before_step: str = "") -> Path:
    """A repository for two GPUs; a line of code may precede each training step."""
    task = shapes.task.model_copy(update={"gpus": 2})
    lay_out(task, slots, shapes.folder, folder)
    fit = folder / "library" / "fit.py"
    code = fit.read_text()
    assert code.count(STEP) == 1
    fit.write_text(code.replace(STEP, f"        {before_step}\n{STEP}" if before_step else STEP))
    return folder


def run(folder: Path, processes: int, *arguments: str, **extra: str) -> Finished:
    return execute_cold(folder, *arguments, MARS_GPUS=str(processes), MARS_SEED="3", **extra)


def processes_in(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
