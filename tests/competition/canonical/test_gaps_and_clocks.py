"""Words for missing values, and times of day as numbers."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.competition.canonical import (
    GAP_WORDS,
    blank_gaps,
    canonical_cells,
    category_gaps,
    column_kind,
    gap_words_in,
)


def series(*cells: str) -> "pd.Series[str]":
    return pd.Series(cells, name="t", dtype=str)


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.integers(-(10**6), 10**6).map(str), min_size=1, max_size=20),
    words=st.lists(st.sampled_from(["", " ", *GAP_WORDS]), max_size=60),
)
def test_gap_words_of_any_number_leave_a_column_of_numbers(numbers: list[str], words: list[str]) -> None:
    column = series(*numbers, *words)
    kind = column_kind(column, None, "t")
    assert kind.kind == "number"
    assert canonical_cells(column, kind).tolist() == [*numbers, *[""] * len(words)]
    assert set(kind.gap_words) == {word for word in words if word.strip()}


def test_blanking_keeps_other_cells_as_they_are() -> None:
    cells = series(" NA ", "none", " a ", "NAN", "", "?", "Nancy")
    assert gap_words_in(cells) == ("?", "NA", "NAN", "none")
    assert blank_gaps(cells, ("NA", "?")).tolist() == ["", "none", " a ", "NAN", "", "", "Nancy"]


def test_words_of_the_user_replace_the_usual_ones() -> None:
    cells = series("1", "2", "-999", "NA")
    kind = column_kind(cells, None, "t", gaps=("-999",))
    assert kind.kind == "other"  # NA is no gap then, and one cell in three is too many
    kind = column_kind(cells[:3], None, "t", gaps=("-999",))
    assert canonical_cells(cells[:3], kind).tolist() == ["1", "2", ""]


def test_only_gaps_are_no_kind_but_blank() -> None:
    kind = column_kind(series("NA", ""), None, "t")
    assert (kind.kind, canonical_cells(series("NA", "x"), kind).tolist()) == ("empty", ["", "x"])


def test_a_category_keeps_the_gap_word_that_the_rows_to_predict_have() -> None:
    train = series("NA", "null", "a", "none")
    assert category_gaps(train, series("a", "NA")) == ("null",)
    assert category_gaps(train, None) == ()


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("08:15", "23:59", "0:00"), ("495", "1439", "0")),
        (("8:15 pm", "12:00 AM", "12:30 p.m."), ("1215", "0", "750")),
        (("01:22:10", "00:00:30"), ("4930", "30")),
        (("58:40", "1:02:10"), ("3520", "3730")),
        (("08:15", "08:15:30"), ("29700", "29730")),
        (("26:10:00", "00:00:01.5"), ("94200", "1.5")),
        (("1 days, 02:03:04", "00:00:01"), ("93784", "1")),
        (("-00:30", "+01:00"), ("-30", "60")),
        (("8 pm", "9 am", "12 am"), ("1200", "540", "0")),
        (("2h 50m", "19h", "25m", "1 hr 5 mins"), ("170", "1140", "25", "65")),
        (("1h 2m 3s", "90 s"), ("3723", "90")),
        (("08h15", "9h30"), ("495", "570")),
        (("08:15", "NA", ""), ("495", "", "")),
    ],
)
def test_times_of_day_are_numbers(cells: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    column = series(*cells)
    kind = column_kind(column, None, "t")
    assert (kind.kind, kind.role) == ("clock", "number")
    assert canonical_cells(column, kind).tolist() == list(numbers)
    assert "is read as" in kind.notes[0]


@pytest.mark.parametrize("cells", [("25:99", "08:15"), ("3:2", "2:1"), ("16:9x", "4:3")])
def test_scores_and_ratios_are_no_times(cells: tuple[str, ...]) -> None:
    assert column_kind(series(*cells), None, "t").kind == "other"
