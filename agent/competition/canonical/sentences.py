"""Sentences for users about columns that were read: what counts as missing, and how cells are written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.competition.canonical.dates import GIVEN
from agent.competition.canonical.gaps import mark_gaps
from agent.competition.canonical.kinds import ColumnKind

_MOST_NAMED = 5  # columns per sentence
_MOST_SHOWN = 40  # characters of a cell


@dataclass(frozen=True)
class ReadColumn:
    """A column before and after reading. `kind` is None for a column that holds neither numbers nor times."""

    name: str
    kind: ColumnKind | None
    gap_words: tuple[str, ...]
    train_before: "pd.Series[str]"
    train: "pd.Series[str]"
    test_before: "pd.Series[str] | None"
    test: "pd.Series[str] | None"


def sentences_about(columns: Sequence[ReadColumn], train_file: str, test_file: str) -> tuple[str, ...]:
    """Return what the user should know about the columns: one sentence per subject or column."""
    found = [
        _about_gaps(columns),
        _about_forms(columns),
        _about_clocks(columns),
        *(_about_order(column) for column in columns),
        *(_about_doubtful_words(column) for column in columns),
        *(_about_currencies(column) for column in columns),
        *(_about_lost_cells(column, train_file, test_file) for column in columns),
    ]
    return tuple(sentence for sentence in found if sentence)


def lost_words(
    before: "pd.Series[str]", after: "pd.Series[str]", gap_words: Sequence[str]
) -> "pd.Series[bool]":
    """Return which cells (N,) are blank after reading, though they were no gaps."""
    return (after == "") & ~mark_gaps(before, gap_words)


def shorten(cell: str) -> str:
    """Return a cell of at most 40 characters for a message."""
    return cell if len(cell) <= _MOST_SHOWN else f"{cell[:_MOST_SHOWN]}..."


def _about_gaps(columns: Sequence[ReadColumn]) -> str:
    found = [f"'{column.name}' ({', '.join(column.gap_words[:3])})" for column in columns if column.gap_words]
    return f"Words that count as missing values: {_listed(found)}." if found else ""


def _about_forms(columns: Sequence[ReadColumn]) -> str:
    found = [
        f"'{column.name}' ({example})"
        for column in columns
        if column.kind is not None and column.kind.kind == "number" and (example := _first_change(column))
    ]
    return f"Numbers in other forms are read as plain numbers: {_listed(found)}." if found else ""


def _about_clocks(columns: Sequence[ReadColumn]) -> str:
    found = [
        f"'{column.name}' in {column.kind.clock.unit} ({_first_change(column)})"
        for column in columns
        if column.kind is not None and column.kind.clock is not None
    ]
    return f"Times of day and durations are read as numbers: {_listed(found)}." if found else ""


def _about_order(column: ReadColumn) -> str:
    """Return whether the day or the month is first in a column where that matters."""
    date = None if column.kind is None else column.kind.date
    if date is None or date.day_first is None or date.reason == GIVEN:
        return ""
    first = "day" if date.day_first else "month"
    if date.is_ambiguous:
        return (
            f"Column '{column.name}': no cell says whether the day or the month is first; dates are read "
            f"with the {first} first ({_first_change(column)}). Set day_first for this input in "
            "competition.yaml."
        )
    return f"Column '{column.name}': dates are read with the {first} first ({date.reason})."


def _about_doubtful_words(column: ReadColumn) -> str:
    words = () if column.kind is None else column.kind.doubtful_gap_words
    if not words:
        return ""
    listed = " and ".join(f"'{shorten(word)}'" for word in words)
    return (
        f"Column '{column.name}': {listed} beside numbers counts as missing. "
        "If it is a value, set the role of this input to category."
    )


def _about_currencies(column: ReadColumn) -> str:
    number = None if column.kind is None else column.kind.number
    if number is None or len(number.currencies) < 2:
        return ""
    marks = " and ".join(f"'{mark}'" for mark in number.currencies)
    return (
        f"Column '{column.name}': amounts in {marks} are read as the same unit; convert them if they differ."
    )


def _about_lost_cells(column: ReadColumn, train_file: str, test_file: str) -> str:
    """Return how many cells count as missing because they are unreadable, and the first of them."""
    if column.kind is None or column.kind.kind in ("empty", "other"):
        return ""
    tables = [(train_file, column.train_before, column.train)]
    if column.test_before is not None and column.test is not None:
        tables.append((test_file, column.test_before, column.test))
    lost = [lost_words(before, after, column.gap_words).to_numpy() for _, before, after in tables]
    count = sum(int(mask.sum()) for mask in lost)
    if not count:
        return ""
    place = next(index for index, mask in enumerate(lost) if mask.any())
    file, before, _ = tables[place]
    row = int(np.argmax(lost[place]))
    shown = f"the first is '{shorten(str(before.iloc[row]))}' ({file}, row {row + 1})"
    if place > 0:  # the rows to predict may be in another order than in the file
        shown = f"the first is '{shorten(str(before.iloc[row]))}' ({file})"
    cells, them, they = (
        (f"{count} cells count", "they", "are") if count > 1 else ("1 cell counts", "it", "is")
    )
    verb = "lie" if count > 1 else "lies"
    if column.kind.date is not None:
        what = f"{they} no date from 1678 to 2261, or {verb} far from all others as a sign for no date"
    else:
        what = f"{they} no number" if column.kind.clock is None else f"{they} no time"
    return f"Column '{column.name}': {cells} as missing because {them} {what}; {shown}."


def _first_change(column: ReadColumn) -> str:
    """Return the first cell that reading changed, with its canonical form; '' without one."""
    for before, after in ((column.train_before, column.train), (column.test_before, column.test)):
        if before is None or after is None:
            continue
        changed = ((before.str.strip() != after) & (after != "")).to_numpy()
        if changed.any():
            row = int(np.argmax(changed))
            return f"'{shorten(str(before.iloc[row]).strip())}' is {after.iloc[row]}"
    return ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
