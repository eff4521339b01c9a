"""Targets in the forms in which people have them: label sets, flags, grades, two classes, own tables."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, fbeta_score, roc_auc_score

from agent.competition.grading import grade_submission
from agent.competition.submission import SubmissionFormat
from agent.core.errors import SetupError
from tests.competition.raw_folders import prepare_folder, write_spec
from tests.competition.sample_folders import (
    REGRESSION,
    TEST_ROWS,
    final_file,
    folder_of,
    public,
    to_predict,
    training,
)

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


@pytest.mark.parametrize("positive", ["bad", "good"])
@pytest.mark.parametrize("metric", ["f1", "f_beta", "roc_auc", "average_precision", "brier"])
def test_metrics_score_the_positive_class(tmp_path: Path, metric: str, positive: str) -> None:
    fields = {"metric": metric, "positive_class": positive}
    fields |= {"metric_parameters": {"beta": 2}} if metric == "f_beta" else {}
    sample = pd.DataFrame({"id": to_predict()["id"], "label": 0.5})
    spec = folder_of(
        tmp_path / "data", training(label=["good", "good", "bad"] * 20), to_predict(), sample, **fields
    )
    prepared = prepare_folder(spec, tmp_path / "data")
    rng = np.random.default_rng(5)
    truth = rng.choice(["good", "bad"], TEST_ROWS)
    (tmp_path / "data" / "answers").mkdir()
    answers = pd.DataFrame({"id": to_predict()["id"], "label": truth})
    answers.to_csv(tmp_path / "data" / "answers" / "test.csv", index=False)
    probability = rng.random(TEST_ROWS).round(3)
    labels = np.where(probability > 0.5, positive, "bad" if positive == "good" else "good")
    expected = {
        "f1": lambda: f1_score(truth, labels, pos_label=positive),
        "f_beta": lambda: fbeta_score(truth, labels, beta=2, pos_label=positive),
        "roc_auc": lambda: roc_auc_score(truth == positive, probability),
        "average_precision": lambda: average_precision_score(truth == positive, probability),
        "brier": lambda: np.mean((probability - (truth == positive)) ** 2),
    }[metric]()
    cells = labels if metric in ("f1", "f_beta") else probability.astype(str)
    final = final_file(prepared, pd.DataFrame({"label": cells}), tmp_path)
    assert grade_submission(spec, tmp_path / "data", final).score == pytest.approx(expected)


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


# Metrics past sense.


def test_targets_below_the_logarithm_are_refused_before_the_search(tmp_path: Path) -> None:
    train = training(value=["1", "-3.5", "2"] * 20)
    spec = folder_of(tmp_path / "data", train, to_predict(), None, **{**REGRESSION, "metric": "rmsle"})
    with pytest.raises(SetupError, match=r"20 targets are -1 or less; .* -3\.5 in column 'value' \(row 2\)"):
        prepare_folder(spec, tmp_path / "data")


def test_a_share_of_zero_is_told_before_the_search(tmp_path: Path) -> None:
    train = training(value=["1", "2", "0"] * 20)
    spec = folder_of(tmp_path / "data", train, to_predict(), None, **{**REGRESSION, "metric": "mape"})
    warnings = " ".join(prepare_folder(spec, tmp_path / "data").warnings)
    assert (
        "'mape' divides by the true value, and 33.3 % of the targets are 0, first in column 'value' (row 3)"
        in (warnings)
    )
