"""Signals of different lengths become rows of one length, in smoke runs and refits too."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from library.config import Config
from library.dataset import align, load_data, parse_signal, rows_of

assert parse_signal("1 -2.5 3e-1").tolist() == [1.0, -2.5, 0.3]
assert parse_signal("").tolist() == [0.0]

wave = np.sin(np.linspace(0, 12, 80))
aligned = align(3 * wave + 5 + np.linspace(0, 2, 80), 32)
assert aligned.shape == (32,)
assert np.allclose(aligned, align(wave, 32)), "amplitude, level and trend are gone"
assert np.isfinite(align(np.ones(7), 32)).all()
assert np.isfinite(align(np.zeros(1), 32)).all()

table = pd.DataFrame(
    {"id": ["a", "b", "c"], "signal": ["1 2 3 5", "2 1", "0 0 1 0 0 1"], "kind": ["up", "down", "up"]}
)
rows = rows_of(table, ["down", "up"], 16)
assert rows.x.shape == (3, 16), f"three rows of 16 samples, not {rows.x.shape}"
assert rows.truth is not None
assert rows.truth.tolist() == [1, 0, 1]
assert rows_of(table.drop(columns="kind"), ["down", "up"], 16).truth is None

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    pd.DataFrame({"label": ["down", "up"]}).to_csv(folder / "classes.csv", index=False)
    for part in ("train", "val"):
        table.to_csv(folder / f"{part}.csv", index=False)
    table.drop(columns="kind").to_csv(folder / "test.csv", index=False)
    data = load_data(Config(length=16), folder)
    assert data.classes == ["down", "up"]
    assert data.val is not None
    assert data.val.ids == ["a", "b", "c"]
    smoke = load_data(Config(length=16, smoke=True, smoke_rows=2), folder)
    assert len(smoke.train.ids) == len(smoke.test.ids) == 2
    refit = load_data(Config(length=16, refit=True), folder)
    assert refit.val is None
    assert refit.train.x.shape == (6, 16)
