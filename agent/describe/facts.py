"""What a language model is told of the tables of a folder: names and aggregates, never a cell's value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.init_inputs import (
    are_dates,
    are_image_names,
    are_numbers,
    is_date,
    mean_words,
)
from agent.competition.init_tables import match_usual_names, table_names
from agent.competition.tables import parse_times, read_table
from agent.errors import SetupError

TABLES = 8
COLUMNS = 200  # of a table
_TEXT_WORDS = 3
_SEVERAL_SHARE = 0.1  # of cells with more than one word, from which on that is told

# Kinds of columns, as they are told.
WHOLE, DECIMAL, DATES, SHORT = "whole numbers", "decimal numbers", "dates", "short texts"


@dataclass(frozen=True)
class ColumnFacts:
    """Aggregates of one column."""

    name: str
    kind: str
    distinct: int
    blank: float
    """Share of the rows that have no value."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class TableFacts:
    """Aggregates of one table."""

    name: str
    rows: int
    columns: tuple[ColumnFacts, ...]
    left_out: int
    """Further columns."""


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a folder, those with usual names first, the sample submission last.

    What cannot be read is left out, as is what may not be told.

    A file that is named by a cell of another table (a file for each patient, say) would give a value away.

    Raises:
        SetupError: the folder is none.
    """
    names = table_names(folder)
    train, test, sample, labels = match_usual_names(names)
    usual = [name for name in (train, test, *labels, sample) if name is not None]
    others = [name for name in names if name not in usual]
    tables: dict[str, pd.DataFrame] = {}
    for name in [*usual, *others[: max(TABLES - len(usual), 0)]]:
        try:
            tables[name] = read_table(folder, name)
        except SetupError:
            continue
    known = [name for name in (train, test) if name in tables]
    rest = sorted((name for name in tables if name not in usual), key=lambda name: -len(tables[name]))
    order = [*known, *rest, *(name for name in (*labels, sample) if name in tables)]
    return {str(name): tables[str(name)] for name in order if name in usual or not _is_told(name, tables)}


def without_header(tables: Mapping[str, pd.DataFrame]) -> str | None:
    """A table whose first row is probably no header, so that its columns would be called by values.

    In doubt it is one: columns that are called by dates, by decimal numbers or by numbers that do not follow
    each other, by a value of their own, or unlike those of all other tables where some should be alike.
    """
    usual = match_usual_names(list(tables))[:3]
    for name, table in tables.items():
        columns = [str(column) for column in table.columns]
        others = {column for other, one in tables.items() if other != name for column in one.columns}
        if (
            any((table[column] == column).any() for column in columns)
            or any(is_date(column) for column in columns)
            or not _count_up(columns)
            or (name in usual and others and not others & set(columns))
        ):
            return name
    return None


def facts_of(tables: Mapping[str, pd.DataFrame], sample: str | None) -> list[TableFacts]:
    """What is told of tables; of the sample submission also whether it holds shares between 0 and 1."""
    facts = []
    for number, (name, table) in enumerate(tables.items()):
        earlier = dict(list(tables.items())[:number])
        columns = [
            _column(table[column], earlier, shares=name == sample) for column in table.columns[:COLUMNS]
        ]
        facts.append(TableFacts(name, len(table), tuple(columns), max(len(table.columns) - COLUMNS, 0)))
    return facts


def known_share(values: "pd.Series[str]", known: "pd.Series[str]") -> float:
    """Share of the cells, blank ones aside, whose value is among the known ones; NaN: all are blank."""
    present = values[values != ""]
    return float(present.isin(set(known)).mean())


def later_share(values: "pd.Series[str]", known: "pd.Series[str]", file: Path) -> float | None:
    """Share of points in time after all of the known ones; None: they are no points in time."""
    try:
        times, before = parse_times(values, file), parse_times(known, file)
    except SetupError:
        return None
    return float((times > before.max()).mean())


def _column(values: "pd.Series[str]", earlier: Mapping[str, pd.DataFrame], shares: bool) -> ColumnFacts:
    present = values[values != ""]
    distinct, kind = int(present.nunique()), _kind(present)
    notes = []
    if distinct == len(values):
        notes.append("no value repeats")
    if shares and _holds_shares(present):
        notes.append("between 0 and 1")
    several = float(present.map(lambda cell: len(cell.split()) > 1).mean()) if kind == SHORT else 0.0
    if several >= _SEVERAL_SHARE:
        tokens = len({token for cell in present for token in cell.split()})
        notes.append(f"{several:.0%} of its cells hold several words, {tokens} different words in all")
    for name, table in earlier.items():
        notes += _against(values, kind, name, table)
    return ColumnFacts(str(values.name), kind, distinct, float((values == "").mean()), tuple(notes))


def _kind(present: "pd.Series[str]") -> str:
    if present.empty:
        return "nothing"
    if are_numbers(present):
        numbers = pd.to_numeric(present, errors="coerce").dropna()
        return WHOLE if bool((numbers == numbers.round()).all()) else DECIMAL
    if are_dates(present):
        return DATES
    if are_image_names(present):
        return "names of picture files"
    words = mean_words(present)
    return f"texts of about {words:.0f} words" if words > _TEXT_WORDS else SHORT


def _against(values: "pd.Series[str]", kind: str, name: str, table: pd.DataFrame) -> list[str]:
    """How the column compares with the one of the same name in another table."""
    if values.name not in table.columns or kind == DECIMAL:
        return []
    known = table[values.name]
    share = known_share(values, known)
    notes = [] if np.isnan(share) else [f"{share:.0%} of its cells have a value that {name} has too"]
    later = later_share(values, known, Path(name)) if kind == DATES else None
    if later is not None:
        notes.append(f"{later:.0%} of its rows are later than all of {name}")
    return notes


def _holds_shares(present: "pd.Series[str]") -> bool:
    numbers = pd.to_numeric(present, errors="coerce")
    return bool(numbers.between(0, 1).all() and not numbers.isin([0, 1]).all())


def _count_up(names: Sequence[str]) -> bool:
    """Whether those of the names that are numbers, if any, are whole ones that follow each other."""
    numbers = pd.to_numeric(pd.Series(names), errors="coerce").dropna().sort_values()
    return bool((numbers == numbers.round()).all() and (numbers.diff().dropna() == 1).all())


def _is_told(file: str, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether a cell of another table names the file."""
    names = {file, Path(file).stem}
    return any(
        table[column].isin(names).any()
        for name, table in tables.items()
        if name != file
        for column in table.columns
    )
