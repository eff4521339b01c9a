"""A folder with labelled rows alone gets a hold-out; the user's table stays as it is."""

from pathlib import Path

import pandas as pd
import pytest

from agent.core.errors import SetupError
from agent.drafting.rules.draft import draft_spec
from agent.drafting.rules.write_draft import write_draft
from tests.drafting.rules.folders import table


def test_a_fifth_of_the_rows_is_held_out(tmp_path: Path) -> None:
    frame = table(60)
    frame.to_csv(tmp_path / "train.csv", index=False)
    before = (tmp_path / "train.csv").read_bytes()
    draft = draft_spec(tmp_path)
    write_draft(draft, tmp_path)
    labelled, test = (pd.read_csv(tmp_path / f"hold_out_{part}.csv") for part in ("train", "test"))
    answers = pd.read_csv(tmp_path / "answers" / "test.csv")
    assert (len(labelled), len(test)) == (48, 12)
    assert list(test.columns) == ["id", "size", "colour"]
    both = pd.concat([labelled, test.merge(answers, on="id")]).sort_values("id").reset_index(drop=True)
    pd.testing.assert_frame_equal(both, frame)
    assert (tmp_path / "train.csv").read_bytes() == before
    assert (draft.spec.train, draft.spec.test, draft.spec.targets) == (
        "hold_out_train.csv",
        "hold_out_test.csv",
        ("price",),
    )
    assert any("12 of 60 rows" in note for note in draft.notes)


def test_rows_without_an_id_get_one(tmp_path: Path) -> None:
    table(60).drop(columns="id").to_csv(tmp_path / "data.csv", index=False)
    draft = draft_spec(tmp_path)
    assert draft.spec.id_column == "row_id"
    assert sorted(
        int(number)
        for part in ("hold_out_train.csv", "hold_out_test.csv")
        for number in draft.hold_out[part]["row_id"]
    ) == list(range(1, 61))


def test_the_column_named_like_a_target_is_taken_before_the_last(tmp_path: Path) -> None:
    frame = table(60).rename(columns={"price": "target"})[["target", "id", "size", "colour"]]
    frame.to_csv(tmp_path / "train.csv", index=False)
    assert draft_spec(tmp_path).spec.targets == ("target",)


def test_few_rows_are_refused(tmp_path: Path) -> None:
    table(9).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(SetupError, match=r"train\.csv has 9 rows and there is no test\.csv"):
        draft_spec(tmp_path)
