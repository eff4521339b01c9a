"""A draft is prepared as a run would prepare it; a failure is summarised without values."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.drafting.draft_check import InvalidDraftError, prepare_draft
from tests.drafting.llm.described_folders import CANARY, ROWS, write_folder

SPEC: dict[str, Any] = {
    "id": "grades",
    "title": "Grades",
    "task": "classification",
    "metric": "accuracy",
    "train": "labelled.csv",
    "test": "later.csv",
    "id_column": "house",
    "targets": ["grade"],
    "inputs": [{"name": "area", "role": "number"}],
}


@pytest.mark.parametrize(
    ("changed", "quoted", "redacted"),
    [
        ({"task": "regression", "metric": "rmse", "targets": ["advert"]}, True, "not finite numbers"),
        ({"inputs": [{"name": "advert", "role": "time"}]}, True, "not dates or times"),
        ({"id_column": "city"}, True, "ids are blank or repeat"),
        ({"label_table": "labels.csv", "targets": ["customer_id"]}, True, "the label table does not list"),
        ({"task": "segmentation", "metric": "dice", "targets": ["city"]}, True, "not masks as runs"),
        ({"id_column": "advert"}, False, "a table lacks a column"),
        ({"inputs": [{"name": "same", "role": "group"}]}, False, "the group column has only one value"),
        (
            {"inputs": [{"name": "picture", "role": "image", "path": "{house}.png"}]},
            True,
            "images are missing or cannot be read",
        ),
        ({"metric": "log_loss"}, False, "columns of the sample submission do not fit the metric"),
    ],
)
def test_a_failure_is_summarised_without_a_value(
    tmp_path: Path, changed: dict[str, Any], quoted: bool, redacted: str
) -> None:
    folder = write_folder(tmp_path / "grades")
    train = pd.read_csv(folder / "labelled.csv", dtype=str)
    train.loc[1, "city"] = CANARY
    train.assign(same="x").to_csv(folder / "labelled.csv", index=False)
    (folder / "labels.csv").write_text("name\na1\na2\n")
    with pytest.raises(InvalidDraftError) as error:
        prepare_draft(CompetitionSpec.model_validate({**SPEC, **changed}), folder, Home(tmp_path / "home"))
    assert (CANARY in str(error.value)) == quoted, "the user may read it"
    assert redacted in error.value.redacted
    assert CANARY not in error.value.redacted


def test_a_valid_draft_is_prepared_where_a_run_finds_it(tmp_path: Path) -> None:
    folder, home = write_folder(tmp_path / "grades"), Home(tmp_path / "home")
    prepared = prepare_draft(CompetitionSpec.model_validate(SPEC), folder, home)
    assert prepared.rows.train + prepared.rows.val == ROWS
    assert prepared.root.is_relative_to(home.prepared)


def test_a_fault_that_nobody_named_reveals_nothing() -> None:
    assert InvalidDraftError(SetupError(f"{CANARY} is odd.")).redacted == "the preparation failed."
