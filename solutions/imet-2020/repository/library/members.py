"""The members: they are run where their outputs are missing, and their outputs are put in one order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from library.config import MEMBERS, MEMBERS_FOLDER, WORKING, Config
from library.utils import Clock, Progress

PARTS = ("val", "test")


def outputs_file(folder: Path, part: str) -> Path:
    return folder / "working" / f"{part}_outputs.npz"


def gather_members(config: Config, clock: Clock, progress: Progress) -> list[Path]:
    """A folder with outputs for every member; those without are run and share the time that is left."""
    folders = [MEMBERS_FOLDER / member for member in MEMBERS]
    missing = [folder for folder in folders if not all(outputs_file(folder, part).exists() for part in PARTS)]
    for position, folder in enumerate(missing):
        progress.write("member", member=folder.name, fraction=position / len(missing))
        if config.smoke:  # outputs of a smoke run must not be taken for real ones later
            copy = WORKING / "smoke" / folder.name
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            folders[folders.index(folder)] = folder = copy
        run_member(folder, 0.9 * clock.left() / (len(missing) - position), config.smoke)
    return folders


def run_member(folder: Path, limit_s: float, smoke: bool) -> None:
    """Runs a member's own `main.py` in its folder; what it prints goes to a file there."""
    for name in ("input", "metadata"):
        if not (folder / name).exists():
            (folder / name).symlink_to(Path(name).resolve(), target_is_directory=True)
    command = [sys.executable, "main.py", *(["--smoke"] if smoke else [])]
    log = folder / "run.log"
    with log.open("w", encoding="utf-8") as stream:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"MARS_TIME_LIMIT_S": str(max(limit_s, 1.0))},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode != 0:
        raise RuntimeError(f"{log}: member {folder.name} ended with exit code {finished.returncode}.")


def read_outputs(folder: Path, part: str, ids: list[str]) -> np.ndarray:
    """A member's raw outputs (N, K) as float32, in the order of `ids`."""
    file = outputs_file(folder, part)
    with np.load(file, allow_pickle=False) as arrays:
        known, outputs = arrays["ids"].tolist(), arrays["outputs"]
    row_of_id = {row_id: row for row, row_id in enumerate(known)}
    missing = [row_id for row_id in ids if row_id not in row_of_id]
    if missing:
        raise ValueError(f"{file}: {len(missing)} of {len(ids)} rows are missing, first {missing[0]!r}.")
    rows = [row_of_id[row_id] for row_id in ids]
    return outputs[rows].astype(np.float32).reshape(len(ids), -1)
