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

from agent.competition.canonical.cells import DistinctCells, translate, trim
from agent.competition.canonical.date_parts import DateParts, read_date_parts

Order = Literal["day", "month"]
Epoch = Literal["s", "ms", "us", "ns"]

FIRST_YEAR, LAST_YEAR = 1678, 2261  # what a table of pandas holds in nanoseconds
GIVEN = "competition.yaml says so"
_LONELY_DAYS = 3653  # a repeated date so far from all others is a sentinel
_SENTINEL_DAYS = (
    *("1753-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01"),
    *("2050-12-31", "2099-01-01", "2099-12-31", "2100-01-01", "2100-12-31", "2199-12-31", "2200-01-01"),
    "2222-02-22",
)
_ROWS_IN_ORDER = 50_000


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

    year_first: bool = False
    """Whether 24-03-05 is 5 March 2024."""

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
    rows = np.bincount(parts.day_codes, cells.counts, minlength=len(parts.days.texts)).astype(np.int64)
    year_first = bool((parts.days.has_short_year & (parts.days.first > 31)).any())
    first, reason, ambiguous = None, "", False
    if not year_first:
        first, reason, ambiguous = _decide_order(parts, rows, in_order, day_first, decimal)
    dates = parts.days.dates(bool(first), year_first)
    return DateForm(
        day_first=first,
        reason=reason,
        is_ambiguous=ambiguous,
        year_first=year_first,
        with_time=bool(parts.has_time.any()),
        sentinels=_find_sentinels(
            dates[parts.day_codes][parts.is_midnight], cells.counts[parts.is_midnight], dates
        ),
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
    dates = parts.days.dates(bool(form.day_first), form.year_first)
    iso_days = np.where(in_range(dates), np.datetime_as_string(dates), "").astype(object)
    valid = (iso_days != "")[parts.day_codes] & parts.is_date
    valid &= ~(np.isin(iso_days, list(form.sentinels))[parts.day_codes] & parts.is_midnight)
    written = pa.array(iso_days, pa.string()).take(pa.array(parts.day_codes))
    if form.with_time:
        times = parts.iso_times.take(pa.array(parts.time_codes))
        written = pc.binary_join_element_wise(written, times, "T")
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
    rows: NDArray[np.int64],
    in_order: "pd.Series[str] | None",
    day_first: bool | None,
    decimal: str | None,
) -> tuple[bool | None, str, bool]:
    """Return whether the day is first, the reason, and whether nothing decides.

    `rows` (D,) counts the rows of each day.
    """
    days = parts.days
    if not days.is_open.any():
        return None, "", False
    if day_first is not None:
        return day_first, GIVEN, False
    only_day = days.is_open & (days.first > 12) & (days.second <= 12)
    only_month = days.is_open & (days.second > 12) & (days.first <= 12)
    day_rows, month_rows = int(rows[only_day].sum()), int(rows[only_month].sum())
    if day_rows != month_rows:
        is_day = day_rows > month_rows
        example = days.texts[int((only_day if is_day else only_month).argmax())].as_py()
        return is_day, f"'{example}' has no other reading", False
    if (decided := _decide_by_habit(parts, in_order, decimal)) is not None:
        return (*decided, False)
    return False, "", True


def _decide_by_habit(
    parts: DateParts, in_order: "pd.Series[str] | None", decimal: str | None
) -> tuple[bool, str] | None:
    """Return whether the day is first by repetition, separator or order of rows, with the reason."""
    days = parts.days
    firsts, seconds = (len(np.unique(part[days.is_open])) for part in (days.first, days.second))
    if min(firsts, seconds) == 1 and max(firsts, seconds) > 2:
        is_day = firsts == 1
        return is_day, f"the {'first' if is_day else 'second'} number is the same in all cells, as a day is"
    if (days.separator[days.is_open] == ".").all():
        return True, "dates with points have the day first"
    if in_order is not None and (by_rows := _decide_by_rows(in_order)) is not None:
        return by_rows, f"the rows are in order of time if the {'day' if by_rows else 'month'} is first"
    if (days.separator[days.is_open] == "-").all():
        return True, "dates with hyphens and the year last mostly have the day first"
    if parts.has_half_days:
        return False, "times with AM and PM go with the month first"
    if decimal == ",":
        return True, "tables with decimal commas have the day first"
    return None


def _decide_by_rows(in_order: "pd.Series[str]") -> bool | None:
    """Return the reading under which the rows are sorted by time; None if neither or both are."""
    parts = read_date_parts(trim(in_order.head(_ROWS_IN_ORDER)))
    shares = []
    for day_first in (True, False):
        dates = parts.days.dates(day_first, False)[parts.day_codes]
        steps = np.diff(dates[~np.isnat(dates)]).astype(np.int64)
        shares.append(0.0 if len(steps) < 3 else max((steps >= 0).mean(), (steps <= 0).mean()))
    by_day, by_month = shares
    if max(shares) < 0.95 or abs(by_day - by_month) < 0.02:
        return None
    return bool(by_day > by_month)


def _find_sentinels(
    at_midnight: NDArray[np.datetime64], counts: NDArray[np.int64], dates: NDArray[np.datetime64]
) -> tuple[str, ...]:
    """Return usual stand-ins for "none" that repeat and lie years away from all other dates."""
    suspects = np.array(_SENTINEL_DAYS, dtype="datetime64[D]")
    others = dates[in_range(dates) & ~np.isin(dates, suspects)]
    found = []
    for day in suspects:
        rows = int(counts[at_midnight == day].sum())
        if rows >= 2 and len(others) and np.abs((others - day).astype(np.int64)).min() > _LONELY_DAYS:
            found.append(str(day))
    return tuple(found)
