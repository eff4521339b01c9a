"""Facts about tables for prompts: names and aggregates, never the value of a cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.reading.user_table import read_user_table
from agent.competition.tables import parse_times
from agent.core.errors import SetupError
from agent.drafting.rules.images import are_image_names
from agent.drafting.rules.inputs import (
    are_dates,
    are_numbers,
    is_date,
    mean_words,
)
from agent.drafting.rules.tables import match_usual_names, table_names

MAX_TABLES = 8
MAX_COLUMNS = 200  # per table
_MAX_SHORT_TEXT_WORDS = 3  # mean words per cell
_MIN_SEVERAL_SHARE = 0.1  # of cells with several words; a lower share is not reported

# Kinds of columns, as prompts name them.
_WHOLE, _DECIMAL, _DATES, _SHORT_TEXT = "whole numbers", "decimal numbers", "dates", "short texts"


@dataclass(frozen=True)
class ColumnFacts:
    """Aggregates of one column."""

    name: str
    kind: str
    distinct: int
    blank: float
    """Share of the rows without a value."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class TableFacts:
    """Aggregates of one table."""

    name: str
    rows: int
    columns: tuple[ColumnFacts, ...]
    left_out: int
    """Number of columns beyond `MAX_COLUMNS`."""


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of a folder that a prompt may name.

    Tables that cannot be read are left out. So are tables that a cell of another table names (one file per
    patient, for example): their file names are values of the data.

    Returns:
        Tables by file name: train and test, other tables by size, label tables, the sample submission.

    Raises:
        SetupError: The folder does not exist.
    """
    names = table_names(folder)
    train, test, sample, labels = match_usual_names(names)
    usual = [name for name in (train, test, *labels, sample) if name is not None]
    others = [name for name in names if name not in usual]
    tables: dict[str, pd.DataFrame] = {}
    for name in [*usual, *others[: max(MAX_TABLES - len(usual), 0)]]:
        try:
            tables[name] = read_user_table(folder, name).cells
        except SetupError:
            continue
    known = [name for name in (train, test) if name in tables]
    rest = sorted((name for name in tables if name not in usual), key=lambda name: -len(tables[name]))
    order = [*known, *rest, *(name for name in (*labels, sample) if name in tables)]
    return {
        str(name): tables[str(name)]
        for name in order
        if name in usual or not _is_named_by_a_cell(name, tables)
    }


def find_headerless_table(tables: Mapping[str, pd.DataFrame]) -> str | None:
    """Return the first table whose first row may hold values instead of column names; None without one.

    A table counts as headerless if a column name is a date or is also a value of its column. So does a table
    whose numeric column names are not consecutive whole numbers. So does a table with a usual name that has
    no column in common with any other table.
    """
    usual = match_usual_names(list(tables))[:3]
    for name, table in tables.items():
        columns = [str(column) for column in table.columns]
        others = {column for other in tables if other != name for column in tables[other].columns}
        if (
            any((table[column] == column).any() for column in columns)
            or any(is_date(column) for column in columns)
            or not _are_consecutive(columns)
            or (name in usual and others and not others & set(columns))
        ):
            return name
    return None


def collect_facts(tables: Mapping[str, pd.DataFrame], sample: str | None) -> list[TableFacts]:
    """Return the facts about each table; for the sample submission also which columns hold probabilities."""
    facts = []
    for number, (name, table) in enumerate(tables.items()):
        earlier = dict(list(tables.items())[:number])
        columns = [
            _column_facts(table[column], earlier, shares=name == sample)
            for column in table.columns[:MAX_COLUMNS]
        ]
        facts.append(TableFacts(name, len(table), tuple(columns), max(len(table.columns) - MAX_COLUMNS, 0)))
    return facts


def known_share(values: "pd.Series[str]", known: "pd.Series[str]") -> float:
    """Return the share of the non-blank cells whose value is among the known values; NaN if all are blank."""
    present = values[values != ""]
    return float(present.isin(set(known)).mean())


def later_share(values: "pd.Series[str]", known: "pd.Series[str]", file: Path) -> float | None:
    """Return the share of times after all known times; None if the cells are not times."""
    try:
        times, before = parse_times(values, file), parse_times(known, file)
    except SetupError:
        return None
    return float((times > before.max()).mean())


def _column_facts(values: "pd.Series[str]", earlier: Mapping[str, pd.DataFrame], shares: bool) -> ColumnFacts:
    present = values[values != ""]
    distinct, kind = int(present.nunique()), _kind(present)
    notes = []
    if distinct == len(values):
        notes.append("all values differ")
    if shares and _holds_shares(present):
        notes.append("between 0 and 1")
    several = float(present.map(lambda cell: len(cell.split()) > 1).mean()) if kind == _SHORT_TEXT else 0.0
    if several >= _MIN_SEVERAL_SHARE:
        tokens = len({token for cell in present for token in cell.split()})
        notes.append(f"{several:.0%} of the cells hold several words; {tokens} different words in total")
    for name, table in earlier.items():
        notes += _compare(values, kind, name, table)
    return ColumnFacts(str(values.name), kind, distinct, float((values == "").mean()), tuple(notes))


def _kind(present: "pd.Series[str]") -> str:
    if present.empty:
        return "no values"
    if are_numbers(present):
        numbers = pd.to_numeric(present, errors="coerce").dropna()
        return _WHOLE if bool((numbers == numbers.round()).all()) else _DECIMAL
    if are_dates(present):
        return _DATES
    if are_image_names(present):
        return "names of image files"
    words = mean_words(present)
    return f"texts of about {words:.0f} words" if words > _MAX_SHORT_TEXT_WORDS else _SHORT_TEXT


def _compare(values: "pd.Series[str]", kind: str, name: str, table: pd.DataFrame) -> list[str]:
    """Return notes that compare a column with the column of the same name in another table."""
    if values.name not in table.columns or kind == _DECIMAL:
        return []
    known = table[values.name]
    share = known_share(values, known)
    notes = [] if np.isnan(share) else [f"{share:.0%} of the cells have a value that {name} has too"]
    later = later_share(values, known, Path(name)) if kind == _DATES else None
    if later is not None:
        notes.append(f"{later:.0%} of the rows are later than all rows of {name}")
    return notes


def _holds_shares(present: "pd.Series[str]") -> bool:
    numbers = pd.to_numeric(present, errors="coerce")
    return bool(numbers.between(0, 1).all() and not numbers.isin([0, 1]).all())


def _are_consecutive(names: Sequence[str]) -> bool:
    """Return whether the numeric names, if any, are consecutive whole numbers."""
    numbers = pd.to_numeric(pd.Series(names), errors="coerce").dropna().sort_values()
    return bool((numbers == numbers.round()).all() and (numbers.diff().dropna() == 1).all())


def _is_named_by_a_cell(file: str, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether a cell of another table names the file."""
    names = {file, Path(file).stem}
    return any(
        table[column].isin(names).any()
        for name, table in tables.items()
        if name != file
        for column in table.columns
    )
