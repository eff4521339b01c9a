"""Every way in which a submission can fail to fit gives one precise sentence; what fits is read exactly."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from agent.competition import untrusted_csv
from agent.competition.metrics import Rows
from agent.competition.submission import (
    SubmissionError,
    SubmissionFormat,
    read_predictions,
    read_truth,
    write_submission,
)
from agent.core.errors import MarsError, SetupError
from tests.competition.prepared_competitions import make_prepared, make_spec, write_csv

LABELS = SubmissionFormat.build(make_spec("classification", "accuracy"), ("0", "1", "2"), ("id", "target"))
SETS = SubmissionFormat.build(make_spec("multilabel", "micro_f1"), ("0", "1", "2"), ("id", "target"))
VALUES = SubmissionFormat.build(make_spec("regression", "rmse"), None, ("id", "target"))
TWO_VALUES = SubmissionFormat.build(make_spec("regression", "rmse", ["u", "v"]), None, ("id", "u", "v"))
BINARY = SubmissionFormat.build(make_spec("classification", "roc_auc"), ("no", "yes"), ("id", "target"))
RANKED = SubmissionFormat.build(
    make_spec("classification", "roc_auc"), ("a", "b", "c"), ("id", "a", "b", "c")
)
SUMMED = SubmissionFormat.build(make_spec("classification", "log_loss"), ("a", "b"), ("id", "a", "b"))
IDS = ["x1", "x2", "x3"]


def submission(folder: Path, content: str | bytes) -> Path:
    file = folder / "submission.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def read(folder: Path, content: str | bytes, form: SubmissionFormat) -> Rows:
    return read_predictions(submission(folder, content), form, IDS)


FAULTS = [
    (LABELS, "", "is empty"),
    (LABELS, "\nid,target\n", "starts with a blank line"),
    (LABELS, "id\nx1\nx2\nx3\n", "has no column 'target'; its columns are 'id'"),
    (LABELS, "ID,target\nx1,0\n", "has no column 'id'; its columns are 'ID', 'target'"),
    (LABELS, "id,target,target\nx1,0,1\n", "has 2 columns 'target'"),
    (LABELS, "id,target\n", "holds 0 rows instead of 3; it lacks 3 ids ('x1', 'x2', 'x3')."),
    (LABELS, "id,target\nx2,0\n", "holds 1 row instead of 3; it lacks 2 ids ('x1', 'x3')."),
    (
        LABELS,
        "id,target\nx1,0\nx2,0\nx3,0\nx4,0\n",
        "holds 4 rows instead of 3; it adds 1 id ('x4').",
    ),
    (LABELS, "id,target\nx1,0\nx1,1\nx2,0\nx3,0\n", "it repeats 1 id ('x1')."),
    (LABELS, "id,target\nx1,0\nx2,0\nX3,0\n", "it lacks 1 id ('x3'), adds 1 id ('X3')."),
    (LABELS, "id,target\nx1,0\nx2,0\n,0\n", "it lacks 1 id ('x3'), adds 1 id ('')."),
    (LABELS, "id,target\nx1,0\nx2,7\nx3,0\n", "row 2, column 'target': '7' is not one of the 3 labels"),
    (LABELS, "id,target\nx1,1.0\nx2,1\nx3,0\n", "row 1, column 'target': '1.0' is not one of the 3 labels"),
    (LABELS, "id,target\nx1,0\nx2,0\nx3,\n", "row 3, column 'target': is empty"),
    (LABELS, "id,target\nx1,0,9\nx2,0\nx3,0\n", "is not well-formed CSV in UTF-8"),
    (LABELS, b"id,target\nx1,\xff\nx2,0\nx3,0\n", "is not well-formed CSV in UTF-8"),
    (LABELS, b"\xff\xfei\x00d\x00", "the first line is not a CSV header in UTF-8"),
    (
        SETS,
        "id,target\nx1,\nx2,0 9 1\nx3,0\n",
        "row 2, column 'target': '0 9 1' holds '9', which is not one of",
    ),
    (SETS, "id,target\nx1,0\nx2,1\nx3,1.0\n", "row 3, column 'target': '1.0' holds '1.0', which is not one"),
    (VALUES, "id,target\nx1,1\nx2,two\nx3,3\n", "row 2, column 'target': 'two' is not a number"),
    (VALUES, "id,target\nx1,1\nx2,\nx3,3\n", "row 2, column 'target': is empty"),
    (VALUES, "id,target\nx1,1\nx2,2\nx3,NaN\n", "row 3, column 'target': 'NaN' is not finite"),
    (VALUES, "id,target\nx1,-inf\nx2,2\nx3,3\n", "row 1, column 'target': '-inf' is not finite"),
    (VALUES, "id,target\nx1,1e999\nx2,2\nx3,3\n", "row 1, column 'target': '1e999' is not finite"),
    (TWO_VALUES, "id,u,v\nx1,1,1\nx2,2,\nx3,3,3\n", "row 2, column 'v': is empty"),
    (
        BINARY,
        "id,target\nx1,0\nx2,1.5\nx3,1\n",
        "row 2, column 'target': '1.5' is not a probability between 0 and 1",
    ),
    (BINARY, "id,target\nx1,0\nx2,1\nx3,-0.1\n", "row 3, column 'target': '-0.1' is not a probability"),
    (SUMMED, "id,a,b\nx1,.5,.5\nx2,.5,.6\nx3,1,0\n", "row 2: the probabilities sum to 1.1 instead of 1."),
]


@pytest.mark.parametrize(("form", "content", "sentence"), FAULTS)
def test_each_fault_has_its_sentence(
    tmp_path: Path, form: SubmissionFormat, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(SubmissionError) as caught:
        read(tmp_path, content, form)
    message = str(caught.value)
    assert sentence in message
    assert message.startswith("submission.csv: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert isinstance(caught.value, MarsError)


def test_only_the_first_three_of_many_ids_are_named(tmp_path: Path) -> None:
    file = submission(tmp_path, "id,target\n")
    with pytest.raises(SubmissionError, match=r"lacks 1000 ids \('0', '1', '2', \.\.\.\)\."):
        read_predictions(file, LABELS, [str(number) for number in range(1000)])


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SubmissionError, match="is missing"):
        read_predictions(tmp_path / "absent.csv", LABELS, IDS)
    with pytest.raises(SubmissionError, match="is not a regular file"):
        read_predictions(tmp_path, LABELS, IDS)
    os.mkfifo(tmp_path / "pipe.csv")  # opening it would wait for a writer
    with pytest.raises(SubmissionError, match="is not a regular file"):
        read_predictions(tmp_path / "pipe.csv", LABELS, IDS)
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(SubmissionError, match="is a link"):
        read_predictions(tmp_path / "loop.csv", LABELS, IDS)
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(untrusted_csv.MAX_BYTES + 1)  # sparse: takes no space on the disk
    with pytest.raises(SubmissionError, match="takes 2147483649 bytes"):
        read_predictions(tmp_path / "huge.csv", LABELS, IDS)


def test_row_order_is_free_and_further_columns_and_blank_rows_do_not_matter(tmp_path: Path) -> None:
    content = 'note,target,id\n"a\nb",2,x3\n,0,x1\n\n"says ""hi"", twice",1,x2\n'
    assert read(tmp_path, content, LABELS).tolist() == [0, 1, 2]


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    content = "\ufeffid,target\r\nx1,0\r\nx2,1\r\nx3,2\r\n"
    assert read(tmp_path, content, LABELS).tolist() == [0, 1, 2]


def test_ids_stay_text(tmp_path: Path) -> None:
    file = submission(tmp_path, "id,target\n007,1\n7,2\n7.0,0\nNA,1\n")
    found = read_predictions(file, LABELS, ["7", "7.0", "007", "NA"])
    assert found.tolist() == [2, 0, 1, 1]


def test_labels_that_look_like_missing_values_are_labels(tmp_path: Path) -> None:
    form = SubmissionFormat.build(make_spec("classification", "accuracy"), ("NA", "null"), ("id", "target"))
    assert read(tmp_path, "id,target\nx1,NA\nx2,null\nx3,NA\n", form).tolist() == [0, 1, 0]


def test_label_sets_with_single_repeated_blank_and_spaced_labels(tmp_path: Path) -> None:
    found = read(tmp_path, 'id,target\nx3, 2  0 \nx1,1\nx2,""\n', SETS)
    assert found.toarray().tolist() == [[False, True, False], [False, False, False], [True, False, True]]
    repeated = read(tmp_path, "id,target\nx1,1 1\nx2,\nx3,2 1 2\n", SETS)
    assert repeated.sum(axis=1).tolist() == [1, 0, 2]


def test_all_blank_label_sets(tmp_path: Path) -> None:
    assert read(tmp_path, "id,target\nx1,\nx2,\nx3,\n", SETS).nnz == 0


def test_integers_are_values(tmp_path: Path) -> None:
    found = read(tmp_path, "id,target\nx1,1\nx2,-2\nx3,1e3\n", VALUES)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, -2.0, 1000.0]
    assert read(tmp_path, "id,v,u\nx1,1,4\nx2,2,5\nx3,3,6\n", TWO_VALUES).tolist() == [[4, 1], [5, 2], [6, 3]]


def test_a_single_probability_is_that_of_the_second_class(tmp_path: Path) -> None:
    found = read(tmp_path, "id,target\nx1,1\nx2,0\nx3,0.25\n", BINARY)
    assert found.tolist() == [[0, 1], [1, 0], [0.75, 0.25]]


def test_probabilities_of_a_ranking_need_not_sum_to_one(tmp_path: Path) -> None:
    found = read(tmp_path, "id,c,a,b\nx1,1,1,1\nx2,0,0,0\nx3,.3,.2,.1\n", RANKED)
    assert found.tolist() == [[1, 1, 1], [0, 0, 0], [0.2, 0.1, 0.3]]


def test_rounded_distributions_are_scaled(tmp_path: Path) -> None:
    found = read(tmp_path, "id,a,b\nx1,.3335,.6670\nx2,1,0\nx3,.5,.5\n", SUMMED)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-15)
    assert found[0, 0] == pytest.approx(0.3335 / 1.0005)


def test_the_header_may_name_the_prediction_otherwise_than_the_target() -> None:
    form = SubmissionFormat.build(make_spec("regression", "mae"), None, ("Id", "prediction"))
    assert (form.id_column, form.columns, form.answer_columns) == ("Id", ("prediction",), ("target",))


@pytest.mark.parametrize(
    ("task", "metric", "header", "sentence"),
    [
        (
            "classification",
            "log_loss",
            ("id", "a", "b"),
            "needs the columns a, b, c beside the ids, not a, b.",
        ),
        ("classification", "rmse", ("id", "target"), "does not serve the task 'classification'"),
        ("classification", "acuracy", ("id", "target"), "choose one of: accuracy"),
        ("regression", "rmse", ("id",), "needs the columns target beside the ids, not none."),
    ],
)
def test_a_sample_submission_that_does_not_fit(
    task: str, metric: str, header: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        SubmissionFormat.build(make_spec(task, metric), ("a", "b", "c"), header)  # type: ignore[arg-type]


def test_truth_has_the_form_of_the_task(tmp_path: Path) -> None:
    answers = {"x1": "yes", "x2": "no"}
    prepared = make_prepared(tmp_path, "classification", "roc_auc", val=answers, classes=("no", "yes"))
    ids, truth = read_truth(prepared.private / "val.csv", SubmissionFormat.of(prepared))
    assert ids == ["x1", "x2"]
    assert truth.tolist() == [1, 0]


@pytest.mark.parametrize("rows", [[("x1", "9")], [("x1", "0"), ("x1", "1")]])
def test_damaged_answers_are_no_fault_of_the_submission(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    file = write_csv(tmp_path / "val.csv", "id,target", rows)
    with pytest.raises(SetupError, match=r"The answers in .* are damaged: val\.csv: "):
        read_truth(file, LABELS)


@pytest.mark.parametrize(
    ("form", "prediction"),
    [
        (LABELS, np.array([2, 0, 1])),
        (SETS, csr_array(np.array([[True, False, True], [False] * 3, [True] * 3]))),
        (VALUES, np.array([0.1 + 0.2, 1e-300, -1 / 3])),
        (TWO_VALUES, np.array([[1 / 3, 2], [3, 4], [5, 6]])),
        (BINARY, np.array([[0.75, 0.25], [0, 1], [1, 0]])),
        (RANKED, np.array([[0.1, 0.2, 0.3], [1 / 3, 0, 1], [1, 1, 1]])),
    ],
)
def test_what_is_written_is_read_back_exactly(
    tmp_path: Path, form: SubmissionFormat, prediction: Rows
) -> None:
    write_submission(tmp_path / "new" / "out.csv", form, IDS, prediction)
    found = read_predictions(tmp_path / "new" / "out.csv", form, list(reversed(IDS)))
    if isinstance(prediction, csr_array):
        found, prediction = found.toarray(), prediction.toarray()
    assert np.array_equal(found, prediction[::-1])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.csv"]


def test_28000_rows_of_3474_labels_are_read_as_a_sparse_matrix(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ids = [f"{number:08x}" for number in generator.permutation(28_000)]
    classes = tuple(str(number) for number in range(3474))
    form = SubmissionFormat.build(make_spec("multilabel", "micro_f1"), classes, ("id", "target"))
    cells = [" ".join(map(str, row)) for row in generator.integers(0, 3474, (28_000, 5))]
    file = write_csv(tmp_path / "submission.csv", "id,target", zip(ids, cells, strict=True))
    found = read_predictions(file, form, sorted(ids))
    assert isinstance(found, csr_array)
    assert found.nnz <= 5 * 28_000
    assert found.shape == (28_000, 3474)
    assert found.sum(axis=1).max() == 5
