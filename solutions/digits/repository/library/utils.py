"""Seeds, time, progress, files and the metric."""

import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(not torch.cuda.is_available())


class Clock:
    """Seconds since the process began, and how many of its time limit are left."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        # Imports come before any clock and keep one core busy: the processor time so far is what they took.
        self._start = time.monotonic() - time.process_time()

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def left(self) -> float:
        """Seconds to work with; a margin is kept for writing the results."""
        return 0.95 * self.limit_s - 2 - self.elapsed()


class Progress:
    """Appends a JSON line per step of the run to a file, without what is None or NaN."""

    def __init__(self, file: Path, clock: Clock) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._clock = clock

    def write(
        self,
        stage: str,
        *,
        member: str | None = None,
        fold: int | None = None,
        epoch: int | None = None,
        fraction: float | None = None,
        train_loss: float | None = None,
        metric: float | None = None,
    ) -> None:
        record = {
            "stage": stage,
            "member": member,
            "fold": fold,
            "epoch": epoch,
            "fraction": fraction,
            "train_loss": train_loss,
            "metric": metric,
            "elapsed_s": round(self._clock.elapsed(), 3),
        }
        known = {key: value for key, value in record.items() if value is not None and value == value}
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
    """Keeps raw outputs (N, ...) beside their ids, for ensembles."""
    with write_aside(file) as aside, aside.open("wb") as stream:
        np.savez(stream, ids=np.array(ids, dtype=np.str_), outputs=outputs)


def write_submission(predictions: pd.DataFrame, ids: list[str], file: Path) -> None:
    """Writes a row per id, in the order of `ids`; the predictions may come in any order."""
    key = predictions.columns[0]
    rows = predictions.set_index(key)
    if not rows.index.is_unique or set(rows.index) != set(ids):
        raise ValueError(f"{file}: the predictions' ids are not the {len(ids)} expected ones.")
    with write_aside(file) as aside:
        rows.loc[ids].rename_axis(key).reset_index().to_csv(aside, index=False)


def cached_array(folder: Path | None, key: object, build: Callable[[], np.ndarray]) -> np.ndarray:
    """The array that `build` makes, kept under a name derived from `key` (all that it depends on)."""
    if folder is None:
        return build()
    file = folder / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.npy"
    if not file.exists():
        with write_aside(file) as aside, aside.open("wb") as stream:
            np.save(stream, build(), allow_pickle=False)
    return np.load(file, mmap_mode="r", allow_pickle=False)


def score(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Share of rows whose predicted label is the true one.

    Both are (N,) class indices.
    """
    return float(np.mean(truth == prediction))
