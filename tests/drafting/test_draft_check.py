"""A draft is prepared as a run would prepare it; a failure is summarised without values."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.drafting.draft_check import InvalidDraftError, prepare_draft, try_draft
from agent.drafting.rules.draft import draft_spec
from agent.drafting.rules.write_draft import write_draft
from tests.drafting.llm.described_folders import CANARY, ROWS, write_folder
from tests.drafting.rules.folders import table, write_tables

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
        ({"inputs": [{"name": "advert", "role": "time"}]}, True, "does not hold what its role says"),
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


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        ("price", {"task": "regression", "metric": "rmse"}),
        ("colour", {"metric": "accuracy"}),
        ("colour", {"metric": "log_loss"}),
        ("colour", {"metric": "map_at_k", "metric_parameters": {"k": 2}}),
        ("flag", {"metric": "roc_auc", "positive_class": "no"}),
        ("flag", {"metric": "f1"}),
        ("sets", {"task": "multilabel", "metric": "micro_f1", "label_separator": "|"}),
        ("sets", {"task": "multilabel", "metric": "roc_auc", "label_separator": "|"}),
        ("mask", {"task": "segmentation", "metric": "dice"}),
    ],
)
def test_a_default_submission_of_every_kind_is_tried(
    tmp_path: Path, target: str, changes: dict[str, object]
) -> None:
    frame = table(90).assign(
        flag=lambda made: np.where(made["price"] > 5, "yes", "no"),
        sets=np.array(["fog|sun", "rain", "sun|rain", "fog"])[np.arange(90) % 4],
        mask=np.array(["1 3 9 2", "4 5", ""])[np.arange(90) % 3],
    )
    frame = frame[["id", "size", target]]
    write_tables(tmp_path / "data", frame, target)
    spec = CompetitionSpec.model_validate(
        {
            "id": "a",
            "title": "A",
            "task": "classification",
            "targets": target,
            "inputs": [{"name": "size", "role": "number"}],
            **changes,
        }
    )
    tried = try_draft(spec, tmp_path / "data")
    assert (tried.rows.train + tried.rows.val, tried.rows.test) == (60, 30)


def test_a_draft_that_cannot_be_prepared_leaves_nothing(tmp_path: Path) -> None:
    frame = table(60).assign(colour=lambda made: made["colour"].where(made.index % 9 != 4, ""))
    folder = write_tables(tmp_path / "data", frame, "colour")
    draft = draft_spec(folder)
    with pytest.raises(SetupError, match=r"target 'colour' is missing in 4 rows, first in row 5"):
        write_draft(draft, folder, lambda spec: try_draft(spec, folder).warnings)
    assert sorted(path.name for path in folder.iterdir()) == ["test.csv", "train.csv"]


def test_what_the_trial_found_is_noted_in_the_draft(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "data", table(60), "price")
    file = write_draft(draft_spec(folder), folder, lambda spec: try_draft(spec, folder).warnings)
    assert "# Note: No audit rows: " in file.read_text()


def test_large_tables_are_read_and_split_but_not_written(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "data", table(90), "price")
    spec = draft_spec(folder).spec
    whole, part = try_draft(spec, folder), try_draft(spec, folder, max_bytes=100)
    assert part.rows == whole.rows
    assert part.warnings == (*whole.warnings, "The tables are large, so no submission was tried.")
    wrong = spec.model_copy(update={"targets": ("colour",)})
    with pytest.raises(InvalidDraftError, match="'colour'"):
        try_draft(wrong, folder, max_bytes=100)
