"""Any table that a program writes comes back with the same header and cells."""

import csv
import io
import tempfile
from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd
import polars
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.competition.reading.user_table import read_user_table
from agent.competition.tables import read_table, write_table
from agent.core.errors import SetupError
from tests.competition.reading.written_tables import (
    COMPRESSIONS,
    MULTILINE,
    WORDS,
    content,
    place,
    text_tables,
    written,
)

SEPARATORS = st.sampled_from([",", ";", "\t", "|"])
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])


@settings(max_examples=150, deadline=None)
@given(text_tables(), SEPARATORS, QUOTING, LINE_ENDS, ENCODINGS, st.sampled_from(sorted(COMPRESSIONS)))
def test_a_text_table_of_any_form_comes_back(
    table: pd.DataFrame,
    separator: str,
    quoting: Literal[0, 1],
    line_end: str,
    encoding: str,
    compression: str,
) -> None:
    data = COMPRESSIONS[compression](written(table, separator, quoting, line_end).encode(encoding))
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), f"train.csv{compression}", data)
    assert content(found.cells) == content(table)
    assert found.form.separator == separator
    assert found.index_columns == ()


@settings(max_examples=150, deadline=None)
@given(text_tables(MULTILINE), SEPARATORS, QUOTING, LINE_ENDS)
def test_cells_with_marks_and_line_ends_come_back(
    table: pd.DataFrame, separator: str, quoting: Literal[0, 1], line_end: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.csv", written(table, separator, quoting, line_end).encode())
    assert content(found.cells) == content(table)


@settings(max_examples=60, deadline=None)
@given(text_tables(MULTILINE), SEPARATORS)
def test_what_polars_writes_comes_back(table: pd.DataFrame, separator: str) -> None:
    data = polars.DataFrame(content(table)).write_csv(separator=separator).encode()
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.csv", data)
    assert content(found.cells) == content(table)


@settings(max_examples=60, deadline=None)
@given(text_tables(st.text('abc \r",;x', max_size=8)))
def test_what_pandas_writes_comes_back_although_it_leaves_carriage_returns_bare(table: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.csv", table.assign(last="end").to_csv(index=False).encode())
    assert content(found.cells) == content(table.assign(last="end"))


@settings(max_examples=60, deadline=None)
@given(text_tables(st.text("abc \"',;\\x", max_size=8)), SEPARATORS)
def test_escapes_in_place_of_quotation_marks_come_back(table: pd.DataFrame, separator: str) -> None:
    table = table.assign(note=f"one{separator}two")  # a backslash alone may stand for itself
    data = table.to_csv(index=False, sep=separator, quoting=csv.QUOTE_NONE, escapechar="\\").encode()
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.csv", data)
    assert content(found.cells) == content(table)


@settings(max_examples=60, deadline=None)
@given(text_tables(), st.sampled_from([" ", "\t", ";"]), st.booleans())
def test_what_r_writes_with_row_names_comes_back(table: pd.DataFrame, separator: str, names: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.txt", _as_r(table, separator, names).encode())
    cells = content(found.cells)
    if names:
        assert found.index_columns == ("Unnamed: 0",)
        assert cells.pop("Unnamed: 0") == [str(number) for number in range(1, len(table) + 1)]
    assert cells == content(table)


def _as_r(table: pd.DataFrame, separator: str, names: bool) -> str:
    """The text of `write.table(quote = TRUE)`: a header without a cell for the row names."""
    rows = [[_quoted(str(name)) for name in table.columns]]
    for number, row in enumerate(table.to_numpy().tolist(), 1):
        rows.append([*([_quoted(str(number))] if names else []), *(_quoted(cell) for cell in row)])
    return "\n".join([*(separator.join(row) for row in rows), ""])


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '\\"') + '"'


@settings(max_examples=60, deadline=None)
@given(text_tables(MULTILINE, least=1))
def test_what_mars_writes_comes_back_from_every_reader(table: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(table, folder / "t.csv")
        assert content(read_table(folder, "t.csv")) == content(table)
        assert content(read_user_table(folder, "t.csv").cells) == content(table)
        plain = pd.read_csv(folder / "t.csv", dtype=str, na_filter=False)
        assert content(plain) == content(table)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS.filter(lambda cell: cell.strip() != ""), min_size=1, max_size=20), LINE_ENDS)
@example([";;", ";;", ";;"], "\n")
@example([";;", ";;", ";;:"], "\n")
@example(["a;;", "b;;", "c;;"], "\n")
@example(["a;b;c", "d;e;f", "g;h;i"], "\n")
def test_a_table_of_one_column_comes_back(cells: list[str], line_end: str) -> None:
    """Cells that look like several columns are refused, since the header may be a title; none is changed."""
    table = pd.DataFrame({"name": cells})
    refusal = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = place(Path(folder), "t.csv", written(table, ",", csv.QUOTE_MINIMAL, line_end).encode())
        except SetupError as error:
            refusal = str(error)
    if refusal:
        assert "the header has 1 cell" in refusal
        assert any(_look_like_columns(cells, mark) for mark in ";\t|")
    else:
        assert content(found.cells) == content(table)


def _look_like_columns(cells: list[str], mark: str) -> bool:
    rows = [[part.strip() for part in cell.split(mark)] for cell in cells]
    full = [len(row) > 2 and sum(part != "" for part in row) > 1 for row in rows]
    return len(rows) > 2 and 2 * sum(full) > len(full)


TYPED = st.sampled_from(["parquet", "feather", "xlsx", "jsonl", "json"])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 8), TYPED)
def test_typed_files_become_plain_text(data: st.DataObject, count: int, kind: str) -> None:
    def column(cells: st.SearchStrategy[object]) -> list[object]:
        return data.draw(st.lists(cells, min_size=count, max_size=count))

    whole = column(st.one_of(st.none(), st.integers(-(2**40), 2**40)))
    real = column(st.one_of(st.none(), st.sampled_from([0.5, -2.25, 1e-7, 123456.789])))
    real[0] = 0.5
    days = column(st.one_of(st.none(), st.dates(date(1950, 1, 1), date(2100, 1, 1))))
    words = column(st.one_of(st.none(), WORDS.map(lambda text: f"w{text}w")))
    kinds = [polars.Int64, polars.Int64, polars.Float64, polars.Date, polars.String, polars.Boolean]
    names = ["id", "whole", "real", "day", "word", "flag"]
    columns = [list(range(count)), whole, real, days, words, [True] * count]
    table = polars.DataFrame(
        dict(zip(names, columns, strict=True)), schema=dict(zip(names, kinds, strict=True))
    )
    expected = {
        "id": [str(number) for number in range(count)],
        "whole": ["" if value is None else str(value) for value in whole],
        "day": ["" if value is None else str(value) for value in days],
        "word": ["" if value is None else value for value in words],
        "flag": ["True"] * count,
    }
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), f"t.{kind}", _typed(table, kind))
    cells = content(found.cells)
    assert [None if cell == "" else float(cell) for cell in cells.pop("real")] == real
    assert cells == expected


def _typed(table: polars.DataFrame, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "parquet":
        table.write_parquet(sink)
    elif kind == "feather":
        table.write_ipc(sink)
    elif kind == "xlsx":
        table.to_pandas().to_excel(sink, index=False, engine="openpyxl")
    elif kind == "jsonl":
        table.write_ndjson(sink)
    else:
        table.write_json(sink)
    return sink.getvalue()


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("kind", ["csv", "parquet", "feather", "xlsx"])
def test_gaps_and_index_columns_of_pandas(tmp_path: Path, kind: str, index: bool) -> None:
    table = pd.DataFrame({"id": [7, 8, 9], "n": [1.0, None, 3.0]}, index=["x", "y", "z"])
    file = tmp_path / f"train.{kind}"
    if kind == "csv":
        table.to_csv(file, index=index)
    elif kind == "xlsx":
        table.to_excel(file, index=index)
    elif kind == "parquet":
        table.to_parquet(file, index=index)
    else:
        (table.reset_index(names="__index_level_0__") if index else table.reset_index(drop=True)).to_feather(
            file
        )
    found = read_user_table(tmp_path, file.name)
    cells = content(found.cells)
    assert cells["id"] == ["7", "8", "9"]
    assert cells["n"] == (["1.0", "", "3.0"] if kind == "csv" else ["1", "", "3"])
    name = "__index_level_0__" if kind in ("parquet", "feather") else "Unnamed: 0"
    assert found.index_columns == ((name,) if index else ())
    assert (name in cells) == index


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_categories_of_polars_become_text(tmp_path: Path, kind: str) -> None:
    words = polars.Series("word", ["red", None, "blue", "red"], dtype=polars.Categorical)
    grades = polars.Series("grade", ["low", "high", None, "low"], dtype=polars.Enum(["low", "high"]))
    found = place(tmp_path, f"t.{kind}", _typed(polars.DataFrame([words, grades]), kind))
    assert content(found.cells) == {"word": ["red", "", "blue", "red"], "grade": ["low", "high", "", "low"]}


def test_a_named_range_of_row_labels_is_a_column(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": [5, 7, 9], "x": ["a", "b", "c"]})
    table.set_index(pd.RangeIndex(5, 11, 2, name="id"))[["x"]].to_parquet(tmp_path / "named.parquet")
    assert content(read_user_table(tmp_path, "named.parquet").cells) == {
        "id": ["5", "7", "9"],
        "x": ["a", "b", "c"],
    }
    table[["x"]].to_parquet(tmp_path / "unnamed.parquet")
    assert content(read_user_table(tmp_path, "unnamed.parquet").cells) == {"x": ["a", "b", "c"]}
