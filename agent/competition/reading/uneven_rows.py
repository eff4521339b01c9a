"""Rows with more or fewer cells than the header: mended where that is safe, otherwise named."""

import csv
import io
from pathlib import Path

import pyarrow as pa

from agent.competition.reading.dialects import Dialect, name_of, open_rows
from agent.core.errors import SetupError


def mend_rows(text: pa.Buffer, dialect: Dialect, width: int, file: Path) -> pa.Buffer:
    """Return the rows as CSV with commas, without blank cells beyond the header.

    Raises:
        SetupError: a row lacks cells, has further cells that are not blank, or a quotation mark is not
            closed. The message names the first such row.
    """
    sink = io.BytesIO()
    out = io.TextIOWrapper(sink, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(out, lineterminator="\r\n")  # quotes cells with carriage returns too
    reader = open_rows(text, dialect, strict=True)
    number = 0
    short: tuple[int, int] | None = None
    try:
        for row in reader:
            if not row and width > 1:
                continue
            number += 1
            if short is not None:
                raise SetupError(_short_row(file, *short, width))
            if len(row) > width and any(cell.strip() for cell in row[width:]):
                raise SetupError(_long_row(file, number, len(row), width, dialect))
            if len(row) < width:
                short = (number, len(row))
            else:
                writer.writerow(row[:width])
    except csv.Error as error:
        if "field larger" in str(error):
            raise SetupError(f"{file}: row {number + 1} is too long to be a row of a table.") from error
        where = (
            "before the end of the file" if "unexpected end" in str(error) else "before the next separator"
        )
        raise SetupError(
            f"{file}: row {number + 1}: a quotation mark is not closed {where}; close it, double marks "
            "within a cell, or copy the file again if it is cut off."
        ) from error
    if short is not None:
        raise SetupError(
            f"{file}: the last row ({short[0]}) is shorter than the header: {_cells(short[1])} instead of "
            f"{width}; the file seems cut off, so copy it again or delete the row."
        )
    out.flush()
    return pa.py_buffer(sink.getvalue())


def _short_row(file: Path, number: int, count: int, width: int) -> str:
    return f"{file}: row {number} has {_cells(count)}, but the header has {width}; complete the row."


def _long_row(file: Path, number: int, count: int, width: int, dialect: Dialect) -> str:
    if width == 1:
        return (
            f"{file}: the header has 1 cell, but row {number} has {count}; delete lines above the header, "
            "or add the missing names."
        )
    return (
        f"{file}: row {number} has {count} cells, but the header has {width}; put cells that hold a "
        f"{name_of(dialect.separator)} in quotation marks, or add the missing names to the header."
    )


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
