"""`mars init` with names of columns that hold line breaks and characters that steer a terminal."""

from pathlib import Path

import numpy as np
import pandas as pd

from agent.core.paths import Home
from tests.cli.commands import mars


def _folder(folder: Path, names: dict[str, str], yes: str) -> Path:
    folder.mkdir()
    width = np.random.default_rng(4).normal(size=120).round(3)
    table = pd.DataFrame({"id": range(120), "width": width, "colour": ["red", "blue"] * 60})
    table["sold"] = np.where(width > 0, yes, "no")
    table = table.rename(columns=names)
    table[:90].to_csv(folder / "train.csv", index=False)
    table[90:].drop(columns=names["sold"]).to_csv(folder / "test.csv", index=False)
    return folder


def test_line_breaks_in_names_of_columns(home: Home, tmp_path: Path) -> None:
    names = {"width": "width\n(cm)", "colour": "a\tb", "sold": "was\nsold"}
    done = mars("init", str(_folder(tmp_path / "sheet", names, "y\nes")))
    assert "  inputs.width (cm): number  (its values are numbers)" in done.stdout.splitlines()


def test_names_of_columns_do_not_steer_the_terminal(home: Home, tmp_path: Path) -> None:
    names = {"width": "\x1b[31mred", "colour": "bell\x07", "sold": "\x9b2Jgone"}
    done = mars("init", str(_folder(tmp_path / "data", names, "\x1b[2Jyes")))
    assert [char for char in done.stdout if char != "\n" and not char.isprintable()] == []
    assert "inputs.[31mred: number" in done.stdout
