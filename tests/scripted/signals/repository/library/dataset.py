"""The tables, and signals of any length as rows of equal length."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from library.config import ID, METADATA, SIGNAL, TARGET, Config


@dataclass(frozen=True)
class Rows:
    """One part of the data, N rows."""

    ids: list[str]
    x: np.ndarray  # (N, L) aligned samples
    truth: np.ndarray | None  # (N,) class indices; None for rows to predict


@dataclass(frozen=True)
class Data:
    """Everything the solution learns from and predicts."""

    classes: list[str]
    train: Rows
    val: Rows | None  # None in a refit, which learns from these rows
    test: Rows


def load_data(config: Config, metadata: Path = METADATA) -> Data:
    """Reads the tables; a smoke run takes a random few rows of each."""
    classes = read_table(metadata / "classes.csv")["label"].tolist()
    tables = {part: read_table(metadata / f"{part}.csv") for part in ("train", "val", "test")}
    if config.smoke:
        for part, table in tables.items():
            tables[part] = table.sample(min(config.smoke_rows, len(table)), random_state=config.seed)
    test = rows_of(tables["test"], classes, config.length)
    if config.refit:
        everything = pd.concat([tables["train"], tables["val"]], ignore_index=True)
        return Data(classes, rows_of(everything, classes, config.length), None, test)
    train, val = (rows_of(tables[part], classes, config.length) for part in ("train", "val"))
    return Data(classes, train, val, test)


def read_table(file: Path) -> pd.DataFrame:
    """A CSV file with every cell as the text it is: ids and labels are no numbers."""
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def rows_of(table: pd.DataFrame, classes: list[str], length: int) -> Rows:
    """The rows of a table; one with the target has the truth, too."""
    x = np.stack([align(parse_signal(cell), length) for cell in table[SIGNAL]])
    truth = None
    if TARGET in table:
        position = {label: index for index, label in enumerate(classes)}
        truth = np.array([position[label] for label in table[TARGET]])
    return Rows(table[ID].tolist(), x, truth)


def parse_signal(cell: str) -> np.ndarray:
    """Numbers parted by blanks -> (N,); a blank cell is a single zero."""
    return np.array([float(word) for word in cell.split()] or [0.0])


def align(samples: np.ndarray, length: int) -> np.ndarray:
    """A signal (N,) without its trend and amplitude, read off at `length` equal steps of time."""
    time = np.linspace(-1, 1, len(samples))
    slope = (samples * time).sum() / max((time**2).sum(), 1e-12)
    level = samples - samples.mean() - slope * time
    spread = level.std()
    scaled = level / spread if spread > 0 else level
    return np.interp(np.linspace(-1, 1, length), time, scaled)
