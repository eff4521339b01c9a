"""Folders get ids of their own, whatever script their names are written in."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.contract import COMPETITION_ID
from agent.drafting.rules.names import competition_id, readable_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("house-prices", "house-prices"),
        ("House Prices (2024)", "house-prices-2024"),
        ("café", "cafe"),
        ("Größe", "gro-e-"),
        ("数据一", "competition-"),
        ("данные-2024", "2024-"),
        ("...", "competition-"),
    ],
)
def test_the_id_follows_the_name(name: str, expected: str) -> None:
    found = competition_id(name)
    assert found == expected or (expected.endswith("-") and re.fullmatch(rf"{expected}[0-9a-f]{{6}}", found))


def test_names_of_other_scripts_are_kept_apart() -> None:
    names = ["数据一", "数据二", "данные", "данные-1", "δεδομένα", "بيانات", "x" * 80 + "a", "x" * 80 + "b"]
    assert len({competition_id(name) for name in names}) == len(names)


@given(st.text(min_size=1, max_size=300))
def test_every_name_gives_a_valid_id(name: str) -> None:
    found = competition_id(name)
    assert re.fullmatch(COMPETITION_ID, found)
    assert len(found) <= 70
    assert competition_id(name) == found


def test_bytes_of_a_name_that_are_no_text_are_replaced() -> None:
    assert readable_name(Path(b"/x/caf\xe9".decode("utf-8", "surrogateescape"))) == "caf\ufffd"
