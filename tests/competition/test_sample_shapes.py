"""Any shape of sample submission: candidates see one form, the file to submit has the user's form."""

import re
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
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import SubmissionFormat, write_submission
from agent.core.errors import SetupError
from tests.competition.raw_folders import prepare_folder, write_spec

TEST_ROWS = 12


def text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(str)


def training(**targets: object) -> pd.DataFrame:
    rows = len(next(iter(targets.values())))  # type: ignore[arg-type]
    return pd.DataFrame({"id": [f"a{i}" for i in range(rows)], "x": range(rows), **targets})


def to_predict(count: int = TEST_ROWS) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"q{i}" for i in range(count)], "x": range(count)})


def folder_of(
    folder: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    sample: pd.DataFrame | None,
    separator: str = ",",
    **fields: object,
) -> CompetitionSpec:
    spec = write_spec(folder, **fields)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    if sample is not None:
        sample.to_csv(folder / "sample_submission.csv", index=False, sep=separator)
    return spec


def public(prepared: Prepared, name: str) -> pd.DataFrame:
    return pd.read_csv(prepared.metadata / f"{name}.csv", dtype=str, na_filter=False)


def opaque_ids(prepared: Prepared) -> list[str]:
    """The opaque ids of the test rows, in the order of the sample."""
    ids = pd.read_csv(prepared.private / "ids.csv", dtype=str, na_filter=False)
    return ids.loc[ids["part"] == "test", "opaque"].tolist()


def final_file(prepared: Prepared, predictions: pd.DataFrame, folder: Path) -> Path:
    """Write predictions (test rows in the order of the sample) as a candidate does, then the final file."""
    table = predictions.copy()
    table.insert(0, prepared.spec.id_column, opaque_ids(prepared))
    audit = pd.read_csv(prepared.private / "audit.csv", dtype=str, na_filter=False)[prepared.spec.id_column]
    hidden = pd.DataFrame({prepared.spec.id_column: audit})
    whole = pd.concat([table, hidden]).fillna(predictions.iloc[0].to_dict()).sample(frac=1, random_state=1)
    whole.to_csv(folder / "candidate.csv", index=False)
    write_test_submission(prepared, folder / "candidate.csv", folder / "final.csv")
    return folder / "final.csv"


VALUES = [f"{i}.25" for i in range(60)]
REGRESSION = {"task": "regression", "metric": "rmse", "targets": "value"}


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
    assert any("There is no sample_submission.csv" in sentence for sentence in prepared.warnings)
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


# Rows without a target.


@pytest.mark.parametrize(
    ("bad", "fields", "sentence"),
    [
        (
            ["1.5", "NA", "", "n/a"],
            REGRESSION,
            "'value' is missing in 15 rows, first in row 3; fill it in, or",
        ),
        (
            ["1.5", "2", "soon", "4"],
            REGRESSION,
            r"the first is 'soon' \(row 3\)\. Correct them, or set blank",
        ),
        (
            ["a", "b", "", "b"],
            {"targets": "value"},
            "'value' is missing in 15 rows, first in row 3; fill it in",
        ),
    ],
)
def test_rows_without_a_target_are_refused_or_left_out(
    tmp_path: Path, bad: list[str], fields: dict[str, object], sentence: str
) -> None:
    spec = folder_of(tmp_path / "data", training(value=bad * 15), to_predict(), None, **fields)
    with pytest.raises(SetupError, match=sentence):
        prepare_folder(spec, tmp_path / "data")
    spec = write_spec(tmp_path / "data", blank_targets="drop", **fields)
    prepared = prepare_folder(spec, tmp_path / "data")
    numbers = fields is REGRESSION
    left = sum(cell not in ("", "NA", "n/a", "soon") for cell in bad) * 15
    assert prepared.rows.train + prepared.rows.val + prepared.rows.audit == left
    first = 2 if numbers and bad[1] == "NA" else 3
    assert any(
        f"{60 - left} rows without a valid target 'value' are left out (rows {first}, " in warning
        for warning in prepared.warnings
    )


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


# Probabilities, and the class that they belong to.


@pytest.mark.parametrize(("positive", "last"), [(None, "yes"), ("yes", "yes"), ("no", "no"), (False, "no")])
def test_the_positive_class_is_the_second(tmp_path: Path, positive: object, last: str) -> None:
    sample = pd.DataFrame({"id": to_predict()["id"], "answer": 0.5, "Usage": "u"})
    train = training(answer=["yes", "no", "no"] * 20)
    fields = {"metric": "roc_auc", "targets": "answer", "positive_class": positive}
    spec = folder_of(tmp_path / "data", train, to_predict(), sample, **fields)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.classes is not None
    assert prepared.classes[1] == last
    assert public(prepared, "classes")["label"].tolist() == list(prepared.classes)
    answers = pd.DataFrame({"id": to_predict()["id"], "answer": (["yes", "no"] * TEST_ROWS)[:TEST_ROWS]})
    (tmp_path / "data" / "answers").mkdir()
    answers.to_csv(tmp_path / "data" / "answers" / "test.csv", index=False)
    probability = np.where(answers["answer"] == last, 0.9, 0.2)
    final = final_file(prepared, pd.DataFrame({"answer": probability.astype(str)}), tmp_path)
    assert grade_submission(spec, tmp_path / "data", final).score == 1.0


@pytest.mark.parametrize(
    ("labels", "metric", "doubt"),
    [
        (
            ("good", "bad"),
            "roc_auc",
            "probability of the class 'good'.* 'bad' seems to be the positive class",
        ),
        (("good", "bad"), "f1", "'f1' scores the class 'good', the last in order, but 'bad' seems"),
        (("stay", "churn"), "roc_auc", "probability of the class 'stay'.* 'churn' seems"),
        (("no", "yes"), "roc_auc", None),
        (("good", "bad"), "accuracy", None),
    ],
)
def test_a_doubtful_class_is_told(
    tmp_path: Path, labels: tuple[str, str], metric: str, doubt: str | None
) -> None:
    sample = pd.DataFrame({"id": to_predict()["id"], "label": 0.5})
    train = training(label=[labels[0], labels[1]] * 30)
    spec = folder_of(tmp_path / "data", train, to_predict(), sample, metric=metric)
    warnings = " ".join(prepare_folder(spec, tmp_path / "data").warnings)
    if doubt is None:
        assert "seems to be the positive class" not in warnings
    else:
        assert re.search(doubt, warnings)
    chosen = write_spec(tmp_path / "data", metric=metric, positive_class=labels[1])
    assert "seems" not in " ".join(prepare_folder(chosen, tmp_path / "data").warnings)


@pytest.mark.parametrize(
    ("positive", "sentence"),
    [
        ("maybe", r"positive_class 'maybe' is not one of the classes 'a', 'b'"),
        ("c", r"positive_class is for two classes, but there are 3: 'a', 'b', 'c'"),
    ],
)
def test_a_positive_class_that_cannot_be_is_refused(tmp_path: Path, positive: str, sentence: str) -> None:
    labels = ["a", "b"] * 30 if positive == "maybe" else ["a", "b", "c"] * 20
    spec = folder_of(tmp_path / "data", training(label=labels), to_predict(), None, positive_class=positive)
    with pytest.raises(SetupError, match=sentence):
        prepare_folder(spec, tmp_path / "data")


def test_class_columns_in_another_order_and_with_prefixes(tmp_path: Path) -> None:
    columns = {"id": to_predict()["id"], "prob_red": 0.3, "prob_blue": 0.3, "Usage": "a", "prob_green": 0.4}
    train = training(label=["red", "green", "blue"] * 20)
    spec = folder_of(tmp_path / "data", train, to_predict(), pd.DataFrame(columns), metric="log_loss")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.submission_columns == ("id", "blue", "green", "red")
    rows = pd.DataFrame({"blue": ["0.1"] * 12, "green": ["0.2"] * 12, "red": ["0.7"] * 12})
    lines = final_file(prepared, rows, tmp_path).read_text().splitlines()
    assert lines[:2] == ["id,prob_red,prob_blue,Usage,prob_green", "q0,0.7,0.1,a,0.2"]


# Label sets.

NAMES = st.lists(
    st.text(st.characters(categories=["L", "N"], include_characters=" -_'\""), min_size=1, max_size=8)
    .map(str.strip)
    .filter(bool),
    min_size=2,
    max_size=5,
    unique=True,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, mark=st.sampled_from(["|", ",", ";", "/", " + "]), seed=st.integers(0, 99))
def test_label_sets_with_any_mark_come_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], mark: str, seed: int
) -> None:
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(seed)
    sets = [[name for name in names if rng.random() < 0.5] for _ in range(40)] + [[name] for name in names]
    train = training(tags=[mark.join(labels) for labels in sets])
    answers = to_predict().assign(tags=[mark.join(labels) for labels in sets[:TEST_ROWS]]).drop(columns="x")
    fields = {"task": "multilabel", "metric": "micro_f1", "targets": "tags", "label_separator": mark}
    spec = folder_of(folder / "data", train, to_predict(), answers.assign(tags=names[0]), **fields)
    prepared = prepare_folder(spec, folder / "data")
    assert prepared.classes is not None
    assert prepared.class_names is not None
    assert sorted(prepared.class_names) == sorted(names)
    assert all(label.split() == [label] for label in prepared.classes)
    internal = dict(zip(prepared.class_names, prepared.classes, strict=True))
    cells = [" ".join(internal[name] for name in labels) for labels in sets[:TEST_ROWS]]
    final = final_file(prepared, pd.DataFrame({"tags": cells}), folder)
    found = pd.read_csv(final, dtype=str, na_filter=False)
    assert found.to_numpy().tolist() == answers.to_numpy().tolist()
    (folder / "data" / "answers").mkdir()
    answers.to_csv(folder / "data" / "answers" / "test.csv", index=False)
    if any(sets[:TEST_ROWS]):
        assert grade_submission(spec, folder / "data", final).score == 1.0


@pytest.mark.parametrize("words", [("0", "1"), ("False", "True"), ("no", "yes"), ("0.0", "1.0")])
@pytest.mark.parametrize("metric", ["micro_f1", "roc_auc"])
def test_columns_of_zero_and_one_are_one_label_each(
    tmp_path: Path, words: tuple[str, str], metric: str
) -> None:
    rng = np.random.default_rng(3)
    flags = rng.integers(0, 2, (60, 3))
    columns = ("deep crack", "rust", "dent")
    train = training(**{name: [words[flag] for flag in flags[:, i]] for i, name in enumerate(columns)})
    sample = pd.DataFrame({"id": to_predict()["id"], **dict.fromkeys(columns, 0)})
    fields = {"task": "multilabel", "metric": metric, "targets": list(columns)}
    spec = folder_of(tmp_path / "data", train, to_predict(), sample, **fields)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.classes == ("deep_crack", "rust", "dent")
    assert prepared.class_names == columns
    assert prepared.spec.targets == ("labels",)
    truth = flags[:TEST_ROWS]
    (tmp_path / "data" / "answers").mkdir()
    answers = pd.DataFrame({"id": to_predict()["id"], **dict(zip(columns, truth.T, strict=True))})
    answers.to_csv(tmp_path / "data" / "answers" / "test.csv", index=False)
    form = SubmissionFormat.of(prepared)
    if metric == "roc_auc":
        assert prepared.submission_columns == ("id", "deep_crack", "rust", "dent")
        rows = pd.DataFrame(truth.astype(float), columns=list(prepared.classes)).astype(str)
        expected = [f"q0,{','.join(str(float(flag)) for flag in truth[0])}"]
    else:
        assert prepared.submission_columns == ("id", "labels")
        names = np.array(prepared.classes)
        rows = pd.DataFrame({"labels": [" ".join(names[row == 1]) for row in truth]})
        expected = [f"q0,{','.join(map(str, truth[0]))}"]
    assert len(form.classes) == 3
    final = final_file(prepared, rows, tmp_path)
    assert final.read_text().splitlines()[:2] == ["id,deep crack,rust,dent", *expected]
    assert grade_submission(spec, tmp_path / "data", final).score == 1.0


def test_a_blank_flag_is_refused(tmp_path: Path) -> None:
    train = training(u=["1", "0", ""] * 20, v=["1", "0", "1"] * 20)
    fields = {"task": "multilabel", "metric": "micro_f1", "targets": ["u", "v"]}
    spec = folder_of(tmp_path / "data", train, to_predict(), None, **fields)
    with pytest.raises(
        SetupError, match=r"column 'u' marks a label by 0 and 1, but 20 cells.*blank \(row 3\)"
    ):
        prepare_folder(spec, tmp_path / "data")


# The labels.


def test_the_alphabet_as_an_order_is_told(tmp_path: Path) -> None:
    grades = ["poor", "fair", "good", "excellent"]
    train = training(label=grades * 15)
    spec = folder_of(tmp_path / "data", train, to_predict(), None, metric="qwk")
    warnings = " ".join(prepare_folder(spec, tmp_path / "data").warnings)
    assert "the alphabet decides: excellent < fair < good < poor." in warnings
    ordered = write_spec(tmp_path / "data", metric="qwk", class_order=grades)
    prepared = prepare_folder(ordered, tmp_path / "data")
    assert prepared.classes == tuple(grades)
    assert "alphabet" not in " ".join(prepared.warnings)


def test_a_label_outside_the_class_order_is_named(tmp_path: Path) -> None:
    train = training(label=["low", "high", "mid"] * 20)
    spec = folder_of(tmp_path / "data", train, to_predict(), None, class_order=["low", "high"])
    with pytest.raises(SetupError, match=r"1 labels of column 'label' are not in class_order; .* 'mid'"):
        prepare_folder(spec, tmp_path / "data")


def test_labels_that_look_alike_are_kept_apart_and_told(tmp_path: Path) -> None:
    train = training(label=["Yes", "yes", "Yes ", "No"] * 15)
    spec = folder_of(tmp_path / "data", train, to_predict(), None)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.classes == ("No", "Yes", "Yes ", "yes")
    assert any("labels that look alike, such as 'Yes' and 'Yes ' and 'yes'" in w for w in prepared.warnings)


# Targets in a table of their own.


@pytest.mark.parametrize("by_id", [True, False])
def test_targets_of_another_table_are_matched(tmp_path: Path, by_id: bool) -> None:
    train = training(label=["red", "blue", "blue"] * 20)
    labels = train[["id", "label"]].iloc[::-1] if by_id else train[["label"]]
    fields = {"train_labels": "labels.csv"}
    spec = folder_of(tmp_path / "data", train.drop(columns="label"), to_predict(), None, **fields)
    labels.to_csv(tmp_path / "data" / "labels.csv", index=False)
    prepared = prepare_folder(spec, tmp_path / "data")
    rows = pd.concat([public(prepared, "train"), public(prepared, "val")])
    assert {(row.x, row.label) for row in rows.itertuples()} == set(
        zip(train["x"].astype(str), train["label"], strict=True)
    )
    how = "by 'id'" if by_id else "by the order of the rows"
    assert f"The targets in labels.csv are matched with train.csv {how}." in prepared.warnings


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("label\nred\nblue\n", r"the table has 2 rows and no id column, but train\.csv has 60 rows"),
        ("id,label\na0,red\na1,blue\n", r"58 ids of train\.csv have no targets, first 'a2' \(row 3\)"),
        ("id,label\na0,red\na0,blue\n", r"column 'id' repeats 1 values, the first is 'a0' \(rows 1 and 2\)"),
    ],
)
def test_targets_that_do_not_match_are_refused(tmp_path: Path, labels: str, sentence: str) -> None:
    train = training(label=["red", "blue", "blue"] * 20).drop(columns="label")
    spec = folder_of(tmp_path / "data", train, to_predict(), None, train_labels="labels.csv")
    (tmp_path / "data" / "labels.csv").write_text(labels)
    with pytest.raises(SetupError, match=sentence):
        prepare_folder(spec, tmp_path / "data")


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
