"""Seeds, time, progress and files."""

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


class Progress:
    """Appends a JSON line per step of the run to a file, without what is None."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._start = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._start

    def write(self, stage: str, fraction: float | None = None, metric: float | None = None) -> None:
        record = {
            "stage": stage,
            "fraction": fraction,
            "metric": metric,
            "elapsed_s": round(self.elapsed(), 3),
        }
        known = {key: value for key, value in record.items() if value is not None}
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(known) + "\n")


@contextlib.contextmanager
def write_aside(file: Path) -> Iterator[Path]:
    """Gives a path to write to, which becomes `file` at the end: readers never see half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        yield aside
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def write_json(content: dict[str, object], file: Path) -> None:
    with write_aside(file) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_outputs(ids: list[str], outputs: np.ndarray, file: Path) -> None:
    """Keeps probabilities (N, C) beside their ids, for ensembles."""
    with write_aside(file) as aside, aside.open("wb") as stream:
        np.savez(stream, ids=np.array(ids, dtype=np.str_), outputs=outputs.astype(np.float32))


def write_submission(table: pd.DataFrame, file: Path) -> None:
    with write_aside(file) as aside:
        table.to_csv(aside, index=False)
