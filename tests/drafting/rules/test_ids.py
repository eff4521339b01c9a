"""What identifies a row: one column, several together, or the row number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.core.errors import SetupError
from agent.drafting.rules.draft import Draft, draft_spec
from tests.drafting.rules.folders import table, write_tables


def drafted(folder: Path, frame: pd.DataFrame, sample: dict[str, object] | None = None) -> Draft:
    return draft_spec(write_tables(folder, frame, "price", sample=sample))


def inputs(draft: Draft) -> list[str]:
    return [column.name for column in draft.spec.inputs]


@pytest.mark.parametrize("sample", [{"id": None, "price": 0}, {"price": 0, "id": None}, {"id": None}])
def test_the_column_of_the_sample_is_the_id_wherever_it_stands(
    tmp_path: Path, sample: dict[str, object]
) -> None:
    draft = drafted(tmp_path / "a", table(), sample)
    assert (draft.spec.id_column, draft.spec.id_from, draft.spec.targets) == ("id", None, ("price",))
    assert inputs(draft) == ["size", "colour"]


def test_a_name_in_another_case_is_the_same_column(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "a", table().rename(columns={"id": "Id"}), "price")
    test = pd.read_csv(folder / "test.csv")
    pd.DataFrame({" ID": test["Id"], "Price": 0}).to_csv(folder / "sample_submission.csv", index=False)
    draft = draft_spec(folder)
    assert (draft.spec.id_column, draft.spec.targets, inputs(draft)) == ("Id", ("price",), ["size", "colour"])


def test_several_columns_of_the_sample_identify_together(tmp_path: Path) -> None:
    frame = table(60).drop(columns="id")
    frame.insert(0, "shop", np.repeat(np.arange(6), 10))
    frame.insert(1, "week", np.tile(np.arange(10), 6))
    frame = frame.sample(frac=1, random_state=1)
    draft = drafted(tmp_path / "a", frame, {"shop": None, "week": None, "price": 0})
    assert (draft.spec.id_from, draft.spec.targets) == (("shop", "week"), ("price",))
    assert inputs(draft) == ["size", "colour"]


def test_without_any_id_the_row_number_identifies(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", table().drop(columns="id"))
    assert draft.spec.id_from == ()
    assert draft.generated_sample is not None
    assert list(draft.generated_sample.columns) == ["price"]


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
def test_an_index_of_a_spreadsheet_is_neither_id_nor_input(tmp_path: Path, index: str) -> None:
    frame = table()
    frame.insert(0, index, np.arange(len(frame)))
    draft = drafted(tmp_path / "a", frame)
    assert (draft.spec.id_column, inputs(draft)) == ("id", ["size", "colour"])


def test_two_columns_named_like_ids_are_asked_about(tmp_path: Path) -> None:
    frame = table()
    frame.insert(1, "Id", frame["id"] * 7)
    draft = drafted(tmp_path / "a", frame)
    assert draft.spec.id_column == "id"
    assert [question for question in draft.questions if "'Id'" in question and "'id'" in question] != []


@pytest.mark.parametrize(
    ("rows", "value", "message"),
    [
        ([4], "103", "train.csv: the id 'id' repeats 1 values, the first is '103' (row 5)"),
        ([7, 9], "", "train.csv: the id 'id' is blank in 2 rows, first in row 8"),
    ],
)
@pytest.mark.parametrize("sample", [None, {"id": None, "price": 0}])
def test_repeated_and_blank_ids_are_named(
    tmp_path: Path, rows: list[int], value: str, message: str, sample: dict[str, object] | None
) -> None:
    frame = table().astype({"id": str})
    frame.loc[rows, "id"] = value
    with pytest.raises(SetupError) as caught:
        drafted(tmp_path / "a", frame, sample)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["paid", "valid", "grid"])
def test_words_that_end_with_id_are_inputs(tmp_path: Path, name: str) -> None:
    frame = table().rename(columns={"size": name}).drop(columns="id")
    draft = drafted(tmp_path / "a", frame)
    assert draft.spec.id_from == ()
    assert name in inputs(draft)
