"""Decides what a column holds: numbers, dates, times of day or something else, over all tables.

Shares count rows whose cell is no gap. A column is of a kind if at least 95 % of them are readable; the other
cells become gaps and are named. A column with the role number or time in competition.yaml needs half of its
cells to be readable. At most three words beside many different numbers are gaps too, and the user is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, distinct_cells, matches, trim
from agent.competition.canonical.clock import ClockForm, canonical_clock, decide_clock_form, parse_clock
from agent.competition.canonical.dates import (
    DateForm,
    Epoch,
    are_dates,
    canonical_dates,
    decide_date_form,
    parse_dates,
)
from agent.competition.canonical.gaps import GAP_WORDS, blank_gaps
from agent.competition.canonical.numbers import (
    NumberForm,
    canonical_numbers,
    decide_number_form,
    parse_numbers,
)
from agent.competition.spec import CsvForm, Role

Kind = Literal["number", "date", "clock", "empty", "other"]

MIN_SHARE = 0.95
MIN_SHARE_OF_ROLE = 0.5
_SAMPLED = 2_000  # distinct cells; a kind that the sample excludes is not tried on all cells
_MOST_WORDS_AS_GAPS, _MIN_NUMBERS_BESIDE_WORDS = 3, 20  # distinct cells
_TIME_NAME = re.compile(
    r".*(time|date|stamp|epoch|created|updated|(^|[_\W])ts|_at)([_\W].*)?$|^ts$", re.IGNORECASE
)
_EPOCHS: dict[Epoch, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EPOCH_FROM, _EPOCH_TO = 315_532_800, 4_102_444_800  # 1980 to 2100
_DAY_DIGITS = r"(?:1[89]|2[01])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"


@dataclass(frozen=True)
class ColumnKind:
    """What a column holds, how it is written, and what the user should know or answer."""

    kind: Kind
    number: NumberForm | None = None
    date: DateForm | None = None
    clock: ClockForm | None = None
    gap_words: tuple[str, ...] = ()
    """Words of the column that are gaps."""

    doubtful_gap_words: tuple[str, ...] = ()
    """Gap words that only stand beside numbers and are on no list, such as 'Varies'."""

    notes: tuple[str, ...] = ()
    """How the cells are read, one sentence each; blank for cells that are canonical."""

    questions: tuple[str, ...] = ()
    """What the cells do not decide, one question each."""

    @property
    def role(self) -> Role | None:
        """Return the role of such a column: number or time; None for other columns."""
        if self.kind in ("number", "clock"):
            return "number"
        return "time" if self.kind == "date" else None

    def is_written_like(self, cells: "pd.Series[str]") -> NDArray[np.bool_]:
        """Return which cells (N,) look like this kind. Dates that stand for no date do."""
        texts = trim(cells)
        if self.date is not None and self.date.epoch is None:
            return are_dates(texts)
        if self.kind == "other":
            return np.zeros(len(texts), dtype=np.bool_)
        return np.asarray(canonical_cells(cells, self) != "", dtype=np.bool_)


def column_kind(
    train: "pd.Series[str]",
    test: "pd.Series[str] | None",
    name: str,
    *,
    csv: CsvForm = CsvForm(),  # noqa: B008
    gaps: tuple[str, ...] | None = None,
    day_first: bool | None = None,
    role: Role | None = None,
) -> ColumnKind:
    """Return what the column holds in both tables together.

    Args:
        train: cells of the training table.
        test: cells of the rows to predict, if they have the column.
        name: name of the column; it tells times since 1970 from other numbers.
        csv: form of the tables; its decimal mark decides where the cells do not.
        gaps: words for a gap as the user names them; None: the usual words.
        day_first: whether 03/04/2024 is 3 April, if the user says so.
        role: the role in competition.yaml, number or time; None: any kind.
    """
    everything = distinct_cells(train, test)
    words = GAP_WORDS if gaps is None else gaps
    found = tuple(sorted(set(everything.texts.to_pylist()).intersection(words) - {""}))
    cells = everything.without(["", *words])
    if not cells.rows:
        return ColumnKind("empty", gap_words=found)
    needed = MIN_SHARE if role is None else MIN_SHARE_OF_ROLE
    decide: tuple[Callable[[DistinctCells], ColumnKind | None], ...] = (
        lambda some: _number_kind(some, name, csv, role, needed),
        lambda some: _clock_kind(some, needed),
        lambda some: None if role == "number" else _date_kind(some, train, csv, day_first, needed),
    )
    samples = _spread_samples(cells)
    for decide_kind in decide:
        if samples and all(decide_kind(sample) is None for sample in samples):
            continue
        if (kind := decide_kind(cells)) is not None:
            kind = replace(kind, gap_words=(*found, *kind.gap_words))
            return replace(kind, notes=_notes(kind, name, cells), questions=_questions(kind, name))
    return ColumnKind("other", gap_words=found)


def canonical_cells(cells: "pd.Series[str]", kind: ColumnKind) -> "pd.Series[str]":
    """Return the cells in canonical form; '' for gaps and for cells that are not of this kind.

    Cells of another kind than number, date, clock or empty stay as they are.
    """
    if kind.kind == "other":
        return cells
    blanked = blank_gaps(cells, kind.gap_words)
    if kind.number is not None:
        return parse_numbers(blanked, kind.number)
    if kind.date is not None:
        return parse_dates(blanked, kind.date)
    return blanked if kind.clock is None else parse_clock(blanked, kind.clock)


def _number_kind(
    cells: DistinctCells, name: str, csv: CsvForm, role: Role | None, needed: float
) -> ColumnKind | None:
    form = decide_number_form(cells, csv.decimal, csv.thousands)
    read = canonical_numbers(cells.texts, form).to_numpy(zero_copy_only=False) != ""
    share = _share(cells, read)
    words = cells.take(~read)
    lists_words = len(words.texts) <= _MOST_WORDS_AS_GAPS and int(read.sum()) >= _MIN_NUMBERS_BESIDE_WORDS
    if share < needed and not (share >= MIN_SHARE_OF_ROLE and lists_words):
        return None
    if role != "number" and (date := _numbers_as_dates(cells.take(read), name)) is not None:
        return ColumnKind("date", date=date)
    if share >= MIN_SHARE or not lists_words:
        return ColumnKind("number", number=form)
    doubtful = tuple(words.texts.to_pylist())
    return ColumnKind("number", number=form, gap_words=doubtful, doubtful_gap_words=doubtful)


def _clock_kind(cells: DistinctCells, needed: float) -> ColumnKind | None:
    form = decide_clock_form(cells)
    read = canonical_clock(cells.texts, form).to_numpy(zero_copy_only=False) != ""
    return ColumnKind("clock", clock=form) if _share(cells, read) >= needed else None


def _date_kind(
    cells: DistinctCells, train: "pd.Series[str]", csv: CsvForm, day_first: bool | None, needed: float
) -> ColumnKind | None:
    """Return the kind of a column of dates. At least half of its cells must be dates that tables hold."""
    written = are_dates(cells.texts)
    if _share(cells, written) < needed:
        return None
    form = decide_date_form(cells, train, day_first, decimal=csv.decimal)
    read = canonical_dates(cells.texts, form).to_numpy(zero_copy_only=False) != ""
    return ColumnKind("date", date=form) if _share(cells, read) >= MIN_SHARE_OF_ROLE else None


def _notes(kind: ColumnKind, name: str, cells: DistinctCells) -> tuple[str, ...]:
    """Return how the first cell that changes is read, and which number of a date is the day."""
    head = pd.Series(cells.texts.slice(0, _SAMPLED).to_pandas(), dtype=str)
    read = canonical_cells(head, kind)
    changed = np.flatnonzero((read != head) & (read != ""))
    notes = []
    if len(changed):
        unit = "" if kind.clock is None else f" {kind.clock.unit}"
        notes.append(f"Column '{name}': '{head.iloc[changed[0]]}' is read as {read.iloc[changed[0]]}{unit}.")
    if kind.date is not None and kind.date.reason:
        first = "day" if kind.date.day_first else "month"
        notes.append(f"Column '{name}': dates are read with the {first} first ({kind.date.reason}).")
    return tuple(notes)


def _questions(kind: ColumnKind, name: str) -> tuple[str, ...]:
    questions = []
    if kind.number is not None and kind.number.is_ambiguous:
        questions.append(
            f"Column '{name}': does a number such as 1,234 mean 1234? If it means 1.234, set csv: "
            "{decimal: ','}."
        )
    if kind.date is not None and kind.date.is_ambiguous:
        questions.append(f"Column '{name}': is the month before the day? If not, set day_first: true there.")
    for word in kind.doubtful_gap_words:
        questions.append(
            f"Column '{name}': does '{word}' mean a missing value? If not, its role is category."
        )
    return tuple(questions)


def _spread_samples(cells: DistinctCells) -> list[DistinctCells]:
    """Return cells from all over a large column, once with their rows and once as one row each.

    A kind that reads neither is not tried on the whole column.
    """
    count = len(cells.texts)
    if count <= _SAMPLED:
        return []
    mask = np.zeros(count, dtype=np.bool_)
    mask[np.linspace(0, count - 1, _SAMPLED).astype(np.intp)] = True
    sample = cells.take(mask)
    return [sample, replace(sample, counts=np.ones_like(sample.counts))]


def _share(cells: DistinctCells, marked: NDArray[np.bool_]) -> float:
    return float(cells.counts[marked].sum() / cells.rows)


def _numbers_as_dates(cells: DistinctCells, name: str) -> DateForm | None:
    """Return the form of whole numbers that are dates: 20240305, or times since 1970 by the column's name."""
    if not matches(cells.texts, r"[0-9]{8,19}(?:\.[0-9]+)?").all():
        return None
    if matches(cells.texts, _DAY_DIGITS).all():
        return decide_date_form(cells)
    if not _TIME_NAME.match(name):
        return None
    numbers = pd.to_numeric(pd.Series(cells.texts.to_pandas())).astype(float)
    for epoch, factor in _EPOCHS.items():
        if numbers.between(_EPOCH_FROM * factor, _EPOCH_TO * factor).all():
            return decide_date_form(cells, epoch=epoch)
    return None
