"""The tables of a competition in canonical form, by role, and what is told."""

from pathlib import Path

import pandas as pd
import pytest

from agent.competition.canonical import CanonicalTables, TableFiles, canonical_tables
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError

FILES = TableFiles(Path("data/train.csv"), Path("data/test.csv"))


def spec_of(*inputs: dict[str, object]) -> CompetitionSpec:
    fields = {"id": "c", "title": "c", "task": "regression", "metric": "rmse", "targets": "y"}
    return CompetitionSpec.model_validate({**fields, "inputs": inputs})


def read(role: str, train: list[str], test: list[str], **fields: object) -> CanonicalTables:
    tables = (pd.DataFrame({"a": cells}, dtype=str) for cells in (train, test))
    return canonical_tables(spec_of({"name": "a", "role": role, **fields}), *tables, FILES)


def test_a_column_of_numbers_is_plain_in_both_tables() -> None:
    found = read("number", ["1.234,5", "NA", "7"], ["2,5", "?"])
    assert found.train["a"].tolist() == ["1234.5", "", "7"]
    assert found.test["a"].tolist() == ["2.5", ""]
    assert found.warnings == (
        "Words that count as missing values: 'a' (?, NA).",
        "Numbers in other forms are read as plain numbers: 'a' ('1.234,5' is 1234.5).",
    )


def test_plain_tables_stay_and_nothing_is_told() -> None:
    train, test = ["1", " ", "2.50"], ["3e5", "+1"]
    found = read("number", train, test)
    assert (found.train["a"].tolist(), found.test["a"].tolist()) == (["1", "", "2.50"], test)
    assert found.warnings == ()


def test_bad_cells_are_counted_and_the_first_is_named() -> None:
    found = read("number", [*"123456789" * 5, "abc"], [*"123456789" * 5, "x"])
    assert found.warnings == (
        "Column 'a': 2 cells count as missing because they are no number; the first is 'abc' "
        "(train.csv, row 46).",
    )


def test_several_currencies_are_told() -> None:
    found = read("number", ["$3", "€4"], ["5"])
    assert found.train["a"].tolist() == ["3", "4"]
    assert "Column 'a': amounts in '$' and '€' are read as the same unit" in found.warnings[-1]


def test_a_role_needs_half_of_the_cells() -> None:
    assert read("number", ["1", "2", "x"], ["3"]).train["a"].tolist() == ["1", "2", ""]
    with pytest.raises(
        SetupError, match=r"'a' has the role number, .* not numbers; the first is 'x' \(row 2\)"
    ):
        read("number", ["1", "x", "y", "z"], ["w"])
    with pytest.raises(SetupError, match="they look like dates: set its role to time"):
        read("number", ["2024-01-01", "2024-01-02"], ["2024-01-03"])
    with pytest.raises(SetupError, match=r"'a' has the role time, .* not times; the first is 'x' \(row 1\)"):
        read("time", ["x", "y"], ["z"])


def test_times_are_iso_or_numbers_and_the_order_is_told() -> None:
    found = read("time", ["13/02/2024", "01/03/2024"], ["05/04/2024"])
    assert found.train["a"].tolist() == ["2024-02-13", "2024-03-01"]
    assert found.test["a"].tolist() == ["2024-04-05"]
    assert found.warnings == (
        "Column 'a': dates are read with the day first ('13/02/2024' has no other reading).",
    )
    assert read("time", ["1", "2", "30"], ["31"]).train["a"].tolist() == ["1", "2", "30"]
    assert read("time", ["08:15", "09:00"], ["10:00"]).train["a"].tolist() == ["495", "540"]


def test_an_order_that_nothing_decides_is_told_with_the_option() -> None:
    found = read("time", ["05/03/2024", "04/07/2022", "01/02/2023"], ["02/03/2024"])
    assert found.warnings == (
        "Column 'a': no cell says whether the day or the month is first; dates are read with the month first "
        "('05/03/2024' is 2024-05-03). Set day_first for this input in competition.yaml.",
    )
    told = read("time", ["05/03/2024"], ["02/03/2024"], day_first=True)
    assert told.train["a"].tolist() == ["2024-03-05"]


def test_categories_keep_levels_that_the_rows_to_predict_have() -> None:
    found = read("category", ["NA", "null", "a"], ["NA", "a"])
    assert found.train["a"].tolist() == ["NA", "", "a"]
    assert read("category", ["NA", "b"], ["NA"], gaps=["NA"]).test["a"].tolist() == [""]
    assert read("category", ["1,5", "2,5"], ["3"]).train["a"].tolist() == ["1,5", "2,5"]


@pytest.mark.parametrize("role", ["text", "group", "signal", "embedding"])
def test_other_roles_keep_their_cells(role: str) -> None:
    assert read(role, ["NA", " 1,5 "], ["null"]).train["a"].tolist() == ["NA", " 1,5 "]


def test_groups_may_be_absent_from_the_rows_to_predict() -> None:
    spec = spec_of({"name": "g", "role": "group", "gaps": ["?"]}, {"name": "a", "role": "number"})
    train = pd.DataFrame({"g": ["1", "?"], "a": ["1", "2"]}, dtype=str)
    found = canonical_tables(spec, train, pd.DataFrame({"a": ["3"]}, dtype=str), FILES)
    assert found.train["g"].tolist() == ["1", ""]
