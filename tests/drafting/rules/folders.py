"""Small folders of tables for tests of the draft."""

from pathlib import Path

import numpy as np
import pandas as pd


def table(rows: int = 60, seed: int = 3) -> pd.DataFrame:
    """Return ids, a number, a level and a target that follows from them."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=rows).round(6)
    colour = rng.choice(["red", "green", "blue"], rows)
    price = (5 + 2 * size + (colour == "red") + rng.normal(0, 0.3, rows)).round(2)
    return pd.DataFrame({"id": np.arange(101, 101 + rows), "size": size, "colour": colour, "price": price})


def write_tables(
    folder: Path,
    frame: pd.DataFrame,
    *targets: str,
    sample: dict[str, object] | None = None,
    names: tuple[str, str] = ("train.csv", "test.csv"),
) -> Path:
    """Write two thirds as labelled rows and the rest without targets; `sample` gives its columns."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = 2 * len(frame) // 3
    train, test = frame.iloc[:cut], frame.iloc[cut:].drop(columns=list(targets))
    train.to_csv(folder / names[0], index=False)
    test.to_csv(folder / names[1], index=False)
    if sample is not None:
        columns = {name: test[name] if value is None else value for name, value in sample.items()}
        pd.DataFrame(columns, index=test.index).to_csv(folder / "sample_submission.csv", index=False)
    return folder
