"""Signals in cells: read in pieces, checked row by row, told by aggregates, recognised by `mars init`."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation import signals
from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.preparation.prepare import prepare
from agent.competition.preparation.signals import read_signals
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.drafting.rules.draft import draft_spec
from tests.competition.raw_folders import COLOURS, prepare_folder, raw, write_spec, write_tables

FILE = Path("train.csv")


def waves(count: int, start: int = 0) -> pd.DataFrame:
    """Rows id, wave, label; waves are 20 to 39 samples of random walks."""
    rng = np.random.default_rng(start)
    cells = [rng.normal(size=rng.integers(20, 40)).cumsum().round(3) for _ in range(count)]
    return pd.DataFrame(
        {
            "id": [f"row-{start + row}" for row in range(count)],
            "wave": [" ".join(map(str, cell)) for cell in cells],
            "label": [COLOURS[row % 3] for row in range(count)],
        }
    )


def wave_folder(folder: Path, train: pd.DataFrame | None = None) -> CompetitionSpec:
    test = waves(20, start=60).drop(columns="label")
    write_tables(folder, waves(60) if train is None else train, test)
    return write_spec(folder, inputs=[{"name": "wave", "role": "signal"}])


def test_cells_of_any_length_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_CHUNK_ROWS", 2)
    cells = pd.Series(["1 2.5 -3e-1", " ", "\t4  +5 ", "", "6."], name="wave")
    pieces = list(read_signals(cells, FILE))
    assert [piece.lengths.tolist() for piece in pieces] == [[3, 0], [2, 0], [1]]
    assert np.concatenate([piece.samples for piece in pieces]).tolist() == [1, 2.5, -0.3, 4, 5, 6]


@pytest.mark.parametrize("word", ["x", "nan", "inf", "1,5", "1_0", "1e999"])
@pytest.mark.parametrize("row", [1, 3, 4])
def test_a_cell_that_is_no_signal_is_named_with_its_row(
    word: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "_CHUNK_ROWS", 2)
    cells = pd.Series(["1 2", "", "3 4 5", "6"], name="wave")
    cells[row - 1] += f" {word}"
    with pytest.raises(SetupError, match=rf"^train\.csv: row {row}, column 'wave': '{word}' is not a finite"):
        list(read_signals(cells, FILE))


@pytest.mark.parametrize("table", ["train.csv", "test.csv"])
def test_preparation_refuses_what_is_no_signal(tmp_path: Path, table: str) -> None:
    spec = wave_folder(tmp_path / "data")
    file = tmp_path / "data" / table
    rows = pd.read_csv(file, dtype=str)
    rows.loc[7, "wave"] = "1 two 3"
    rows.to_csv(file, index=False)
    with pytest.raises(SetupError, match=rf"{table}: row \d+, column 'wave': 'two' is not a finite number"):
        prepare(spec, raw(tmp_path / "data"), Home(tmp_path / "home"))


def test_a_column_of_blank_cells_is_no_signal(tmp_path: Path) -> None:
    spec = wave_folder(tmp_path / "data", waves(60).assign(wave=" "))
    with pytest.raises(SetupError, match=r"column 'wave' holds no signals: all 60 cells are blank"):
        prepare(spec, raw(tmp_path / "data"), Home(tmp_path / "home"))


def test_candidates_get_the_cells_as_they_are(tmp_path: Path) -> None:
    spec = wave_folder(tmp_path / "data")
    prepared: Prepared = prepare_folder(spec, tmp_path / "data")
    given = pd.concat(
        [pd.read_csv(prepared.metadata / f"{part}.csv", dtype=str) for part in ("train", "val")]
    )
    assert set(given["wave"]) == set(waves(60)["wave"])
    to_predict = pd.read_csv(prepared.metadata / "test.csv", dtype=str)
    assert set(to_predict["wave"]) == set(waves(20, start=60)["wave"])


def _explored(folder: Path, cells: list[str]) -> dict[str, Any]:
    spec = write_spec(folder, inputs=[{"name": "wave", "role": "signal"}])
    rows = pd.DataFrame({"wave": cells, "label": [COLOURS[row % 3] for row in range(len(cells))]})
    columns: Any = summarize_training_rows(rows, spec, folder)["columns"]
    return dict(json.loads(json.dumps(columns["wave"], allow_nan=False)))


def test_signals_are_described_by_aggregates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = [rng.normal(5, 2, 200) for _ in range(300)]
    smooth = [np.linspace(0, 4, 100) + shift for shift in range(30)]
    found = _explored(tmp_path, [" ".join(map(str, one)) for one in steps] + [""])
    assert (found["missing"], found["looked_at"]) == (1, 300)
    assert (found["length_mean"], found["length_std"], found["distinct_lengths"]) == (200, 0, 1)
    assert found["samples"]["mean"] == pytest.approx(5, abs=0.05)
    assert found["row_spread_mean"] == pytest.approx(2, rel=0.02)
    assert found["row_roughness_mean"] == pytest.approx(math.sqrt(2), rel=0.02)
    found = _explored(tmp_path, [" ".join(map(str, one)) for one in smooth])
    assert found["row_roughness_mean"] == pytest.approx(0, abs=0.05)
    assert found["row_mean_std"] == pytest.approx(np.std(np.arange(30)))


def test_no_sample_is_told(tmp_path: Path) -> None:
    cells = waves(40)["wave"].tolist()
    text = json.dumps(_explored(tmp_path, cells))
    assert not any(word in text for cell in cells for word in cell.split() if len(word) > 5)
    assert "length_mean" not in _explored(tmp_path, cells[:9]), "few rows would be told by their moments"


@pytest.mark.parametrize(
    "cells", [["5"] * 12, ["0 0 0", "1 1"] * 6, ["1e308 -1e308"] * 12, [""] * 12, [" "] * 12]
)
def test_odd_signals_are_described_too(tmp_path: Path, cells: list[str]) -> None:
    assert _explored(tmp_path, cells)["role"] == "signal"


def test_init_recognises_signals(tmp_path: Path) -> None:
    wave_folder(tmp_path)
    (tmp_path / "competition.yaml").unlink()
    draft = draft_spec(tmp_path)
    assert [(column.name, column.role) for column in draft.spec.inputs] == [("wave", "signal")]
    assert any(
        "is read as signals: numbers in order of time or place" in question for question in draft.questions
    )


def _redraft(folder: Path, change: "dict[str, str]") -> None:
    """Writes tables whose waves are parted by other marks, beside a number."""
    for name, rows in (("train.csv", waves(60)), ("test.csv", waves(20, 60).drop(columns="label"))):
        cells = rows["wave"].map(lambda cell: change["around"].format(cell.replace(" ", change["between"])))
        rows.assign(wave=cells, x=np.arange(len(rows)) / 7).to_csv(folder / name, index=False)


@pytest.mark.parametrize(("around", "between"), [("[{}]", ", "), ("{}", ";"), ("({})", " ")])
def test_init_says_how_other_lists_of_numbers_become_signals(
    tmp_path: Path, around: str, between: str
) -> None:
    _redraft(tmp_path, {"around": around, "between": between})
    draft = draft_spec(tmp_path)
    assert [column.name for column in draft.spec.inputs] == ["x"]
    (question,) = [question for question in draft.questions if "'wave'" in question]
    assert "separate the numbers by blanks to use them as signals" in question


def test_a_few_numbers_a_cell_or_words_among_them_are_no_signal(tmp_path: Path) -> None:
    rows = waves(60)
    few = rows["wave"].map(lambda cell: " ".join(cell.split()[:4]))
    noted = rows["wave"] + " volts"
    for cells in (few, noted):
        wave_folder(tmp_path, rows.assign(wave=cells))
        (tmp_path / "competition.yaml").unlink()
        assert draft_spec(tmp_path).spec.inputs[0].role == "text"
