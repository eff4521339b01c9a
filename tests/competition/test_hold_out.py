"""Out-of-fold predictions: which folds a file covers, its scores, and the rows that two files share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.evaluation import Evaluation, evaluate
from agent.competition.hold_out import (
    groups_of,
    load_common_rows,
    load_validation,
    validation_ids,
)
from agent.competition.label_permutation import (
    LabelPermutationTest,
    judge_fits,
    make_permutation_test,
    read_fit,
)
from agent.competition.metrics import get_metric
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionError
from tests.competition.raw_folders import COLOURS, number_folder, number_rows, prepare_folder, write_tables
from tests.competition.raw_folders import write_spec as spec_of

FOLD_ROWS = 15  # 120 rows in 8 folds


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return prepare_folder(number_folder(tmp_path / "data", labelled=120), tmp_path / "data")


def answers(prepared: Prepared) -> pd.DataFrame:
    """The rows of all folds in the order of the harness, with their answers."""
    return pd.read_csv(prepared.private / "folds.csv", dtype=str)


def wrong(label: str) -> str:
    return COLOURS[(COLOURS.index(label) + 1) % 3]


def write_rows(prepared: Prepared, workspace: Path, rows: pd.DataFrame) -> Path:
    """Writes validation rows in another order than the harness's, and a submission."""
    file = workspace / "working" / "val_submission.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    (workspace / "submission").mkdir(exist_ok=True)
    rows.iloc[::-1].to_csv(file, index=False)
    sample = (prepared.metadata / "sample_submission.csv").read_text()
    (workspace / "submission" / "submission.csv").write_text(sample)
    return file


def guesses(prepared: Prepared, folds: int, mistakes: tuple[int, ...]) -> pd.DataFrame:
    """The answers of the first folds, with so many mistakes in each."""
    rows = answers(prepared).head(folds * FOLD_ROWS)
    is_wrong = np.concatenate([np.arange(FOLD_ROWS) < count for count in mistakes])
    return rows.assign(label=[wrong(x) if bad else x for x, bad in zip(rows["label"], is_wrong, strict=True)])


def test_all_folds_are_scored_together_and_from_the_first_on(prepared: Prepared, tmp_path: Path) -> None:
    mistakes = (3, 0, 6, 0, 0, 0, 0, 3)
    write_rows(prepared, tmp_path / "node", guesses(prepared, 8, mistakes))
    found = evaluate(prepared, tmp_path / "node", printed=0.9)
    assert found.fault is None
    assert (found.validation, found.folds) == (0.9, 8)
    expected = 1 - np.cumsum(mistakes) / (FOLD_ROWS * np.arange(1, 9))
    assert found.fold_scores == pytest.approx(expected)
    assert found.validation_error == pytest.approx(np.sqrt(0.9 * 0.1 / 120), rel=0.2)


@pytest.mark.parametrize("folds", [1, 3, 7])
def test_the_first_folds_alone_are_valid(prepared: Prepared, tmp_path: Path, folds: int) -> None:
    file = write_rows(prepared, tmp_path / "node", guesses(prepared, folds, (3,) * folds))
    found = evaluate(prepared, tmp_path / "node", printed=0.8)
    assert (found.validation, found.folds, found.fold_scores) == (0.8, folds, pytest.approx((0.8,) * folds))
    rows = load_validation(prepared, file)
    assert (len(rows.truth), rows.folds) == (FOLD_ROWS * folds, folds)
    classes = [prepared.classes[code] for code in rows.truth] if prepared.classes else []
    assert classes == answers(prepared)["label"].tolist()[: FOLD_ROWS * folds]


def test_the_printed_metric_is_that_of_all_written_folds(prepared: Prepared, tmp_path: Path) -> None:
    write_rows(prepared, tmp_path / "node", guesses(prepared, 2, (3, 0)))
    fault = evaluate(prepared, tmp_path / "node", printed=0.8).fault
    assert fault is not None
    assert fault.startswith("The printed metric 0.8 differs from the score 0.9 of working/val_submission.csv")


def test_a_part_of_a_fold_is_a_fault_that_names_the_fold(prepared: Prepared, tmp_path: Path) -> None:
    rows = answers(prepared)
    first = rows["id"][FOLD_ROWS + 4]
    file = write_rows(prepared, tmp_path / "a", rows.head(2 * FOLD_ROWS).drop(index=FOLD_ROWS + 4))
    with pytest.raises(SubmissionError) as caught:
        load_validation(prepared, file)
    assert str(caught.value) == (
        f"val_submission.csv: the file lacks 1 of the 15 rows of fold 1 (first {first!r}); "
        "predict whole folds, fold 0 first."
    )


def test_a_later_fold_without_the_earlier_is_a_fault(prepared: Prepared, tmp_path: Path) -> None:
    file = write_rows(prepared, tmp_path / "a", answers(prepared).iloc[2 * FOLD_ROWS : 3 * FOLD_ROWS])
    with pytest.raises(SubmissionError, match=r"lacks 15 of the 15 rows of fold 0 .* of fold 1 "):
        load_validation(prepared, file)


def test_other_and_repeated_rows_are_faults(prepared: Prepared, tmp_path: Path) -> None:
    rows = answers(prepared).head(FOLD_ROWS)
    test = pd.read_csv(prepared.metadata / "test.csv", dtype=str)["id"].min()
    more = pd.concat([rows, pd.DataFrame({"id": [test], "label": ["red"]})])
    with pytest.raises(SubmissionError) as caught:
        load_validation(prepared, write_rows(prepared, tmp_path / "a", more))
    assert str(caught.value) == (
        f"val_submission.csv: the file adds 1 row that is in none of the folds 0 to 7 (first {test!r}); "
        "predict whole folds, fold 0 first."
    )
    twice = pd.concat([rows, rows.head(2)])
    with pytest.raises(SubmissionError, match="it repeats 2 ids"):
        load_validation(prepared, write_rows(prepared, tmp_path / "b", twice))
    with pytest.raises(SubmissionError, match="lacks 15 of the 15 rows of fold 0"):
        load_validation(prepared, write_rows(prepared, tmp_path / "c", rows.head(0)))


def test_rows_that_only_train_are_no_rows_to_hold_out(tmp_path: Path) -> None:
    train = number_rows(200).assign(x=pd.date_range("2023-01-01", periods=200).strftime("%Y-%m-%d"))
    write_tables(tmp_path / "d", train, number_rows(9, 200).drop(columns="label").assign(x="2024-01-01"))
    prepared = prepare_folder(spec_of(tmp_path / "d", inputs=[{"name": "x", "role": "time"}]), tmp_path / "d")
    known = pd.concat(
        pd.read_csv(prepared.metadata / f"{name}.csv", dtype=str)[["id", "label"]]
        for name in ("train", "val")
    )
    with pytest.raises(SubmissionError, match="adds 100 rows that are in none of the folds 0 to 3"):
        load_validation(prepared, write_rows(prepared, tmp_path / "all", known))
    write_rows(prepared, tmp_path / "node", answers(prepared))
    assert evaluate(prepared, tmp_path / "node", printed=1.0).folds == 4


def test_two_candidates_are_compared_on_the_folds_of_both(prepared: Prepared, tmp_path: Path) -> None:
    three = write_rows(prepared, tmp_path / "three", guesses(prepared, 3, (5, 5, 5)))
    two = write_rows(prepared, tmp_path / "two", guesses(prepared, 2, (0, 1)))
    truth, before, after = load_common_rows(prepared, "val", three, two)
    assert len(truth) == len(before) == len(after) == 2 * FOLD_ROWS
    assert ((truth != before).sum(), (truth != after).sum()) == (10, 1)


def shuffled_rows(permutation: LabelPermutationTest, folds: int) -> pd.DataFrame:
    """The rows of the first folds with the answers that the candidate saw, in the order of the test."""
    seen = pd.concat(
        pd.read_csv(permutation.metadata / f"{name}.csv", dtype=str) for name in ("val", "train")
    ).set_index("id")
    ids = permutation.ids[: folds * FOLD_ROWS]
    return pd.DataFrame({"id": ids, "label": seen["label"][ids].to_numpy()})


def leaks(
    prepared: Prepared, permutation: LabelPermutationTest, node: Path, rows: pd.DataFrame
) -> bool | None:
    workspace = write_rows(prepared, node, rows).parent.parent
    return judge_fits(get_metric("accuracy"), [read_fit(prepared, permutation, workspace)], 0.95).is_leak


def test_a_candidate_of_one_fold_sees_only_its_labels_shuffled(prepared: Prepared, tmp_path: Path) -> None:
    permutation = make_permutation_test(prepared, tmp_path / "shuffled", seed=3)
    assert permutation.ids == answers(prepared)["id"].tolist()[:FOLD_ROWS]
    train = (prepared.metadata / "train.csv").read_bytes()
    assert (permutation.metadata / "train.csv").read_bytes() == train
    assert leaks(prepared, permutation, tmp_path / "a", answers(prepared).head(FOLD_ROWS)) is False
    assert leaks(prepared, permutation, tmp_path / "b", shuffled_rows(permutation, 1)) is True


def test_labels_are_shuffled_within_each_predicted_fold(prepared: Prepared, tmp_path: Path) -> None:
    permutation = make_permutation_test(prepared, tmp_path / "shuffled", seed=3, folds=3)
    real, seen = answers(prepared), shuffled_rows(permutation, 3)
    assert permutation.ids == seen["id"].tolist() == real["id"].tolist()[: 3 * FOLD_ROWS]
    assert [prepared.classes[code] for code in permutation.answers] == seen["label"].tolist()  # type: ignore[index]
    for fold in range(3):
        rows = slice(fold * FOLD_ROWS, (fold + 1) * FOLD_ROWS)
        assert sorted(seen["label"][rows]) == sorted(real["label"][rows])
        assert (seen["label"][rows] != real["label"][rows]).any()
    before, after = (
        pd.read_csv(folder / "train.csv", dtype=str) for folder in (prepared.metadata, permutation.metadata)
    )
    assert after[["id", "x"]].equals(before[["id", "x"]])
    others = ~before["id"].isin(permutation.ids)
    assert after[others].equals(before[others])


def test_a_leak_in_any_fold_is_found(prepared: Prepared, tmp_path: Path) -> None:
    """The code predicts fold 0 honestly, and other folds with a model that learned from their rows."""
    permutation = make_permutation_test(prepared, tmp_path / "shuffled", seed=3, folds=8)
    real, seen = answers(prepared), shuffled_rows(permutation, 8)
    assert leaks(prepared, permutation, tmp_path / "honest", real) is False
    leaky = pd.concat([real.head(FOLD_ROWS), seen.iloc[FOLD_ROWS:]])
    assert leaks(prepared, permutation, tmp_path / "leaky", leaky) is True
    assert leaks(prepared, permutation, tmp_path / "fewer", seen.head(2 * FOLD_ROWS)) is True


def test_a_score_that_the_first_folds_leave_undefined_is_none_there(tmp_path: Path) -> None:
    """The area under the curve needs both classes, and the user's last two folds have one."""
    labels = ["yes"] * 10 + ["no"] * 50
    train = number_rows(60).assign(label=labels, fold=[0] * 20 + [1] * 20 + [2] * 20)
    write_tables(tmp_path / "d", train, number_rows(5, 60).drop(columns="label"), default=0.5)
    prepared = prepare_folder(spec_of(tmp_path / "d", fold_column="fold", metric="roc_auc"), tmp_path / "d")
    rows = answers(prepared)
    write_rows(prepared, tmp_path / "node", rows.assign(label=(rows["label"] == "yes") * 0.5))
    found = evaluate(prepared, tmp_path / "node", printed=1.0)
    assert (found.fault, found.validation, found.fold_scores) == (None, 1.0, (None, None, 1.0))
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


def test_results_are_recorded_and_read_again(prepared: Prepared, tmp_path: Path) -> None:
    write_rows(prepared, tmp_path / "node", guesses(prepared, 8, (1,) * 8))
    found = evaluate(prepared, tmp_path / "node", printed=1 - 8 / 120)
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


def test_rows_of_a_group_share_a_number_and_a_row_without_group_has_its_own(tmp_path: Path) -> None:
    train = number_rows(120).assign(group=[f"g{row // 4}" if row % 10 else "" for row in range(120)])
    write_tables(tmp_path, train, number_rows(20, 120).drop(columns="label"))
    inputs = [{"name": "x", "role": "number"}, {"name": "group", "role": "group"}]
    prepared = prepare_folder(spec_of(tmp_path, inputs=inputs), tmp_path)
    ids = validation_ids(prepared)
    assert ids == answers(prepared)["id"].tolist()
    groups = groups_of(prepared, ids)
    originals = pd.read_csv(prepared.private / "ids.csv", dtype=str).set_index("opaque")["original"]
    cells = originals.loc[ids].map(train.astype({"id": str}).set_index("id")["group"]).to_numpy()
    assert list(pd.read_csv(prepared.metadata / "train.csv")) == ["id", "x", "label"], "test rows lack groups"
    for name in {*cells} - {""}:
        assert len({*groups[cells == name]}) == 1
    assert len({*groups}) == groups.max() + 1 == len({*cells} - {""}) + (cells == "").sum()


def test_the_standard_error_counts_groups_and_not_rows(tmp_path: Path) -> None:
    """Ten rows of each group are all right or all wrong."""
    train = number_rows(400).assign(group=[f"g{row // 10}" for row in range(400)])
    errors = {}
    for role in ("group", "category"):
        folder = tmp_path / role
        write_tables(folder, train, number_rows(20, 400).drop(columns="label").assign(group="g0"))
        inputs = [{"name": "x", "role": "number"}, {"name": "group", "role": role}]
        prepared = prepare_folder(spec_of(folder, inputs=inputs), folder)
        rows = answers(prepared)
        originals = pd.read_csv(prepared.private / "ids.csv", dtype=str).set_index("opaque")["original"]
        numbers = originals.loc[rows["id"]].str.removeprefix("row-").astype(int).to_numpy()
        is_wrong = numbers // 10 % 4 == 0
        other = rows["label"].map(dict(zip(COLOURS, [*COLOURS[1:], COLOURS[0]], strict=True)))
        write_rows(prepared, folder / "node", rows.assign(label=rows["label"].where(~is_wrong, other)))
        found = evaluate(prepared, folder / "node", printed=1 - is_wrong.mean())
        assert found.fault is None
        assert found.validation_error is not None
        errors[role] = found.validation_error
    assert errors["group"] == pytest.approx(10**0.5 * errors["category"], rel=0.1)


def test_without_groups_each_row_is_its_own(prepared: Prepared) -> None:
    assert groups_of(prepared, validation_ids(prepared)).tolist() == list(range(120))
