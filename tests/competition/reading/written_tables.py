"""Tables of any content, and writers that leave files as programs of people do."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
import zstandard
from hypothesis import strategies as st

from agent.competition.reading.user_table import UserTable, read_user_table

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    ".zip": lambda data: _zipped(data),
}
WORDS = st.text("abcdefghij XYZ.-_/'äöüßé,;|:#&()", max_size=12)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"{x:.3f}")
)
DAYS = st.dates().map(lambda day: day.isoformat())
MULTILINE = st.text("abc \n\r\t\"'\\,;|é", max_size=10)
NAMES = st.text("abcdefgh_ äé", min_size=1, max_size=8).map(lambda name: f"c{name}z")


@st.composite
def text_tables(draw: st.DrawFn, cells: st.SearchStrategy[str] | None = None, least: int = 2) -> pd.DataFrame:
    """A table with an id that is never blank, and further columns with gaps."""
    names = draw(st.lists(NAMES, min_size=least - 1, max_size=5, unique=True))
    count = draw(st.integers(1, 30))
    columns: dict[str, list[str]] = {"id": [f"r{number}" for number in range(count)]}
    for name in names:
        kind = draw(st.sampled_from([WORDS, NUMBERS, DAYS])) if cells is None else cells
        column = st.lists(st.one_of(kind, kind, st.just("")), min_size=count, max_size=count)
        columns[name] = draw(column)
    return pd.DataFrame(columns, dtype=str)


def written(table: pd.DataFrame, separator: str, quoting: Literal[0, 1], line_end: str) -> str:
    """The text of a table as pandas and csv writers leave it, with marks around carriage returns."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\r\n")
    rows = []
    for row in [list(table.columns), *table.to_numpy().tolist()]:
        out.seek(0)
        out.truncate()
        writer.writerow(row)
        rows.append(out.getvalue()[:-2])
    return line_end.join([*rows, ""])


def place(folder: Path, name: str, data: bytes) -> UserTable:
    """Writes a file and reads it as a user's table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return read_user_table(folder, name)


def content(table: pd.DataFrame) -> dict[str, list[str]]:
    """Header and cells, to compare."""
    return {str(name): [str(cell) for cell in table[name]] for name in table.columns}


def _zipped(data: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", data)
    return sink.getvalue()
