"""A table leaves out its least important columns instead of squeezing all of them."""

from io import StringIO

import pytest
from rich.console import Console

from agent.report.fitted_table import FittedColumn, fitted_table, table_console

COLUMNS = (
    FittedColumn("name", 0),
    FittedColumn("score", 1, justify="right"),
    FittedColumn("minutes", 2, justify="right"),
    FittedColumn("state", 0, wraps_at=12),
)
ROW = {"name": "a-long-name-of-a-run", "score": "0.81234", "minutes": "10.0", "state": "the budget is used"}


def _lines(width: int, *rows: dict[str, str]) -> list[str]:
    console = Console(width=width, file=StringIO())
    console.print(fitted_table(COLUMNS, rows, width))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_wide_terminal_gets_every_column_on_one_line_a_row() -> None:
    header, row = _lines(80, ROW)
    assert header.split() == ["name", "score", "minutes", "state"]
    assert row.split() == ["a-long-name-of-a-run", "0.81234", "10.0", "the", "budget", "is", "used"]


@pytest.mark.parametrize(
    ("width", "names"),
    [(60, ["name", "score", "minutes", "state"]), (50, ["name", "score", "state"]), (42, ["name", "state"])],
)
def test_the_least_important_columns_are_left_out_first(width: int, names: list[str]) -> None:
    assert _lines(width, ROW)[0].split() == names


@pytest.mark.parametrize("width", range(36, 90))
def test_no_word_is_cut_and_no_line_is_too_long(width: int) -> None:
    lines = _lines(width, ROW)
    assert max(len(line) for line in lines) <= width
    words = " ".join(lines).split()
    for word in ("a-long-name-of-a-run", "the", "budget", "is", "used"):
        assert word in words


def test_a_column_without_cells_is_left_out() -> None:
    assert _lines(80, ROW | {"score": ""})[0].split() == ["name", "minutes", "state"]


def test_a_table_without_rows_shows_its_header() -> None:
    assert _lines(80)[0].split() == ["name", "score", "minutes", "state"]


def test_a_pipe_gets_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert table_console().width == 200
    monkeypatch.setenv("COLUMNS", "72")
    assert table_console().width == 72


def test_a_cell_that_is_wider_than_the_terminal_is_folded_and_loses_nothing() -> None:
    columns = (FittedColumn("run", 0), FittedColumn("data", 2), FittedColumn("state", 0, wraps_at=12))
    name = "a-competition-with-a-long-name-261128-121902-000"
    console = Console(width=40, record=True, file=StringIO())
    console.print(fitted_table(columns, [{"run": name, "data": "full", "state": "stopped: resume"}], 40))
    text = console.export_text()
    lines = text.splitlines()
    assert all(len(line.rstrip()) <= 40 for line in lines)
    assert "state" in lines[0]
    assert sum(char not in " \n" for char in text) == len("runstate" + name + "stopped:resume")
