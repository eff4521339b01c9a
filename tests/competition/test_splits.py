"""The split keeps its promises for every kind of rows, however awkward."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from agent.competition.preparation.splits import LabelledRows, Split, audit_size, split_rows
from agent.competition.target import Target
from agent.core.errors import SetupError


def classes(codes: NDArray[np.intp] | list[int]) -> Target:
    codes = np.asarray(codes)
    ones = np.ones(len(codes), dtype=np.int32)
    cells = sparse.coo_array((ones, (np.arange(len(codes)), codes)), (len(codes), int(codes.max()) + 1))
    return Target(classes=tuple(str(i) for i in range(codes.max() + 1)), labels=sparse.csr_array(cells))


def label_sets(rows: int, labels: int, seed: int = 0) -> Target:
    """About 5 labels a row, frequency falling with 1 / rank; a few rows have none."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, labels + 1)
    lengths = rng.integers(0, 10, rows)
    columns = rng.choice(labels, lengths.sum(), p=frequency / frequency.sum())
    positions = np.repeat(np.arange(rows), lengths)
    cells = sparse.coo_array((np.ones(len(columns), dtype=np.int32), (positions, columns)), (rows, labels))
    matrix = sparse.csr_array(cells)
    matrix.data[:] = 1
    return Target(classes=tuple(map(str, range(labels))), labels=matrix)


def assert_parts_cover(split: Split, rows: int) -> None:
    together = np.concatenate([split.train, split.val, split.audit])
    assert np.array_equal(np.sort(together), np.arange(rows))
    assert len(split.train)
    assert len(split.val)


@pytest.mark.parametrize(
    ("labelled", "audit", "val"),
    [
        (5, 0, 1),
        (1_333, 0, 167),
        (1_334, 200, 142),
        (1_437, 200, 155),
        (2_000, 200, 225),
        (5_000, 500, 900),
        (30_000, 3_000, 5_400),
    ],
)
def test_audit_rows_are_a_tenth_or_200_or_none(labelled: int, audit: int, val: int) -> None:
    assert audit_size(labelled) == audit
    split = split_rows(LabelledRows(classes(np.arange(labelled) % 2)))
    assert len(split.audit) == audit
    assert len(split.val) == val
    assert ("No audit rows" in "".join(split.warnings)) == (audit == 0)
    assert_parts_cover(split, labelled)


def test_classes_have_their_share_in_every_part() -> None:
    codes = np.repeat([0, 1, 2], [1_500, 450, 50])
    codes = np.random.default_rng(1).permutation(codes)
    split = split_rows(LabelledRows(classes(codes)))
    for part in (split.train, split.val, split.audit):
        expected = np.array([0.75, 0.225, 0.025]) * len(part)
        assert np.abs(np.bincount(codes[part], minlength=3) - expected).max() <= 3


def test_the_same_rows_give_the_same_split() -> None:
    rows = LabelledRows(label_sets(2_000, 40))
    first, second = split_rows(rows), split_rows(rows)
    assert np.array_equal(first.val, second.val)
    assert np.array_equal(first.audit, second.audit)


def test_singleton_classes_do_not_crash() -> None:
    for codes in (np.arange(50), np.array([0] * 5 + [1]), np.arange(2_000)):
        assert_parts_cover(split_rows(LabelledRows(classes(codes))), len(codes))


def test_a_rare_label_is_held_out_in_proportion() -> None:
    target = label_sets(1_500, 80)
    assert target.labels is not None
    split = split_rows(LabelledRows(target))
    assert len(split.audit) == 200
    assert len(split.val) == 162
    total = target.labels.sum(axis=0)
    random = np.random.default_rng(0).choice(1_500, 162, replace=False)
    share = 162 / 1_500
    ours = np.abs(target.labels[split.val].sum(axis=0) - share * total)
    theirs = np.abs(target.labels[random].sum(axis=0) - share * total)
    assert ours.sum() < 0.6 * theirs.sum()  # random draws lie about twice as far off
    assert_parts_cover(split, 1_500)


def test_imet_at_full_size_is_split_in_the_usual_shares() -> None:
    target = label_sets(120_000, 3_474)
    split = split_rows(LabelledRows(target))
    assert len(split.audit) == 12_000
    assert len(split.val) == 21_600


def test_rows_without_any_label_are_split_too() -> None:
    empty = Target(classes=("a", "b"), labels=sparse.csr_array((100, 2), dtype=np.int32))
    assert_parts_cover(split_rows(LabelledRows(empty)), 100)


def test_regression_is_stratified_by_quantile() -> None:
    values = np.random.default_rng(0).lognormal(size=(3_000, 1))
    split = split_rows(LabelledRows(Target(values=values)))
    for part in (split.val, split.audit):
        for share in (0.1, 0.5, 0.9):
            assert np.mean(values[part] <= np.quantile(values, share)) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("target", [classes(np.arange(4_000) % 7), Target(values=np.ones((4_000, 1)))])
def test_groups_stay_whole(target: Target) -> None:
    groups = np.random.default_rng(0).integers(0, 300, 4_000)
    split = split_rows(LabelledRows(target, groups=groups))
    parts = [set(groups[part]) for part in (split.train, split.val, split.audit)]
    assert sum(map(len, parts)) == len(set(groups))
    assert 400 <= len(split.audit) <= 440
    assert 700 <= len(split.val) <= 760
    assert_parts_cover(split, 4_000)


def test_one_giant_group_leaves_no_audit_but_a_split() -> None:
    groups = np.repeat([0, 1, 2], [1_900, 50, 50])
    split = split_rows(LabelledRows(classes(np.arange(2_000) % 2), groups=groups))
    assert len(split.audit) == 0
    assert "too large" in split.warnings[0]
    assert_parts_cover(split, 2_000)


def test_time_orders_the_parts() -> None:
    times = np.random.default_rng(0).permutation(np.arange(3_000) // 2).astype(float)  # pairs share a moment
    split = split_rows(LabelledRows(classes(np.arange(3_000) % 2), times=times))
    assert times[split.train].max() < times[split.val].min()
    assert times[split.val].max() < times[split.audit].min()
    assert 300 <= len(split.audit) <= 301


def test_with_groups_and_times_the_latest_groups_are_held_out() -> None:
    groups = np.repeat(np.arange(100), 30)
    split = split_rows(LabelledRows(classes(groups % 2), groups=groups, times=groups.astype(float)))
    assert set(groups[split.audit]) == set(range(90, 100))
    assert set(groups[split.val]) == set(range(72, 90))


def test_the_users_folds_win_and_audit_comes_out_of_the_last() -> None:
    folds = np.arange(3_000) % 5
    split = split_rows(LabelledRows(classes(np.arange(3_000) % 2), folds=folds))
    assert set(folds[split.train]) == {0, 1, 2, 3}
    assert len(split.train) == 2_400
    assert len(split.audit) == 300
    assert set(folds[split.val]) == {4}


def test_a_small_last_fold_is_not_shared_with_audit() -> None:
    folds = np.arange(3_000) % 10  # 300 rows in the last, half of them are fewer than 200
    split = split_rows(LabelledRows(classes(np.arange(3_000) % 2), folds=folds))
    assert len(split.val) == 300
    assert len(split.audit) == 0


def test_a_competition_can_forbid_audit_rows() -> None:
    split = split_rows(LabelledRows(classes(np.arange(3_000) % 2)), mix_audit=False)
    assert len(split.audit) == 0
    assert "forbids" in split.warnings[0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (LabelledRows(classes([0, 1, 0, 1])), "4 labelled rows"),
        (
            LabelledRows(classes([0, 1] * 9), groups=np.zeros(18, dtype=np.intp)),
            "group column has only one value",
        ),
        (LabelledRows(classes([0, 1] * 9), times=np.zeros(18)), "time column has only one value"),
        (
            LabelledRows(classes([0, 1] * 9), folds=np.zeros(18, dtype=np.intp)),
            "fold column has only one value",
        ),
    ],
)
def test_what_cannot_be_split_is_said(rows: LabelledRows, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        split_rows(rows)
