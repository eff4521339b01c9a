"""Folds follow the rules of the split: stratified, groups whole, times in blocks, the user's own first."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.competition.preparation.splits import Folds, LabelledRows, Split, split_rows
from agent.competition.prepared import Prepared, load_prepared
from agent.competition.target import Target
from agent.repository.rendering import TaskView
from tests.competition.raw_folders import (
    number_folder,
    number_rows,
    picture_folder,
    prepare_folder,
    write_spec,
    write_tables,
)
from tests.competition.test_splits import classes, label_sets


def folds_of(split: Split) -> Folds:
    assert split.folds is not None
    return split.folds


@pytest.mark.parametrize(
    ("labelled", "count"), [(10, 2), (24, 4), (40, 8), (2_999, 8), (3_300, 8), (4_000, 5)]
)
def test_the_number_of_folds_follows_the_number_of_rows(labelled: int, count: int) -> None:
    folds = folds_of(split_rows(LabelledRows(Target(values=np.arange(labelled, dtype=float)[:, None]))))
    assert (folds.count, folds.executed, folds.is_forward) == (count, count, False)
    assert max(folds.sizes) - min(folds.sizes) <= 1


@pytest.mark.parametrize("labelled", [5, 9, 22_300])
def test_very_few_and_many_rows_hold_one_part_out(labelled: int) -> None:
    split = split_rows(LabelledRows(Target(values=np.arange(labelled, dtype=float)[:, None])))
    assert split.folds is None
    assert len(split.val) == round(0.2 * (labelled - len(split.audit)))
    assert ("One part of the labelled rows validates" in " ".join(split.warnings)) == (labelled < 10)


def test_fold_0_validates_and_audit_rows_have_no_fold() -> None:
    split = split_rows(LabelledRows(classes(np.arange(2_000) % 3)))
    folds = folds_of(split)
    assert np.array_equal(folds.rows(0), split.val)
    assert np.array_equal(np.flatnonzero(folds.numbers > 0), split.train)
    assert np.array_equal(np.flatnonzero(folds.numbers == -1), split.audit)


def test_five_folds_leave_the_validation_rows_of_one_held_out_part() -> None:
    rows = LabelledRows(classes(np.arange(4_000) % 3))
    assert np.array_equal(split_rows(rows).val, split_rows(rows, allow_folds=False).val)


def test_every_fold_has_its_share_of_every_class() -> None:
    codes = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [1_000, 250, 40]))
    folds = folds_of(split_rows(LabelledRows(classes(codes))))
    found = np.array([np.bincount(codes[folds.rows(fold)], minlength=3) for fold in range(8)])
    assert np.abs(found - np.array([125, 31.25, 5])).max() <= 2


def test_every_fold_has_its_share_of_frequent_labels() -> None:
    target = label_sets(1_200, 20)
    assert target.labels is not None
    folds = folds_of(split_rows(LabelledRows(target)))
    shares = np.array([target.labels[folds.rows(fold)].sum(axis=0) for fold in range(8)])
    assert np.abs(shares - target.labels.sum(axis=0) / 8).max() <= 6


@pytest.mark.parametrize("seed", range(10))
def test_a_rare_second_class_limits_the_folds_and_reaches_the_first(seed: int) -> None:
    codes = np.random.default_rng(seed).permutation(np.repeat([0, 1], [97, 3]))
    split = split_rows(LabelledRows(classes(codes)))
    assert folds_of(split).count == 3
    assert set(codes[split.val]) == {0, 1}


def test_one_row_of_the_second_class_leaves_one_part_and_a_reason() -> None:
    split = split_rows(LabelledRows(classes([0] * 60 + [1])))
    assert split.folds is None
    assert split.warnings[-1] == (
        "One part of the labelled rows validates, not several folds: "
        "fewer than two labels have two rows or more."
    )


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=30),
    st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_groups_stay_whole_and_half_of_the_rows_train(sizes: list[int], seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    if len(groups) < 10:
        return
    values = np.random.default_rng(seed).normal(size=(len(groups), 1))
    split = split_rows(LabelledRows(Target(values=values), groups=groups))
    if split.folds is None:
        return
    owners = pd.Series(split.folds.numbers).groupby(groups).nunique()
    assert owners.max() == 1
    assert 2 <= split.folds.executed <= split.folds.count <= 8
    assert max(split.folds.sizes) <= len(groups) / 2


def test_a_giant_group_always_trains() -> None:
    groups = np.repeat([0, 1, 2, 3], [1_000, 50, 50, 40])
    folds = folds_of(split_rows(LabelledRows(classes(np.arange(1_140) % 2), groups=groups)))
    assert folds.count == folds.executed + 1
    assert set(groups[folds.rows(folds.executed)]) == {0}


@given(st.integers(20, 400), st.integers(1, 12), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_times_give_blocks_of_which_the_latest_are_held_out(rows: int, per_moment: int, seed: int) -> None:
    times = np.random.default_rng(seed).permutation(np.arange(rows) // per_moment).astype(float)
    if len(np.unique(times)) < 2:
        return
    split = split_rows(LabelledRows(Target(values=times[:, None]), times=times))
    if split.folds is None:
        assert "One part of the labelled rows validates" in " ".join(split.warnings)
        return
    folds = split.folds
    assert folds.is_forward
    for fold in range(folds.executed):
        later, earlier = folds.rows(fold), np.flatnonzero(folds.numbers > fold)
        assert times[later].min() > times[earlier].max()
        assert len(earlier) >= rows / 2


def test_eight_blocks_hold_out_the_latest_four_and_five_the_latest_two() -> None:
    for rows, count, executed in ((800, 8, 4), (5_000, 5, 2)):
        folds = folds_of(split_rows(LabelledRows(classes(np.arange(rows) % 2), times=np.arange(rows) * 1.0)))
        assert (folds.count, folds.executed) == (count, executed)


def test_groups_with_times_hold_one_part_out_as_before() -> None:
    groups = np.repeat(np.arange(100), 30)
    rows = LabelledRows(classes(groups % 2), groups=groups, times=groups.astype(float))
    split = split_rows(rows)
    assert split.folds is None
    assert np.array_equal(split.val, split_rows(rows, allow_folds=False).val)
    assert split.warnings == split_rows(rows, allow_folds=False).warnings


def test_the_users_folds_are_the_folds_the_last_first() -> None:
    own = np.arange(3_000) % 5
    split = split_rows(LabelledRows(classes(np.arange(3_000) % 2), folds=own))
    folds = folds_of(split)
    assert (folds.count, folds.executed, folds.is_forward) == (5, 5, False)
    kept = folds.numbers >= 0
    assert np.array_equal(folds.numbers[kept], 4 - own[kept])


def test_at_most_ten_folds_of_the_user_are_executed_and_none_above_half_of_the_rows() -> None:
    many = folds_of(split_rows(LabelledRows(classes(np.arange(600) % 2), folds=np.arange(600) % 30)))
    assert (many.count, many.executed) == (30, 10)
    uneven = np.repeat([0, 1, 2], [400, 100, 100])
    folds = folds_of(split_rows(LabelledRows(classes(np.arange(600) % 2), folds=uneven)))
    assert (folds.count, folds.executed, folds.sizes) == (3, 2, (100, 100))
    flag = split_rows(LabelledRows(classes(np.arange(600) % 2), folds=np.repeat([0, 1], [500, 100])))
    assert flag.folds is None
    assert len(flag.val) == 100


def read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, na_filter=False)


def check_files(prepared: Prepared, key: str = "id") -> None:
    """Assert that folds.csv and the private answers agree with train.csv and val.csv."""
    folds = read(prepared.metadata / "folds.csv")
    fold_of = dict(zip(folds.iloc[:, 0], folds.iloc[:, 1].astype(int), strict=True))
    train, val = read(prepared.metadata / "train.csv"), read(prepared.metadata / "val.csv")
    assert set(fold_of) == {*train[key], *val[key]}
    assert {fold_of[row] for row in val[key]} == {0}
    assert {fold_of[row] for row in train[key]} == set(range(1, prepared.folds))
    answers = read(prepared.private / "folds.csv")
    known = pd.concat([train, val]).set_index(key)[prepared.spec.targets[0]]
    assert answers.iloc[:, 1].tolist() == known[answers[key]].tolist()
    assert answers.head(prepared.rows.val).equals(read(prepared.private / "val.csv"))
    executed = [fold_of[row] for row in answers[key]]
    assert executed == np.repeat(np.arange(prepared.folds_executed), prepared.fold_rows).tolist()


def test_folds_are_written_for_candidates_and_answers_for_the_harness(tmp_path: Path) -> None:
    prepared = prepare_folder(number_folder(tmp_path / "data", labelled=120), tmp_path / "data")
    assert (prepared.folds, prepared.folds_executed, prepared.folds_forward) == (8, 8, False)
    assert prepared.fold_rows == (15,) * 8
    check_files(prepared)
    view = TaskView.of(prepared)
    assert (view.folds, view.folds_executed, view.folds_forward) == (8, 8, False)


def test_dates_and_own_folds_are_written_too(tmp_path: Path) -> None:
    train = number_rows(200).assign(x=pd.date_range("2023-01-01", periods=200).strftime("%Y-%m-%d"))
    test = number_rows(20, 200).drop(columns="label").assign(x="2024-01-01")
    write_tables(tmp_path / "dated", train, test)
    inputs = [{"name": "x", "role": "time"}]
    dated = prepare_folder(write_spec(tmp_path / "dated", inputs=inputs), tmp_path / "dated")
    assert (dated.folds, dated.fold_rows, dated.folds_forward) == (8, (25, 25, 25, 25), True)
    check_files(dated)
    train = number_rows(60).assign(fold=[1, 2, 10] * 20)
    write_tables(tmp_path / "own", train, number_rows(5, 60).drop(columns="label"))
    own = prepare_folder(write_spec(tmp_path / "own", fold_column="fold"), tmp_path / "own")
    assert (own.folds, own.fold_rows, own.train_folds) == (3, (20, 20, 20), 2)
    check_files(own)


@pytest.mark.parametrize(("key", "target"), [("fold", "label"), ("id", "fold")])
def test_columns_that_are_called_fold_keep_their_place(tmp_path: Path, key: str, target: str) -> None:
    names = {"id": key, "label": target}
    train = number_rows(60).rename(columns=names)
    test = number_rows(20, 60).drop(columns="label").rename(columns=names)
    (tmp_path / "data").mkdir()
    train.to_csv(tmp_path / "data" / "train.csv", index=False)
    test.to_csv(tmp_path / "data" / "test.csv", index=False)
    test[[key]].assign(**{target: "blue"}).to_csv(tmp_path / "data" / "sample_submission.csv", index=False)
    spec = write_spec(tmp_path / "data", id_column=key, targets=target)
    check_files(
        prepare_folder(spec, tmp_path / "data"), prepare_folder(spec, tmp_path / "data").spec.id_column
    )


def test_pictures_hold_one_part_out(tmp_path: Path) -> None:
    prepared = prepare_folder(picture_folder(tmp_path / "data"), tmp_path / "data")
    assert (prepared.folds, prepared.folds_executed, prepared.rows.val) == (0, 1, 12)
    assert not (prepared.metadata / "folds.csv").exists()


def test_data_prepared_before_folds_existed_have_one_part(tmp_path: Path) -> None:
    prepared = prepare_folder(number_folder(tmp_path / "data"), tmp_path / "data")
    file = prepared.root / "prepared.json"
    fields = {"folds", "fold_rows", "folds_forward", "root"}
    file.write_text(prepared.model_dump_json(exclude=fields))
    older = load_prepared(prepared.root)
    assert (older.folds, older.folds_executed, older.fold_rows) == (0, 1, ())


def test_the_same_rows_give_the_same_folds() -> None:
    rows = LabelledRows(label_sets(900, 12))
    first, second = folds_of(split_rows(rows)), folds_of(split_rows(rows))
    assert dataclasses.replace(first, numbers=second.numbers) == second
    assert np.array_equal(first.numbers, second.numbers)
