"""Any shape of sample submission: candidates see one form, the file to submit has the user's form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.competition.evaluation import write_test_submission
from agent.competition.grading import grade_submission
from agent.competition.metrics import metric_of
from agent.competition.submission import SubmissionFormat, write_submission
from agent.core.errors import SetupError
from tests.competition.raw_folders import prepare_folder
from tests.competition.sample_folders import (
    REGRESSION,
    TEST_ROWS,
    VALUES,
    final_file,
    folder_of,
    opaque_ids,
    public,
    to_predict,
    training,
)


@dataclass(frozen=True)
class Shape:
    """A sample of regression values: `make` gets the test rows; `header` is that of the file to submit."""

    make: Callable[["pd.Series[str]"], pd.DataFrame]
    header: str
    row: str  # the row of q5, with the prediction 105.5


SHAPES = {
    "plain": Shape(lambda ids: pd.DataFrame({"id": ids, "value": 0}), "id,value", "q5,105.5"),
    "id last": Shape(lambda ids: pd.DataFrame({"value": 0, "id": ids}), "value,id", "105.5,q5"),
    "usage": Shape(
        lambda ids: pd.DataFrame({"id": ids, "value": 0, "Usage": "Public"}),
        "id,value,Usage",
        "q5,105.5,Public",
    ),
    "between": Shape(
        lambda ids: pd.DataFrame({"comment": "x, y", "id": ids, "value": 0, "Split": "b"}),
        "comment,id,value,Split",
        '"x, y",q5,105.5,b',
    ),
    "index": Shape(
        lambda ids: pd.DataFrame({"": range(TEST_ROWS), "id": ids, "value": 0}), ",id,value", "5,q5,105.5"
    ),
    "ids only": Shape(lambda ids: pd.DataFrame({"id": ids}), "id,value", "q5,105.5"),
    "other name": Shape(lambda ids: pd.DataFrame({"id": ids, "Predicted": 0}), "id,Predicted", "q5,105.5"),
    "other case": Shape(lambda ids: pd.DataFrame({"ID": ids, "Value": 0}), "ID,Value", "q5,105.5"),
    "other id": Shape(lambda ids: pd.DataFrame({"key": ids, "value": 0}), "key,value", "q5,105.5"),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_file_to_submit_has_the_shape_of_the_sample(tmp_path: Path, name: str, reverse: bool) -> None:
    shape, test = SHAPES[name], to_predict()
    sample = shape.make(test["id"])
    sample = sample.iloc[::-1] if reverse else sample
    spec = folder_of(tmp_path / "data", training(value=VALUES), test, sample, **REGRESSION)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.submission_columns == ("id", "value")
    assert list(public(prepared, "sample_submission")) == ["id", "value"]
    order = range(TEST_ROWS - 1, -1, -1) if reverse else range(TEST_ROWS)
    final = final_file(prepared, pd.DataFrame({"value": [str(100.5 + i) for i in order]}), tmp_path)
    lines = final.read_text().splitlines()
    assert lines[0] == shape.header
    assert len(lines) == TEST_ROWS + 1
    assert lines[1 + list(order).index(5)] == shape.row


def test_a_sample_of_some_rows_limits_the_rows_to_predict(tmp_path: Path) -> None:
    sample = pd.DataFrame({"id": ["q7", "q2"], "value": 0})
    spec = folder_of(tmp_path / "data", training(value=VALUES), to_predict(), sample, **REGRESSION)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.test == 2
    assert "sample_submission.csv has 2 of the 12 rows of test.csv; MARS predicts these." in prepared.warnings
    final = final_file(prepared, pd.DataFrame({"value": ["1", "2"]}), tmp_path)
    assert final.read_text() == "id,value\nq7,1\nq2,2\n"


def test_without_a_sample_the_file_has_ids_and_predictions(tmp_path: Path) -> None:
    spec = folder_of(tmp_path / "data", training(value=VALUES), to_predict(3), None, **REGRESSION)
    prepared = prepare_folder(spec, tmp_path / "data")
    told = [sentence for sentence in prepared.warnings if "sample_submission.csv" in sentence]
    assert told == ["There is no sample_submission.csv; the file to submit gets the ids and the predictions."]
    final = final_file(prepared, pd.DataFrame({"value": ["1", "2", "3"]}), tmp_path)
    assert final.read_text() == "id,value\nq0,1\nq1,2\nq2,3\n"


def test_a_sample_of_some_targets_is_filled_and_told(tmp_path: Path) -> None:
    sample = pd.DataFrame({"id": to_predict()["id"], "v": 0})
    train = training(u=VALUES, v=VALUES)
    fields = {**REGRESSION, "targets": ["u", "v"]}
    spec = folder_of(tmp_path / "data", train, to_predict(), sample, **fields)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.submission_columns == ("id", "u", "v")
    assert any("asks for v but not for u" in sentence for sentence in prepared.warnings)
    rows = pd.DataFrame({"u": ["7"] * TEST_ROWS, "v": ["8"] * TEST_ROWS})
    assert final_file(prepared, rows, tmp_path).read_text().startswith("id,v\nq0,8\n")


def test_columns_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    sample = pd.DataFrame({"id": to_predict()["id"], "first": 0, "second": 0})
    spec = folder_of(tmp_path / "data", training(value=VALUES), to_predict(), sample, **REGRESSION)
    with pytest.raises(SetupError, match=r"needs the columns value beside the ids, not first, second"):
        prepare_folder(spec, tmp_path / "data")


@pytest.mark.parametrize("default", ["0,5", "0"])
def test_separator_and_decimal_mark_of_the_sample_are_kept(tmp_path: Path, default: str) -> None:
    folder = tmp_path / "data"
    spec = folder_of(folder, training(value=VALUES), to_predict(), None, **REGRESSION)
    for name in ("train", "test"):
        pd.read_csv(folder / f"{name}.csv", dtype=str).replace(r"\.", ",", regex=True).to_csv(
            folder / f"{name}.csv", sep=";", index=False
        )
    rows = [f"q{i};{default};x" for i in range(TEST_ROWS)]
    (folder / "sample_submission.csv").write_text("\n".join(["id;value;Usage", *rows]) + "\n")
    prepared = prepare_folder(spec, folder)
    assert "0.25" in public(prepared, "train")["value"].tolist() + public(prepared, "val")["value"].tolist()
    final = final_file(prepared, pd.DataFrame({"value": ["1.5", *["-2e-05"] * 11]}), tmp_path)
    assert final.read_text().splitlines()[:3] == ["id;value;Usage", "q0;1,5;x", "q1;-2e-05;x"]
    (folder / "answers").mkdir()
    answers = [f"q{i};{'1,5' if i == 0 else '0'}" for i in range(TEST_ROWS)]
    (folder / "answers" / "test.csv").write_text("\n".join(["id;value", *answers]) + "\n")
    score = grade_submission(spec, folder, final).score
    assert score == pytest.approx(2e-05 * (11 / 12) ** 0.5)
    canonical = tmp_path / "canonical.csv"
    canonical.write_text("id,value\n" + "".join(f"q{i},{1.5 if i == 0 else 0}\n" for i in range(TEST_ROWS)))
    assert grade_submission(spec, folder, canonical).score == 0


# One row, several id columns; row numbers.


def test_several_columns_identify_a_row_together(tmp_path: Path) -> None:
    def rows(count: int, start: int) -> pd.DataFrame:
        numbers = range(start, start + count)
        return pd.DataFrame(
            {"store": [i % 3 for i in numbers], "day": [f"d{i // 3}" for i in numbers], "x": 1}
        )

    train, test = rows(60, 0).assign(label=["red", "blue"] * 30), rows(9, 60)
    sample = test[["day", "store"]].assign(label="red").iloc[::-1]
    spec = folder_of(tmp_path / "data", train, test, sample, id_from=["store", "day"])
    prepared = prepare_folder(spec, tmp_path / "data")
    key = prepared.spec.id_column
    assert key == "row_id"
    assert prepared.submission_columns == ("row_id", "label")
    assert list(public(prepared, "train")) == ["row_id", "x", "label"]
    final = final_file(prepared, pd.DataFrame({"label": ["blue"] * 8 + ["red"]}), tmp_path)
    assert final.read_text().splitlines()[:2] == ["day,store,label", "d22,2,blue"]
    assert final.read_text().splitlines()[-1] == "d20,0,red"
    answers = test[["store", "day"]].assign(label=["red"] + ["blue"] * 8)
    (tmp_path / "data" / "answers").mkdir()
    answers.to_csv(tmp_path / "data" / "answers" / "test.csv", index=False)
    assert grade_submission(spec, tmp_path / "data", final).score == 1.0


def test_repeated_ids_of_several_columns_are_named(tmp_path: Path) -> None:
    train = pd.DataFrame({"s": ["a", "b", "a"], "d": ["1", "1", "1"], "x": 1, "label": ["u", "v", "u"]})
    spec = folder_of(tmp_path / "data", train, train[["s", "d", "x"]], None, id_from=["s", "d"])
    with pytest.raises(SetupError, match=r"'s', 'd' repeat 1 values together.*'a', '1' \(rows 1 and 3\)"):
        prepare_folder(spec, tmp_path / "data")


@pytest.mark.parametrize("with_sample", [True, False])
def test_rows_without_ids_are_known_by_their_number(tmp_path: Path, with_sample: bool) -> None:
    train = training(label=["red", "blue"] * 30).drop(columns="id")
    test = to_predict(4).drop(columns="id")
    sample = pd.DataFrame({"label": ["red"] * 4}) if with_sample else None
    spec = folder_of(tmp_path / "data", train, test, sample, id_from=[])
    prepared = prepare_folder(spec, tmp_path / "data")
    final = final_file(prepared, pd.DataFrame({"label": ["blue", "red", "red", "red"]}), tmp_path)
    expected = "label\nblue\nred\nred\nred\n" if with_sample else "row,label\n1,blue\n2,red\n3,red\n4,red\n"
    assert final.read_text() == expected
    (tmp_path / "data" / "answers").mkdir()
    (tmp_path / "data" / "answers" / "test.csv").write_text("label\nblue\nred\nblue\nred\n")
    assert grade_submission(spec, tmp_path / "data", final).score == 0.75


# Any shape at all.


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(["id", "target", "Usage", ""]),
    kept=st.sets(st.sampled_from(["Usage", ""])),
    rows=st.permutations(list(range(TEST_ROWS))),
    count=st.integers(1, TEST_ROWS),
    named=st.sampled_from(["target", "Target", "prediction"]),
)
def test_a_final_file_of_any_shape_gets_the_score_of_its_array(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[str],
    kept: set[str],
    rows: list[int],
    count: int,
    named: str,
) -> None:
    folder, chosen = tmp_path_factory.mktemp("shape"), rows[:count]
    names = [name for name in order if name in kept | {"id", "target"}]
    cells = {"id": [f"q{i}" for i in chosen], "target": "0", "Usage": "u;v", "": [str(i) for i in chosen]}
    sample = pd.DataFrame({name: cells[name] for name in names}, index=range(count))
    sample = sample.rename(columns={"target": named})
    spec = folder_of(
        folder / "data", training(target=VALUES), to_predict(), sample, **{**REGRESSION, "targets": "target"}
    )
    prepared = prepare_folder(spec, folder / "data")
    predictions = np.random.default_rng(count).normal(size=count)
    form = SubmissionFormat.of(prepared)
    audit = pd.read_csv(prepared.private / "audit.csv", dtype=str)["id"].tolist()
    everything = np.concatenate([predictions, np.zeros(len(audit))])
    write_submission(folder / "candidate.csv", form, [*opaque_ids(prepared), *audit], everything)
    write_test_submission(prepared, folder / "candidate.csv", folder / "final.csv")
    found = pd.read_csv(folder / "final.csv", dtype=str, na_filter=False)
    header = (folder / "final.csv").read_text().splitlines()[0]
    assert header == ",".join(named if name == "target" else name for name in names)
    assert found["id"].tolist() == sample["id"].tolist()
    truth = pd.DataFrame({"id": [f"q{i}" for i in chosen], "target": np.arange(count) / 7})
    (folder / "data" / "answers").mkdir()
    truth.to_csv(folder / "data" / "answers" / "test.csv", index=False)
    expected = metric_of(spec).score(truth["target"].to_numpy(), predictions)
    assert grade_submission(spec, folder / "data", folder / "final.csv").score == pytest.approx(expected)
