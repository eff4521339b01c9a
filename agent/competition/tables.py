"""Tables as text: every cell is the string that the file holds, so that ids and labels keep their form."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from agent.competition.files import inside
from agent.errors import SetupError


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Reads a CSV file below `folder` with all cells as strings, blank ones as ''.

    Raises:
        SetupError: the file is missing, outside the folder, no UTF-8 CSV, ragged or without rows.
    """
    file = inside(folder, name)
    if not file.is_file():
        raise SetupError(f"{file}: is missing.")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would silently lose their last cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(file, dtype=str, na_filter=False, index_col=False, encoding="utf-8-sig")
    except pd.errors.EmptyDataError as error:
        raise SetupError(f"{file}: is empty.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: is no valid CSV in UTF-8 ({' '.join(str(error).split())}).") from error
    if table.empty:
        raise SetupError(f"{file}: holds no rows.")
    return table


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Writes a CSV file with `\\n` at line ends and without an index."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False, lineterminator="\n")


def require_columns(table: pd.DataFrame, columns: Sequence[str], file: Path) -> None:
    """Raises SetupError naming the first column that the table lacks, and those it has."""
    for column in columns:
        if column not in table.columns:
            has = ", ".join(str(name) for name in table.columns[:20])
            raise SetupError(f"{file}: has no column '{column}'; it has {has}.")


def require_unique(table: pd.DataFrame, column: str, file: Path) -> None:
    """Raises SetupError for blank or repeated values; rows are counted from 1, the header aside."""
    values = table[column]
    blank = values == ""
    if blank.any():
        raise SetupError(
            f"{file}: column '{column}' is blank in {blank.sum()} rows, first in row {first_row(blank)}."
        )
    repeated = values.duplicated()
    if repeated.any():
        row = first_row(repeated)
        raise SetupError(
            f"{file}: column '{column}' repeats {repeated.sum()} values, "
            f"the first is '{values.iloc[row - 1]}' (row {row})."
        )


def first_row(mask: "pd.Series[bool]") -> int:
    """Number of the first marked row, counted from 1, the header aside."""
    return int(mask.to_numpy().argmax()) + 1


def parse_times(values: "pd.Series[str]", file: Path) -> "pd.Series[float]":
    """Points in time as floats that sort: plain numbers as they are, dates as seconds.

    Raises:
        SetupError: a cell that is neither, with its row.
    """
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    if numbers.notna().all():
        return numbers
    dates = pd.to_datetime(values, errors="coerce", format="mixed", utc=True)
    if dates.isna().any():
        row = first_row(dates.isna())
        raise SetupError(
            f"{file}: column '{values.name}' holds {dates.isna().sum()} values that are no time, "
            f"the first is '{values.iloc[row - 1]}' (row {row})."
        )
    seconds: pd.Series[float] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds
