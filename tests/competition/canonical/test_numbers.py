"""Numbers as people write them come back as the numbers that they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.competition.canonical import ColumnKind, canonical_cells, column_kind
from agent.competition.spec import CsvForm


def series(*cells: str) -> "pd.Series[str]":
    return pd.Series(cells, name="a", dtype=str)


def read(*cells: str, **known: object) -> tuple[ColumnKind, list[str]]:
    column = series(*cells)
    kind = column_kind(column, None, "a", **known)  # type: ignore[arg-type]
    return kind, canonical_cells(column, kind).tolist()


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1.234,5", "12,5", "7"), ("1234.5", "12.5", "7")),
        (("1,234", "950", "12,000"), ("1234", "950", "12000")),
        (("1,234.5", "3"), ("1234.5", "3")),
        (("1'234.50", "1’234"), ("1234.50", "1234")),
        (("1 234,5", "1\u00a0234", "2\u202f500,25"), ("1234.5", "1234", "2500.25")),
        (("12,34,567", "1,00,000.5"), ("1234567", "100000.5")),
        (("1.234.567", "1.234"), ("1234567", "1234")),
        (("0,123", "4,567"), ("0.123", "4.567")),
        (("1,5", "1.5", "2"), ("1.5", "1.5", "2")),
        (("$3", "$1,200.50", "-$4", "$-5"), ("3", "1200.50", "-4", "-5")),
        (("€ 3,50", "4,25 €", "-1 EUR"), ("3.50", "4.25", "-1")),
        (("US$ 7", "USD 8", "9 usd"), ("7", "8", "9")),
        (("12 %", "3.5%", "-1%"), ("12", "3.5", "-1")),
        (("(3.5)", "4", "($1,000)"), ("-3.5", "4", "-1000")),
        (("\u22123", "4", "5-"), ("-3", "4", "-5")),
        (("CHF 3.-", "4,-", "CHF 1'000.--"), ("3", "4", "1000")),
        (("5 kg", "7.5kg", "3"), ("5", "7.5", "3")),
        (("3 rooms", "4 rooms", "5 rooms"), ("3", "4", "5")),
        (("36 months", "60 months"), ("36", "60")),
        (("1,5e3", "2,5E-1"), ("1.5e3", "2.5E-1")),
    ],
)
def test_numbers_in_other_forms(cells: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    kind, found = read(*cells)
    assert (kind.kind, found) == ("number", list(numbers))
    assert kind.notes  # what changes is told
    assert cells[0] in kind.notes[0] or kind.notes[0].count("'") >= 2


PLAIN = ("3", "-3.50", "+3", "1e-5", "-2.", ".5", "007", "1E+10", "0.0", "12345678901234567890123", "1e308")


def test_plain_numbers_stay_as_they_are() -> None:
    kind, found = read(*PLAIN)
    assert kind.number is not None
    assert kind.number.is_plain
    assert (found, kind.notes, kind.questions) == (list(PLAIN), (), ())


@pytest.mark.parametrize(
    "cells",
    [
        ("True", "False"),
        ("1st", "2nd", "3rd"),
        ("A12", "A13"),
        ("12A", "13A"),
        ("2d", "3d"),
        ("1.2.3", "1.2.4"),
        ("192.168.0.1", "10.0.0.1"),
        ("1/2", "3/4"),
        ("5 kg", "3 lb", "2 oz", "7 km"),
        ("10-20", "20-30"),
        ("<5", ">5"),
        ("1 2 3 4 5 6 7 8 9", "2 3 4 5 6 7 8 9 1"),
        ("+49 170 1234567", "+49 171 7654321"),
    ],
)
def test_what_only_looks_like_numbers_stays(cells: tuple[str, ...]) -> None:
    kind, found = read(*cells)
    assert (kind.kind, found) == ("other", list(cells))


def test_a_lone_group_of_three_digits_is_asked_or_follows_the_table() -> None:
    kind, found = read("1,234", "5,678")
    assert found == ["1234", "5678"]
    assert "does a number such as 1,234 mean 1234?" in kind.questions[0]
    kind, found = read("1,234", "5,678", csv=CsvForm(decimal=","))
    assert (found, kind.questions) == (["1.234", "5.678"], ())
    kind, found = read("1.234", "5.678", csv=CsvForm(decimal=","))
    assert found == ["1234", "5678"]
    kind, found = read("48.137", "11.5", csv=CsvForm(decimal=","))
    assert found == ["48.137", "11.5"]


def test_both_tables_decide_together() -> None:
    train, test = series("1.234", "5.678"), series("9.876,5")
    kind = column_kind(train, test, "a")
    assert canonical_cells(train, kind).tolist() == ["1234", "5678"]
    assert canonical_cells(test, kind).tolist() == ["9876.5"]


def test_a_few_bad_cells_are_gaps_and_many_make_words() -> None:
    numbers = [str(value) for value in range(95)]
    kind, found = read(*numbers, "abc", "x1", "y", "z", "q")
    assert (kind.kind, found[-5:]) == ("number", [""] * 5)
    assert read(*numbers[:90], *"abcdefghij")[0].kind == "other"


def test_a_word_beside_many_numbers_is_a_gap_and_asked() -> None:
    kind, found = read(*[str(value) for value in range(30)], *["Varies with device"] * 20)
    assert (kind.kind, kind.gap_words) == ("number", ("Varies with device",))
    assert found == [*[str(value) for value in range(30)], *[""] * 20]
    assert "does 'Varies with device' mean a missing value?" in kind.questions[0]


FORMS = {
    "plain": lambda value: f"{value:.2f}",
    "comma": lambda value: f"{value:.2f}".replace(".", ","),
    "english": lambda value: f"{value:,.2f}",
    "german": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")),
    "swiss": lambda value: f"{value:,.2f}".replace(",", "'"),
    "french": lambda value: f"{value:,.2f}".replace(",", "\u202f").replace(".", ","),
    "dollars": lambda value: f"{'-' if value < 0 else ''}${abs(value):,.2f}",
    "euros": lambda value: f"{value:,.2f} €".translate(str.maketrans(",.", ".,")),
    "percent": lambda value: f"{value:.2f} %",
    "accounting": lambda value: f"({-value:,.2f})" if value < 0 else f"{value:,.2f}",
    "exponent": lambda value: f"{value:.6e}",
}
VALUES = st.lists(st.floats(-1e7, 1e7).map(lambda value: round(value, 2) + 0.0), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(values=VALUES, form=st.sampled_from(sorted(FORMS)), gap=st.sampled_from(["", "NA", "?", "-"]))
def test_values_in_any_form_come_back(values: list[float], form: str, gap: str) -> None:
    cells = series(*[FORMS[form](value) for value in values], gap)
    kind = column_kind(cells[:-1], cells[-1:], "a")
    found = pd.to_numeric(canonical_cells(cells, kind)).to_numpy(float)
    assert kind.kind == "number"
    # Fractions of a plain unit stay within the precision of the text.
    np.testing.assert_allclose(found[:-1], values, rtol=1e-6, atol=1e-9)
    assert np.isnan(found[-1])
