"""Final submissions are graded with the competition's metric; whatever is wrong is said in a sentence."""

from pathlib import Path

import pytest
from sklearn.metrics import cohen_kappa_score, root_mean_squared_error

from agent.competition.grading import Grade, grade_submission
from agent.competition.submission import SubmissionError
from agent.core.errors import SetupError
from tests.competition.prepared_competitions import make_spec, write_csv

SPEC = make_spec("classification", "accuracy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Raw data: labels 8 to 10, of which the answers hold two."""
    write_csv(tmp_path / "train.csv", "id,x,target", [(f"t{label}", 0, label) for label in (8, 9, 10)])
    write_csv(tmp_path / "sample_submission.csv", "id,target", [("q1", 8), ("q2", 8), ("q3", 8)])
    write_csv(tmp_path / "answers" / "test.csv", "id,target", [("q1", 8), ("q2", 9), ("q3", 9)])
    return tmp_path


def test_a_submission_is_graded(folder: Path) -> None:
    submission = write_csv(folder / "mine.csv", "id,target", [("q3", 9), ("q1", 8), ("q2", 10)])
    assert grade_submission(SPEC, folder, submission) == Grade("accuracy", 2 / 3, True, 3)


def test_answers_may_have_another_separator(folder: Path) -> None:
    (folder / "answers" / "test.csv").write_text("Id;target\nq1;8\nq2;9\nq3;9\n")
    submission = write_csv(folder / "mine.csv", "id,target", [("q3", 9), ("q1", 8), ("q2", 10)])
    assert grade_submission(SPEC, folder, submission) == Grade("accuracy", 2 / 3, True, 3)


def test_a_loss_says_its_direction(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", "id,x,target", [("t1", 0, 1.5)])
    write_csv(tmp_path / "sample_submission.csv", "id,target", [("q1", 0)])
    write_csv(tmp_path / "answers" / "private.csv", "id,target", [("q1", 1), ("q2", 2)])
    submission = write_csv(tmp_path / "mine.csv", "id,target", [("q1", 1.5), ("q2", 4)])
    found = grade_submission(make_spec("regression", "rmse"), tmp_path, submission)
    assert not found.higher_is_better
    assert found.score == pytest.approx(root_mean_squared_error([1, 2], [1.5, 4]))


def test_the_order_of_whole_number_labels_counts_for_kappa(folder: Path) -> None:
    submission = write_csv(folder / "mine.csv", "id,target", [("q1", 8), ("q2", 10), ("q3", 10)])
    found = grade_submission(make_spec("classification", "qwk"), folder, submission)
    assert found.score == pytest.approx(cohen_kappa_score([8, 9, 9], [8, 10, 10], weights="quadratic"))


def test_further_answers_are_graded_by_name(folder: Path) -> None:
    write_csv(folder / "answers" / "comparison.csv", "id,target", [("c1", 10)])
    submission = write_csv(folder / "mine.csv", "id,target", [("c1", 10)])
    assert grade_submission(SPEC, folder, submission, "comparison.csv").score == 1.0
    with pytest.raises(SubmissionError, match=r"mine\.csv: .*; it lacks 3 ids"):
        grade_submission(SPEC, folder, submission)
    with pytest.raises(SetupError, match=r"has no other\.csv; choose one of comparison\.csv, test\.csv"):
        grade_submission(SPEC, folder, submission, "other.csv")


def test_without_answers_nothing_is_graded(folder: Path) -> None:
    submission = write_csv(folder / "mine.csv", "id,target", [("q1", 8)])
    (folder / "answers" / "test.csv").unlink()
    with pytest.raises(SetupError, match="answers: the folder holds no answers"):
        grade_submission(SPEC, folder, submission)
    (folder / "answers").rmdir()
    with pytest.raises(SetupError, match="answers: the folder holds no answers"):
        grade_submission(SPEC, folder, submission)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([], "holds no answers"),
        ([("q1", "")], "row 1, column 'target': is empty"),
        ([("q1", 7)], "'7' is not one of the 3 labels"),
        ([("q1", 8), ("q1", 8)], "repeats 1 id"),
    ],
)
def test_damaged_answers_are_named(folder: Path, answers: list[tuple[str, object]], sentence: str) -> None:
    write_csv(folder / "answers" / "test.csv", "id,target", answers)
    submission = write_csv(folder / "mine.csv", "id,target", [("q1", 8)])
    with pytest.raises(SetupError, match=sentence):
        grade_submission(SPEC, folder, submission)


def test_an_undefined_metric_is_an_error_and_no_score(folder: Path) -> None:
    write_csv(folder / "answers" / "test.csv", "id,target", [("q1", 8)])
    submission = write_csv(folder / "mine.csv", "id,target", [("q1", 8)])
    with pytest.raises(SetupError, match="'qwk' is undefined on these answers"):
        grade_submission(make_spec("classification", "qwk"), folder, submission)


def test_a_fault_of_the_submission_is_named(folder: Path) -> None:
    submission = write_csv(folder / "mine.csv", "id,target", [("q1", 8), ("q2", "cat"), ("q3", 9)])
    with pytest.raises(
        SubmissionError, match=r"mine\.csv: row 2, column 'target': 'cat' is not one of the 3"
    ):
        grade_submission(SPEC, folder, submission)
