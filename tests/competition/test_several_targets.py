"""A competition of several typed targets: prepared, scored, graded, and the sentence for each fault."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.evaluation import check_metric, evaluate, write_test_submission
from agent.competition.grading import grade_submission
from agent.competition.label_permutation import judge_fits, make_permutation_test, read_fit
from agent.competition.metrics import metric_of
from agent.competition.positive_class import describe_positive_class
from agent.competition.prepared import Prepared, load_prepared
from agent.competition.spec import load_spec
from agent.competition.submission import SubmissionFormat, read_truth, write_submission
from agent.competition.tables import read_table
from agent.competition.untrusted_csv import SubmissionError
from agent.core.contract import SUBMISSION_FILE, VALIDATION_FILE
from agent.core.errors import SetupError
from tests.competition.raw_folders import prepare_folder
from tests.competition.several_folders import NAMES, TARGETS, several_folder, several_rows


def prepared_folder(tmp_path: Path, labelled: int = 120, **fields: object) -> Prepared:
    spec = several_folder(tmp_path / "raw", labelled, **fields)
    return prepare_folder(spec, tmp_path / "raw")


def write_answers(prepared: Prepared, workspace: Path, **changes: object) -> None:
    """Write the true labels as predictions of all rows, with some columns replaced."""
    form = SubmissionFormat.of(prepared)
    name = "folds.csv" if prepared.fold_rows else "val.csv"
    ids = read_table(prepared.private, name)["id"].tolist()
    truth = read_truth(prepared.private / name, form)[1]
    write_submission(workspace / VALIDATION_FILE, form, ids, truth)
    rows = read_table(prepared.private, "ids.csv")
    answers = several_rows(len(rows)).set_index("id")
    asked = rows[rows["part"].isin(["test", "audit"])]
    table = answers.loc[asked["original"].to_numpy(), list(NAMES)].reset_index(drop=True)
    table["tags"] = table["tags"].map({"a|long tail": "a long_tail", "b": "b", "": ""})
    table.insert(0, "id", asked["opaque"].to_numpy())
    (workspace / SUBMISSION_FILE).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(workspace / SUBMISSION_FILE, index=False)
    val = pd.read_csv(workspace / VALIDATION_FILE, keep_default_na=False)
    val.assign(**changes).to_csv(workspace / VALIDATION_FILE, index=False)


def test_classes_and_columns_of_each_target_are_prepared(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)

    assert prepared.submission_columns == ("id", *NAMES)
    assert prepared.classes is None
    assert prepared.classes_of_targets == (
        ("no", "yes"),
        ("bird", "cat", "dog", "other"),
        ("a", "b", "long_tail"),
        None,
        ("low", "mid", "high"),
        None,
    )
    classes = read_table(prepared.metadata, "classes.csv")
    assert classes[classes["target"] == "breed"]["label"].tolist() == ["bird", "cat", "dog", "other"]
    assert load_prepared(prepared.root) == prepared


def test_the_positive_class_of_each_binary_target_is_told(tmp_path: Path) -> None:
    assert describe_positive_class(prepared_folder(tmp_path)) == "Positive classes: 'yes' of 'churn'."


def test_the_fingerprint_counts_what_is_set_of_a_target(tmp_path: Path) -> None:
    prints = set()
    for number, weight in enumerate((2, 2.0, 3)):
        folder = tmp_path / str(number)
        prints.add(prepared_folder(folder, targets=replaced("price", weight=weight)).fingerprint)

    assert len(prints) == 2


def test_every_target_is_stratified(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path, labelled=600)
    train, val = (read_table(prepared.metadata, f"{name}.csv") for name in ("train", "val"))

    for name in ("churn", "breed", "grade"):
        shares = [table[name].value_counts(normalize=True).sort_index() for table in (train, val)]
        assert np.allclose(*shares, atol=0.08), name
    assert abs(train["price"].astype(float).mean() - val["price"].astype(float).mean()) < 1.5


def test_perfect_predictions_get_the_best_score(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    check_metric(prepared, metric_of(prepared.spec))
    write_answers(prepared, tmp_path)

    found = evaluate(prepared, tmp_path, printed=1.0)

    assert found.fault is None
    assert found.validation == pytest.approx(1.0)
    assert found.target_scores == {name: pytest.approx(1.0) for name in NAMES}


def test_a_fault_of_one_target_costs_its_share(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    write_answers(prepared, tmp_path, breed="other")

    found = evaluate(prepared, tmp_path, printed=5 / 7)

    assert found.fault is None
    assert found.validation == pytest.approx(5 / 7)  # breed has 2 of 7 weights
    assert found.target_scores["breed"] == 0.0
    assert found.target_scores["price"] == pytest.approx(1.0)
    assert found.validation_error is not None
    assert found.validation_error > 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"churn": "perhaps"}, "column 'churn'"),
        ({"breed": "horse"}, "is not one of the 4 labels"),
        ({"price": "cheap"}, "is not a number"),
        ({"stars": 11}, "is not between 0 and 10"),
        ({"tags": "a z"}, "is not one of the 3 labels"),
    ],
)
def test_each_column_is_checked_by_its_type(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    prepared = prepared_folder(tmp_path)
    write_answers(prepared, tmp_path, **changes)

    fault = evaluate(prepared, tmp_path, printed=1.0).fault

    assert fault is not None
    assert sentence in fault


def test_a_missing_target_is_a_fault(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    write_answers(prepared, tmp_path)
    file = tmp_path / VALIDATION_FILE
    pd.read_csv(file).drop(columns="grade").to_csv(file, index=False)

    fault = evaluate(prepared, tmp_path, printed=1.0).fault

    assert fault is not None
    assert "grade" in fault


def test_the_file_to_submit_has_the_users_ids_and_labels(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    write_answers(prepared, tmp_path)

    write_test_submission(prepared, tmp_path / SUBMISSION_FILE, tmp_path / "final.csv")

    final = pd.read_csv(tmp_path / "final.csv", keep_default_na=False)
    assert list(final.columns) == ["id", *NAMES]
    assert final["id"].tolist() == [f"row-{number}" for number in range(120, 150)]
    assert final["tags"].tolist() == several_rows(30, start=120)["tags"].tolist()


def test_a_submission_is_graded_as_a_whole_and_per_target(tmp_path: Path) -> None:
    spec = several_folder(tmp_path)
    table = several_rows(30, start=120)[["id", *NAMES]].assign(breed="other")
    table.to_csv(tmp_path / "mine.csv", index=False)

    grade = grade_submission(spec, tmp_path, tmp_path / "mine.csv")

    assert grade.metric == "mean_of"
    assert grade.score == pytest.approx(5 / 7)
    assert {one.target: one.score for one in grade.target_scores} == {
        name: pytest.approx(float(name != "breed")) for name in NAMES
    }


def test_a_novel_label_in_the_answers_is_graded(tmp_path: Path) -> None:
    spec = several_folder(tmp_path)
    file = tmp_path / "answers" / "test.csv"
    pd.read_csv(file, keep_default_na=False).assign(breed="other").to_csv(file, index=False)
    several_rows(30, start=120)[["id", *NAMES]].assign(breed="other").to_csv(
        tmp_path / "mine.csv", index=False
    )

    assert grade_submission(spec, tmp_path, tmp_path / "mine.csv").score == pytest.approx(1.0)


def test_a_submission_out_of_bounds_is_refused(tmp_path: Path) -> None:
    spec = several_folder(tmp_path)
    several_rows(30, start=120)[["id", *NAMES]].assign(stars=-1).to_csv(tmp_path / "mine.csv", index=False)

    with pytest.raises(SubmissionError, match="is not between 0 and 10"):
        grade_submission(spec, tmp_path, tmp_path / "mine.csv")


def replaced(name: str, **keys: object) -> list[dict[str, object]]:
    return [{**target, **keys} if target["name"] == name else target for target in TARGETS]


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (replaced("breed", novel="dog"), "training rows have the novel label 'dog' of the target 'breed'"),
        (replaced("stars", high=9), "values of the target 'stars' are not between 0 and 9; the first is"),
        (
            replaced("breed", type="binary", metric="accuracy", novel=None),
            "the binary target 'breed' has 3 different values",
        ),
        (replaced("grade", order=["low", "high"]), "1 labels of column 'grade' are not in order"),
        (replaced("breed", metric="roc_auc"), "takes a probability per class, but each of several"),
    ],
)
def test_data_that_contradict_a_type_are_named(
    tmp_path: Path, targets: list[dict[str, object]], sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        prepared_folder(tmp_path, targets=targets)


def test_a_child_with_several_parents_is_doubted(tmp_path: Path) -> None:
    grades = replaced("grade", type="category", metric="accuracy", order=None, parent_of="breed")
    churns = replaced("churn", parent_of="breed")

    doubted = prepared_folder(tmp_path / "a", targets=grades)
    doubted_too = prepared_folder(tmp_path / "b", targets=churns)

    assert any("3 of 3 labels of 'breed' occur with several labels" in note for note in doubted.warnings)
    assert any("several labels of 'churn', first 'bird'" in note for note in doubted_too.warnings)


def test_a_child_with_one_parent_each_is_not_doubted(tmp_path: Path) -> None:
    targets = [*TARGETS, {"name": "kind", "type": "category", "metric": "accuracy", "parent_of": "breed"}]
    several_folder(tmp_path / "raw", targets=targets)
    for name in ("train", "sample_submission"):
        file = tmp_path / "raw" / f"{name}.csv"
        table = pd.read_csv(file, keep_default_na=False)
        table.assign(kind=np.where(table["breed"] == "bird", "feathers", "fur")).to_csv(file, index=False)
    spec = load_spec(tmp_path / "raw" / "competition.yaml")

    prepared = prepare_folder(spec, tmp_path / "raw")

    assert prepared.spec.typed_targets[-1].parent_of == "breed"
    assert not any("parent_of" in note for note in prepared.warnings)


def test_a_blank_target_is_named_or_its_row_is_left_out(tmp_path: Path) -> None:
    spec = several_folder(tmp_path / "raw")
    file = tmp_path / "raw" / "train.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.loc[3, "price"] = ""
    table.to_csv(file, index=False)

    with pytest.raises(SetupError, match="the target 'price' is missing in 1 rows, first in row 4"):
        prepare_folder(spec, tmp_path / "raw")
    dropping = spec.model_copy(update={"blank_targets": "drop"})
    rows = prepare_folder(dropping, tmp_path / "raw").rows
    assert rows.train + rows.val + rows.audit == 119


def test_predictions_that_follow_shuffled_labels_are_a_leak(tmp_path: Path) -> None:
    prepared = prepared_folder(tmp_path)
    shuffled = make_permutation_test(prepared, tmp_path / "shuffled", seed=1)
    form = SubmissionFormat.of(prepared)
    write_submission(tmp_path / VALIDATION_FILE, form, shuffled.ids, shuffled.answers)

    fit = read_fit(prepared, shuffled, tmp_path)

    assert judge_fits(metric_of(prepared.spec), [fit], real=1.0).is_leak


def test_the_order_of_a_mapping_table_counts(tmp_path: Path) -> None:
    targets = replaced("breed", label_table="breeds.csv", novel="9")
    several_folder(tmp_path / "raw", targets=targets)
    names = {"index": ["2", "1", "0", "9"], "class": ["dog", "cat", "bird", "novel"]}
    pd.DataFrame(names).to_csv(tmp_path / "raw" / "breeds.csv", index=False)
    for file in ("train.csv", "sample_submission.csv"):
        table = pd.read_csv(tmp_path / "raw" / file, dtype=str, keep_default_na=False)
        table["breed"] = table["breed"].map({"dog": "2", "cat": "1", "bird": "0"})
        table.to_csv(tmp_path / "raw" / file, index=False)
    spec = load_spec(tmp_path / "raw" / "competition.yaml")

    prepared = prepare_folder(spec, tmp_path / "raw")

    assert prepared.classes_of_targets[1] == ("2", "1", "0", "9")
