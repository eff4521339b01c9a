"""Dates as people write them come back in ISO 8601, with the day and the month in their places."""

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.competition.canonical import ColumnKind, canonical_cells, column_kind


def series(*cells: str) -> "pd.Series[str]":
    return pd.Series(cells, name="d", dtype=str)


def read(*cells: str, name: str = "d", **known: object) -> tuple[ColumnKind, list[str]]:
    column = series(*cells)
    kind = column_kind(column, None, name, **known)  # type: ignore[arg-type]
    return kind, canonical_cells(column, kind).tolist()


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (("2024-03-05", "2024-03-06"), ("2024-03-05", "2024-03-06")),
        (("2024/03/05", "2024/3/6"), ("2024-03-05", "2024-03-06")),
        (("20240305", "20240306"), ("2024-03-05", "2024-03-06")),
        (("05.03.2024", "6.3.24"), ("2024-03-05", "2024-03-06")),
        (("13/02/2024", "01/03/2024"), ("2024-02-13", "2024-03-01")),
        (("3/25/24", "3/5/24"), ("2024-03-25", "2024-03-05")),
        (("25-03-99", "05-03-00"), ("1999-03-25", "2000-03-05")),
        (("99-03-25", "24-03-05"), ("1999-03-25", "2024-03-05")),
        (("5 Mar 2024", "6 March 2024"), ("2024-03-05", "2024-03-06")),
        (("March 5, 2024", "Sep 6th, 2024"), ("2024-03-05", "2024-09-06")),
        (("Tuesday, March 5, 2024", "Wed, 6 Mar 2024"), ("2024-03-05", "2024-03-06")),
        (("5. März 2024", "6. Dez. 2024"), ("2024-03-05", "2024-12-06")),
        (("5 février 2024", "1er août 2024"), ("2024-02-05", "2024-08-01")),
        (("05-Mar-24", "06-Apr-24"), ("2024-03-05", "2024-04-06")),
        (("2024-03", "2024-04"), ("2024-03-01", "2024-04-01")),
        (("03/2024", "4-2024"), ("2024-03-01", "2024-04-01")),
        (("2024-Q1", "Q2 2024"), ("2024-01-01", "2024-04-01")),
        (("Mar 2024", "April 2024"), ("2024-03-01", "2024-04-01")),
        (("3/25/2024 8:15 PM", "3/5/2024 12:00 AM"), ("2024-03-25T20:15:00", "2024-03-05T00:00:00")),
        (("05.03.2024 08:15", "06.03.2024"), ("2024-03-05T08:15:00", "2024-03-06T00:00:00")),
        (("2024/03/05 08:15:30.250",), ("2024-03-05T08:15:30.250",)),
        (
            ("2024/03/05 08:15 +0200", "2024/03/05 08:15 UTC"),
            ("2024-03-05T08:15:00+02:00", "2024-03-05T08:15:00Z"),
        ),
        (("20240305T081500",), ("2024-03-05T08:15:00",)),
        (("05MAR2024:08:15:00",), ("2024-03-05T08:15:00",)),
        (("Tue Mar  5 08:15:00 +0000 2024",), ("2024-03-05T08:15:00+00:00",)),
    ],
)
def test_dates_in_other_forms(cells: tuple[str, ...], dates: tuple[str, ...]) -> None:
    kind, found = read(*cells)
    assert (kind.kind, found) == ("date", list(dates))


ISO = (
    "2024-03-05",
    "2024-03-05 08:15",
    "2024-03-05T08:15:00Z",
    "2024-03-05 09:15:00.123456+02:00",
    "1700-01-01",
)


def test_iso_dates_stay_as_they_are() -> None:
    kind, found = read(*ISO)
    assert (found, kind.notes) == (list(ISO), ())


@pytest.mark.parametrize("name", ["created_at", "Timestamp", "event time"])
@pytest.mark.parametrize("digits", [0, 3, 6])
def test_numbers_since_1970_are_dates_in_columns_of_times(name: str, digits: int) -> None:
    cells = [f"{1_700_000_000 + 86_400 * day}{'0' * digits}" for day in range(2)]
    kind, found = read(*cells, name=name)
    assert kind.kind == "date"
    assert [cell[:19] for cell in found] == ["2023-11-14T22:13:20", "2023-11-15T22:13:20"]
    assert read(*cells, name="sales")[0].kind == "number"


@pytest.mark.parametrize(
    ("cells", "first", "reason"),
    [
        (("01.02.2024", "03.04.2024"), "2024-02-01", "points"),
        (("01-02-2024", "03-04-2024"), "2024-02-01", "hyphens"),
        (("01/02/2024", "01/03/2024", "01/04/2024", "01/05/2024"), "2024-02-01", "the same in all cells"),
        (("02/01/2024", "03/01/2024", "04/01/2024", "05/01/2024"), "2024-02-01", "the same in all cells"),
        (("02/01/2024", "10/01/2024", "01/02/2024", "12/02/2024"), "2024-01-02", "in order of time"),
    ],
)
def test_day_or_month_first_where_no_cell_decides(cells: tuple[str, ...], first: str, reason: str) -> None:
    kind, found = read(*cells)
    assert found[0] == first
    assert kind.date is not None
    assert reason in kind.date.reason
    assert not kind.questions


def test_the_user_decides_and_is_asked_where_nothing_else_does() -> None:
    cells = ("05/03/2024", "04/07/2022", "01/02/2023", "09/08/2022")
    kind, found = read(*cells)
    assert found[0] == "2024-05-03"
    assert "is the month before the day?" in kind.questions[0]
    kind, found = read(*cells, day_first=True)
    assert (found[0], kind.questions) == ("2024-03-05", ())


def test_the_rows_to_predict_decide_too() -> None:
    train, test = series("05/03/2024", "04/07/2024"), series("13/02/2025")
    kind = column_kind(train, test, "d")
    assert canonical_cells(train, kind).tolist() == ["2024-03-05", "2024-07-04"]


def test_dates_that_stand_for_none_are_gaps() -> None:
    usual = [f"2024-01-{day:02d}" for day in range(1, 29)]
    _, found = read(*usual, "9999-12-31", "0000-00-00", "0001-01-01", "1900-01-01", "1900-01-01", "NULL")
    assert found == [*usual, *[""] * 6]
    assert read("1899-05-01", "1900-01-01", "1900-01-01", "1901-07-01")[1][1] == "1900-01-01"
    assert read(*usual, "2024-02-31")[1][-1] == ""


@pytest.mark.parametrize(
    "cells", [("may", "june"), ("5 apples 2024", "6 pears 2023"), ("1-2-3", "4-5-6"), ("12-2024x",)]
)
def test_what_only_looks_like_dates_stays(cells: tuple[str, ...]) -> None:
    assert read(*cells)[1] == list(cells)


DAYS: dict[str, Callable[[dt.datetime], str]] = {
    "iso": lambda day: f"{day:%Y-%m-%d}",
    "slashes": lambda day: f"{day:%Y/%m/%d}",
    "german": lambda day: f"{day:%d.%m.%Y}",
    "american": lambda day: f"{day.month}/{day.day}/{day:%Y}",
    "british": lambda day: f"{day:%d/%m/%Y}",
    "month by name": lambda day: f"{day.day} {day:%b} {day:%Y}",
    "american name": lambda day: f"{day:%B} {day.day}, {day:%Y}",
}
TIMES: dict[str, Callable[[dt.datetime], str]] = {
    "none": lambda day: "",
    "minutes": lambda day: f" {day:%H:%M}",
    "seconds": lambda day: f" {day:%H:%M:%S}",
    "half days": lambda day: f" {day.hour % 12 or 12}:{day:%M:%S} {'PM' if day.hour >= 12 else 'AM'}",
}


@settings(max_examples=80, deadline=None)
@given(
    moments=st.lists(st.datetimes(dt.datetime(1910, 1, 1), dt.datetime(2090, 1, 1)), min_size=1, max_size=20),
    form=st.sampled_from(sorted(DAYS)),
    time=st.sampled_from(sorted(TIMES)),
)
def test_moments_in_any_form_come_back(moments: list[dt.datetime], form: str, time: str) -> None:
    deciding = dt.datetime(2001, 12, 31)
    cells = series(*[DAYS[form](moment) + TIMES[time](moment) for moment in [*moments, deciding]])
    kind = column_kind(cells, None, "d")
    found = pd.to_datetime(canonical_cells(cells, kind), format="ISO8601")
    step = {"none": "D", "minutes": "min"}.get(time, "s")
    assert found.tolist() == [pd.Timestamp(moment).floor(step) for moment in [*moments, deciding]]
