"""Dates as people write them, as ISO 8601: `2024-03-05`, or `2024-03-05T08:15:00` with a time of day.

The order of day and month is decided over all cells of a column. Dates that stand for "none" or "never"
(9999-12-31, 0000-00-00), and dates beyond the years 1678 to 2261, are gaps. ISO cells stay as they are.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, translate
from agent.competition.canonical.date_parts import DateParts, read_date_parts

Order = Literal["day", "month"]
Epoch = Literal["s", "ms", "us", "ns"]

FIRST_YEAR, LAST_YEAR = 1678, 2261  # what a table of pandas holds in nanoseconds
_LONELY_DAYS = 3653  # a repeated date so far from all others is a sentinel
_SENTINEL_DAYS = (
    "1900-01-01",
    "1899-12-30",
    "1899-12-31",
    "1901-01-01",
    "1753-01-01",
    "1970-01-01",
    "1800-01-01",
    "2050-12-31",
    "2099-01-01",
    "2099-12-31",
    "2100-01-01",
    "2100-12-31",
    "2199-12-31",
    "2200-01-01",
    "2222-02-22",
)


@dataclass(frozen=True)
class DateForm:
    """How the dates of a column are written."""

    day_first: bool | None = None
    """Whether 03/04/2024 is 3 April; None where no cell depends on that."""

    reason: str = ""
    """Why the day or the month is first."""

    is_ambiguous: bool = False
    """Whether nothing in the column decides between day and month first."""

    epoch: Epoch | None = None
    """Unit of numbers since 1970; None for calendar dates."""

    compact: bool = False
    """Whether cells of eight digits are dates, such as 20240305."""

    with_time: bool = False
    sentinels: tuple[str, ...] = ()
    """Canonical dates that are gaps."""


def decide_date_form(
    cells: DistinctCells,
    in_order: "pd.Series[str] | None" = None,
    day_first: bool | None = None,
    epoch: Epoch | None = None,
    decimal: str | None = None,
) -> DateForm:
    """Return the form of the dates of a column.

    Args:
        cells: cells of all tables, without gaps.
        in_order: the cells of the training table in the order of its rows; sorted rows decide.
        day_first: what the user says.
        epoch: the unit, if the cells are numbers since 1970.
        decimal: the decimal mark of the user's tables; a comma makes the day first.
    """
    if epoch is not None:
        return DateForm(epoch=epoch, with_time=True)
    parts = read_date_parts(cells.texts)
    first, reason, ambiguous = _decide_order(parts, cells.counts, in_order, day_first, decimal)
    days = parts.days(bool(first))
    sentinels = _find_sentinels(days, parts, cells.counts)
    return DateForm(
        day_first=first,
        reason=reason,
        is_ambiguous=ambiguous,
        compact=bool(parts.is_compact.any()),
        with_time=bool(parts.has_time.any()),
        sentinels=sentinels,
    )


def are_dates(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Return which trimmed texts are written like dates, valid or not."""
    return read_date_parts(texts).is_date


def parse_dates(cells: "pd.Series[str]", form: DateForm) -> "pd.Series[str]":
    """Return the cells in ISO 8601; '' for each cell that is no date, a sentinel or out of range."""
    return translate(cells, lambda texts: canonical_dates(texts, form))


def canonical_dates(texts: pa.StringArray, form: DateForm) -> pa.StringArray:
    """Return trimmed texts (N,) in ISO 8601; '' for each text that is no date, a sentinel or out of range."""
    if form.epoch is not None:
        return _from_epoch(texts, form.epoch)
    parts = read_date_parts(texts)
    days = parts.days(bool(form.day_first))
    valid = ~np.isnat(days) & in_range(days) & parts.has_valid_time
    iso_days = np.where(valid, np.datetime_as_string(days), "").astype(object)
    valid &= ~(np.isin(iso_days, list(form.sentinels)) & parts.is_midnight)
    if form.with_time:
        written = pc.binary_join_element_wise(pa.array(iso_days, pa.string()), parts.iso_times(), "T")
    else:
        written = pa.array(iso_days, pa.string())
    written = pc.if_else(pa.array(parts.is_iso), texts, written)
    return pc.if_else(pa.array(valid), written, "")


def in_range(days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return which days (N,) lie in the years that tables hold."""
    mask: NDArray[np.bool_] = (days >= np.datetime64(f"{FIRST_YEAR}-01-01")) & (
        days <= np.datetime64(f"{LAST_YEAR}-12-31")
    )
    return mask


def _from_epoch(texts: pa.StringArray, epoch: Epoch) -> pa.StringArray:
    numbers = pd.to_numeric(pd.Series(texts.to_pandas()), errors="coerce")
    moments = pd.to_datetime(numbers, unit=epoch, errors="coerce")
    pattern = "%Y-%m-%dT%H:%M:%S" if epoch == "s" else "%Y-%m-%dT%H:%M:%S.%f"
    return pa.array(moments.dt.strftime(pattern).fillna("").to_numpy(dtype=object), pa.string())


def _decide_order(
    parts: DateParts,
    counts: NDArray[np.int64],
    in_order: "pd.Series[str] | None",
    day_first: bool | None,
    decimal: str | None,
) -> tuple[bool | None, str, bool]:
    """Return whether the day is first, the reason, and whether nothing decides."""
    open_order = parts.is_open
    if not open_order.any():
        return None, "", False
    if day_first is not None:
        return day_first, "competition.yaml says so", False
    first, second = parts.first[open_order], parts.second[open_order]
    rows = counts[open_order]
    day_rows = int(rows[(first > 12) & (second <= 12)].sum())
    month_rows = int(rows[(second > 12) & (first <= 12)].sum())
    if day_rows != month_rows:
        is_day = day_rows > month_rows
        example = parts.texts_of(open_order & ((parts.first if is_day else parts.second) > 12))[0]
        return is_day, f"'{example}' has no other reading", False
    if (decided := _decide_by_habit(parts, first, second, in_order, decimal)) is not None:
        return (*decided, False)
    return False, "", True


def _decide_by_habit(
    parts: DateParts,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    in_order: "pd.Series[str] | None",
    decimal: str | None,
) -> tuple[bool, str] | None:
    """Return whether the day is first by separator, order of rows or repetition, with the reason."""
    if len(first) > 2 and (len(np.unique(first)) == 1) != (len(np.unique(second)) == 1):
        is_day = len(np.unique(first)) == 1
        return is_day, f"the {'first' if is_day else 'second'} number is the same in all cells, as a day is"
    if (parts.separator[parts.is_open] == ".").all():
        return True, "dates with points have the day first"
    if in_order is not None and (by_rows := _decide_by_rows(in_order)) is not None:
        return by_rows, f"the rows are in order of time if the {'day' if by_rows else 'month'} is first"
    if (parts.separator[parts.is_open] == "-").all():
        return True, "dates with hyphens and the year last mostly have the day first"
    if parts.has_half_days:
        return False, "times with AM and PM go with the month first"
    if decimal == ",":
        return True, "tables with decimal commas have the day first"
    return None


def _decide_by_rows(in_order: "pd.Series[str]") -> bool | None:
    """Return the reading under which the rows are sorted by time; None if neither or both are."""
    from agent.competition.canonical.cells import trim

    parts = read_date_parts(trim(in_order))
    shares = []
    for day_first in (True, False):
        days = parts.days(day_first)
        days = days[~np.isnat(days)]
        steps = np.diff(days).astype(np.int64)
        shares.append(0.0 if len(steps) < 3 else max((steps >= 0).mean(), (steps <= 0).mean()))
    by_day, by_month = shares
    if max(shares) < 0.95 or abs(by_day - by_month) < 0.02:
        return None
    return bool(by_day > by_month)


def _find_sentinels(
    days: NDArray[np.datetime64], parts: DateParts, counts: NDArray[np.int64]
) -> tuple[str, ...]:
    """Return usual stand-ins for "none" that repeat and lie years away from all other dates."""
    valid = ~np.isnat(days) & in_range(days)
    suspects = np.array(_SENTINEL_DAYS, dtype="datetime64[D]")
    others = days[valid & ~np.isin(days, suspects)]
    found = []
    for day in suspects:
        rows = int(counts[valid & (days == day) & parts.is_midnight].sum())
        if rows >= 2 and len(others) and np.abs((others - day).astype(np.int64)).min() > _LONELY_DAYS:
            found.append(str(day))
    return tuple(found)
