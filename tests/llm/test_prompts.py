"""The coder's prompt explains how to read the tables, and holds no label from them."""

from typing import get_args

from agent.competition.spec import CELL_DESCRIPTIONS, InputColumn, Role
from agent.llm.prompts import render_prompt
from agent.repository.rendering import TaskView


def _rules(**fields: object) -> str:
    view = {
        "id": "waves",
        "title": "Waves",
        "task": "classification",
        "metric": "log_loss",
        "metric_definition": "Mean negative logarithm.",
        "higher_is_better": False,
        "prediction": "probability",
        "id_column": "recording",
        "target_columns": ("shape",),
        "submission_columns": ("recording", "secretlabel1", "secretlabel2"),
        "file_column": "file_path",
        "inputs": ({"name": "left", "role": "signal"}, {"name": "right", "role": "signal"}),
        "n_classes": 2,
        "data_kind": "full",
        "n_train": 100,
    }
    return render_prompt("coder_rules", competition=TaskView.model_validate({**view, **fields}))


def test_ids_targets_and_cells_are_described_once_without_labels() -> None:
    rules = _rules()
    assert "inputs: left (signal), right (signal)" in rules
    assert rules.count(CELL_DESCRIPTIONS["signal"]) == 1
    assert "id: recording; target columns: shape; a submission contains: probability" in rules
    assert "secretlabel" not in rules


def test_every_role_has_its_words() -> None:
    assert set(CELL_DESCRIPTIONS) == set(get_args(Role))
    rules = _rules(inputs=({"name": "photo", "role": "image"}, {"name": "age", "role": "number"}))
    assert f"cells: image: {CELL_DESCRIPTIONS['image']}. number: {CELL_DESCRIPTIONS['number']}\n" in rules
    assert CELL_DESCRIPTIONS["signal"] not in rules


def test_folds_are_described_where_the_competition_has_them() -> None:
    assert "folds.csv" not in _rules()
    rules = _rules(folds=8, folds_executed=8)
    assert "puts val.csv into fold 0 and train.csv into folds 1 to 7. Optional:" in rules
    assert "m at most 7 and below MARS_FOLDS if that is set" in rules
    assert "learned from rows of all other folds only" in rules
    blocks = _rules(folds=8, folds_executed=4, folds_forward=True)
    assert "m at most 3 " in blocks
    assert "learned from rows of higher folds only" in blocks


def test_a_columns_words_are_no_part_of_the_datas_fingerprint() -> None:
    column = InputColumn(name="wave", role="signal")
    assert column.cell_description == CELL_DESCRIPTIONS["signal"]
    assert set(column.model_dump()) == {"name", "role", "path", "gaps", "day_first"}
