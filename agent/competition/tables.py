"""Reading and writing of tables as text. Cells stay strings, so that ids and labels keep their form."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO, cast

import pandas as pd

from agent.core.errors import SetupError, redacted_as
from agent.core.files import resolve_inside


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read a CSV file below `folder` with all cells as strings; blank cells are ''.

    Raises:
        SetupError: the file is missing, outside the folder, not a CSV file in UTF-8, ragged, or has no rows.
    """
    file = resolve_inside(folder, name)
    if not file.is_file():
        raise SetupError(f"{file}: the file is missing.")
    try:
        with warnings.catch_warnings():
            # pandas would silently drop the last cells of rows longer than the header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(file, dtype=str, na_filter=False, index_col=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError as error:
        raise SetupError(f"{file}: the file is empty.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise SetupError(
            f"{file}: the file is not valid CSV in UTF-8 ({' '.join(str(error).split())})."
        ) from error
    if table.empty:
        raise SetupError(f"{file}: the table holds no rows.")
    return table


class _UnixLines(io.TextIOBase):
    """A stream that replaces `\\r\\n` at the end of each row by `\\n`."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, row: str) -> int:
        self._stream.write(row[:-2] + "\n" if row.endswith("\r\n") else row)
        return len(row)


def write_table(
    table: pd.DataFrame, file: Path, separator: str = ",", header: Sequence[str] | None = None
) -> None:
    """Write a CSV file with `\\n` as line ends and without an index; readers get every cell back unchanged.

    Args:
        table: the table.
        file: its file.
        separator: the mark between two cells.
        header: names of the columns in the file; None: those of the table.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        # A writer encloses cells with the characters of its line end in quotation marks. A carriage return
        # needs the marks too, so the writer gets the line end `\r\n`.
        table.to_csv(
            cast(TextIO, _UnixLines(stream)),
            sep=separator,
            header=True if header is None else list(header),
            index=False,
            lineterminator="\r\n",
        )


@redacted_as("a table lacks a column")
def require_columns(table: pd.DataFrame, columns: Sequence[str], file: Path) -> None:
    """Raise SetupError with the first missing column and the existing columns."""
    for column in columns:
        if column not in table.columns:
            existing = ", ".join(str(name) for name in table.columns[:20])
            raise SetupError(f"{file}: the table has no column '{column}'; it has {existing}.")


@redacted_as("some ids are blank or repeat")
def require_unique(table: pd.DataFrame, column: str, file: Path) -> None:
    """Raise SetupError for blank or repeated values. Row numbers start at 1, without the header."""
    values = table[column]
    blank = values == ""
    if blank.any():
        raise SetupError(
            f"{file}: column '{column}' is blank in {blank.sum()} rows, first in row {first_row(blank)}."
        )
    repeated = values.duplicated()
    if repeated.any():
        row = first_row(repeated)
        earlier = first_row(values == values.iloc[row - 1])
        raise SetupError(
            f"{file}: column '{column}' repeats {repeated.sum()} values, "
            f"the first is '{values.iloc[row - 1]}' (rows {earlier} and {row})."
        )


def first_row(mask: "pd.Series[bool]") -> int:
    """Return the number of the first marked row, counted from 1 without the header."""
    return int(mask.to_numpy().argmax()) + 1


@redacted_as("the time column holds values that are not dates or times")
def parse_times(values: "pd.Series[str]", file: Path) -> "pd.Series[float]":
    """Return times as floats (N,): numbers unchanged, dates as seconds since 1970, NaN for blank cells.

    Raises:
        SetupError: a cell is neither a number nor a date. The message names the row.
    """
    blank = values.str.strip() == ""
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    if (numbers.notna() | blank).all():
        return numbers
    dates = pd.to_datetime(values.mask(blank), errors="coerce", format="mixed", utc=True)
    invalid = dates.isna() & ~blank
    if invalid.any():
        row = first_row(invalid)
        raise SetupError(
            f"{file}: column '{values.name}' holds {invalid.sum()} values that are not times, "
            f"the first is '{values.iloc[row - 1]}' (row {row})."
        )
    seconds: pd.Series[float] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds
