"""What a case is, and the tables that most cases start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

COLOURS = ("amber", "cyan", "violet")


@dataclass(frozen=True)
class Case:
    """A folder of a user, and what `mars init` and `mars run` make of that folder."""

    name: str
    make: Callable[[Path], object]
    """Writes the files of the user into an empty folder."""

    spec: Mapping[str, object] = field(default_factory=dict)
    """Fields that the drafted competition.yaml must hold."""

    roles: Mapping[str, str | None] = field(default_factory=dict)
    """Roles of input columns; None: the column must be no input."""

    said: tuple[str, ...] = ()
    """Parts of the output of `mars init`, in any case of letters."""

    refused: tuple[str, ...] = ()
    """Parts of the one sentence with which `mars init` refuses the folder."""

    edit: tuple[str, str] | None = None
    """A line of competition.yaml that the user replaces before the run."""

    best: float | None = None
    """A run must reach this score; it is on the better side of the faulty behaviour."""

    header: tuple[str, ...] | None = None
    """Header of the submission."""


def numbers(rows: int = 320, seed: int = 11) -> pd.DataFrame:
    """Return ids, two numbers, a colour and the number `price` that follows from them."""
    rng = np.random.default_rng(seed)
    width, depth = rng.normal(size=rows).round(3), rng.normal(size=rows).round(3)
    colour = rng.choice(COLOURS, rows)
    price = 20 + 4 * width + 2 * depth + 3 * (colour == "amber") + rng.normal(0, 0.5, rows)
    return pd.DataFrame(
        {
            "id": np.arange(5001, 5001 + rows),
            "width": width,
            "depth": depth,
            "colour": colour,
            "price": price.round(2),
        }
    )


def classes(rows: int = 320, seed: int = 11) -> pd.DataFrame:
    """Return the table of `numbers` with the class `sold` (0 or 1) in place of the price."""
    frame = numbers(rows, seed)
    frame["sold"] = (frame.pop("price") > 21).astype(int)
    return frame


def parts(frame: pd.DataFrame, *targets: str, share: float = 0.75) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first rows to learn from, and the other rows without their targets."""
    cut = int(len(frame) * share)
    return frame.iloc[:cut], frame.iloc[cut:].drop(columns=list(targets))


def save(
    folder: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    sample: pd.DataFrame | None = None,
    **options: object,
) -> None:
    """Write the tables as CSV; options go to pandas."""
    tables = {"train": train, "test": test, "sample_submission": sample}
    for name, table in tables.items():
        if table is not None:
            table.to_csv(folder / f"{name}.csv", **{"index": False, **options})


def save_split(folder: Path, frame: pd.DataFrame, *targets: str, **options: object) -> None:
    """Split a table and write its parts."""
    save(folder, *parts(frame, *targets), **options)
