"""Decides what a column holds: numbers, dates, times of day or something else, over all tables."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, distinct_cells, matches
from agent.competition.canonical.clock import ClockForm, canonical_clock, decide_clock_form, parse_clock
from agent.competition.canonical.dates import DateForm, Epoch, are_dates, decide_date_form, parse_dates
from agent.competition.canonical.gaps import GAP_WORDS, blank_gaps, gap_words_in
from agent.competition.canonical.numbers import (
    NumberForm,
    canonical_numbers,
    decide_number_form,
    parse_numbers,
)
from agent.competition.spec import CsvForm

Kind = Literal["number", "date", "clock", "other"]

MIN_SHARE = 0.95  # of the cells that are no gaps; fewer readable cells make a column of another kind
_TIME_NAME = re.compile(
    r".*(time|date|stamp|epoch|created|updated|(^|[_\W])ts|_at)([_\W].*)?$|^ts$", re.IGNORECASE
)
_EPOCHS: dict[Epoch, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EPOCH_FROM, _EPOCH_TO = 315_532_800, 4_102_444_800  # 1980 to 2100


@dataclass(frozen=True)
class ColumnKind:
    """What a column holds, how it is written, and what the user should know or answer."""

    kind: Kind
    number: NumberForm | None = None
    date: DateForm | None = None
    clock: ClockForm | None = None
    gap_words: tuple[str, ...] = ()
    """Words that are gaps in this column."""

    notes: tuple[str, ...] = ()
    """What was decided, one sentence each."""

    questions: tuple[str, ...] = ()
    """What the cells do not decide, one question each."""


def column_kind(
    train: "pd.Series[str]",
    test: "pd.Series[str] | None",
    name: str,
    *,
    csv: CsvForm = CsvForm(),  # noqa: B008
    gaps: tuple[str, ...] | None = None,
    day_first: bool | None = None,
) -> ColumnKind:
    """Return what the column holds in both tables together.

    Args:
        train: cells of the training table.
        test: cells of the rows to predict, if they have the column.
        name: name of the column; it tells numbers since 1970 from other numbers.
        csv: form of the tables; its decimal mark decides where the cells do not.
        gaps: words for a gap as the user names them; None: the usual words.
        day_first: whether 03/04/2024 is 3 April, if the user says so.
    """
    words = GAP_WORDS if gaps is None else gaps
    found = tuple(
        dict.fromkeys(
            word for column in (train, test) if column is not None for word in gap_words_in(column, words)
        )
    )
    cells = distinct_cells(train, test).without(["", *words])
    if not cells.rows:
        return ColumnKind("other")
    number = decide_number_form(cells, csv.decimal, csv.thousands)
    plain = canonical_numbers(cells.texts, number)
    if _share(cells, plain) >= MIN_SHARE:
        if (date := _numbers_as_dates(cells, name)) is not None:
            return ColumnKind("date", date=date, gap_words=found)
        return ColumnKind("number", number=number, gap_words=found)
    clock = decide_clock_form(cells)
    if _share(cells, canonical_clock(cells.texts, clock)) >= MIN_SHARE:
        return ColumnKind("clock", clock=clock, gap_words=found)
    date = decide_date_form(cells, train, day_first, decimal=csv.decimal)
    if cells.counts[are_dates(cells.texts)].sum() >= MIN_SHARE * cells.rows:
        return ColumnKind("date", date=date, gap_words=found)
    return ColumnKind("other")


def canonical_cells(cells: "pd.Series[str]", kind: ColumnKind) -> "pd.Series[str]":
    """Return the cells in canonical form; '' for gaps and for cells that are not of this kind."""
    if kind.kind == "other":
        return cells
    cells = blank_gaps(cells, kind.gap_words)
    if kind.number is not None:
        return parse_numbers(cells, kind.number)
    if kind.date is not None:
        return parse_dates(cells, kind.date)
    assert kind.clock is not None
    return parse_clock(cells, kind.clock)


def _share(cells: DistinctCells, canonical: pa.StringArray) -> float:
    read: NDArray[np.bool_] = canonical.to_numpy(zero_copy_only=False) != ""
    return float(cells.counts[read].sum() / cells.rows)


def _numbers_as_dates(cells: DistinctCells, name: str) -> DateForm | None:
    """Return the form of whole numbers that are dates: 20240305, or times since 1970 by the column's name."""
    whole = matches(cells.texts, r"[0-9]{8,19}(?:\.[0-9]+)?")
    if not whole.all():
        return None
    if matches(cells.texts, r"(?:1[89]|2[01])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])").all():
        return decide_date_form(cells)
    if not _TIME_NAME.match(name):
        return None
    numbers = pd.to_numeric(pd.Series(cells.texts.to_pandas())).astype(float)
    for epoch, factor in _EPOCHS.items():
        if numbers.between(_EPOCH_FROM * factor, _EPOCH_TO * factor).all():
            return decide_date_form(cells, epoch=epoch)
    return None
