"""Task, metric, classes and questions that follow from the target and the sample submission."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.core.errors import SetupError
from agent.drafting.rules.draft import Draft, draft_spec
from tests.drafting.rules.folders import table, write_tables

ROWS = 60


def drafted(folder: Path, target: object, sample: dict[str, object] | None = None, name: str = "y") -> Draft:
    frame = table(ROWS).drop(columns="price").assign(**{name: target})
    return draft_spec(write_tables(folder, frame, name, sample=sample))


def cycle(*values: object) -> np.ndarray:
    return np.array(values, dtype=object)[np.arange(ROWS) % len(values)]


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (("yes", "no"), "yes"),
        (("churn", "stay"), "churn"),
        (("good", "bad"), "bad"),
        ((0, 1), "1"),
        (("True", "False"), "True"),
        (("aqua", "rust", "rust", "rust"), "aqua"),
    ],
)
def test_the_class_of_one_probability_is_named_first(
    tmp_path: Path, values: tuple[object, ...], positive: str
) -> None:
    draft = drafted(tmp_path / "a", cycle(*values), {"id": None, "y": 0.5})
    assert (draft.spec.metric, draft.spec.positive_class) == ("roc_auc", positive)
    assert draft.questions[0].startswith(f"Predictions are probabilities of '{positive}'")


@pytest.mark.parametrize("sample", [None, {"id": None, "y": "yes"}, {"id": None, "no": 0.5, "yes": 0.5}])
def test_without_one_probability_no_class_is_positive(
    tmp_path: Path, sample: dict[str, object] | None
) -> None:
    assert drafted(tmp_path / "a", cycle("yes", "no"), sample).spec.positive_class is None


@pytest.mark.parametrize(
    ("answer", "task"),
    [(3.7, "regression"), ("0.5", "regression"), (3, "classification"), (None, "classification")],
)
def test_the_sample_tells_counts_from_classes(tmp_path: Path, answer: object, task: str) -> None:
    sample = None if answer is None else {"id": None, "y": answer}
    draft = drafted(tmp_path / "a", np.arange(ROWS) % 16, sample)
    assert draft.spec.task == task
    assert any("'y'" in question and "task:" in question for question in draft.questions)


def test_a_column_for_each_class_decides_for_classes(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", np.arange(ROWS) % 3, {"id": None, "0": 0.3, "1": 0.3, "2": 0.4})
    assert (draft.spec.task, draft.spec.metric) == ("classification", "log_loss")


def test_columns_of_zero_and_one_are_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = table(ROWS).drop(columns="price")
    names = ["crack", "dent", "rust"]
    frame[names] = (rng.random((ROWS, 3)) < 0.4).astype(int)
    sample = {"id": None, **dict.fromkeys(names, 0.5)}
    spec = draft_spec(write_tables(tmp_path / "a", frame, *names, sample=sample)).spec
    assert (spec.task, spec.metric, spec.targets) == ("multilabel", "roc_auc", tuple(names))


def test_labels_that_look_alike_are_asked_about(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", cycle("Yes", "yes", "No"))
    assert any("'Yes'" in question and "'yes'" in question for question in draft.questions)


def test_a_target_that_is_blank_in_the_rows_to_predict_is_found(tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "a", table(ROWS), "price")
    pd.read_csv(folder / "test.csv").assign(price="").to_csv(folder / "test.csv", index=False)
    draft = draft_spec(folder)
    assert draft.spec.targets == ("price",)
    assert "price" not in [column.name for column in draft.spec.inputs]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (["same"] * ROWS, "train.csv: the target 'y' has fewer than two values"),
        ([""] * ROWS, "train.csv has no target column|fewer than two values"),
        ([f"text {row}" for row in range(ROWS)], "'y' has 40 different texts in 40 rows"),
    ],
)
def test_targets_that_teach_nothing_are_refused(tmp_path: Path, target: list[str], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        drafted(tmp_path / "a", target)


def test_the_column_named_like_a_target_is_chosen_and_asked_about(tmp_path: Path) -> None:
    frame = table(ROWS).rename(columns={"price": "target"}).assign(later="x")
    draft = draft_spec(write_tables(tmp_path / "a", frame, "target", "later"))
    assert draft.spec.targets == ("target",)
    assert any("'later'" in question for question in draft.questions)


@pytest.mark.parametrize("name", ["labels.csv", "targets.csv", "y_train.csv", "train_labels.csv"])
@pytest.mark.parametrize("with_id", [True, False])
def test_targets_in_a_table_of_their_own_are_found(tmp_path: Path, name: str, with_id: bool) -> None:
    folder = write_tables(tmp_path / "a", table(ROWS), "price")
    train = pd.read_csv(folder / "train.csv")
    labels = train[["id", "price"]].iloc[::-1] if with_id else train[["price"]]
    labels.to_csv(folder / name, index=False)
    train.drop(columns="price").to_csv(folder / "train.csv", index=False)
    spec = draft_spec(folder).spec
    assert (spec.train_labels, spec.targets, spec.id_column) == (name, ("price",), "id")
