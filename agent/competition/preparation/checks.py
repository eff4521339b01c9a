"""Verification of prepared files by reading them again."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.preparation.splits import SEED, LabelledRows, Split
from agent.competition.prepared import Prepared
from agent.competition.spec import FILE_COLUMN
from agent.core.errors import PreparedDataError, redacted_as

_SAMPLED_PATHS = 1_000
_FREQUENT = 50  # rows; for rarer labels chance decides the number of held-out rows
_MAX_SHARE_ERROR = 0.5  # relative error of the share of a frequent label


@redacted_as("the prepared tables are inconsistent")
def verify_prepared(prepared: Prepared, rows: LabelledRows, split: Split) -> None:
    """Compare the written files with the split.

    Raises:
        PreparedDataError: counts differ, an id is in two parts, images are missing, or the split breaks
            one of its rules.
    """
    tables = {
        name: pd.read_csv(prepared.metadata / f"{name}.csv", dtype=str, na_filter=False)
        for name in ("train", "val", "test", "sample_submission")
    }
    key, counts = prepared.spec.id_column, prepared.rows
    expected = {
        "train": counts.train,
        "val": counts.val,
        "test": counts.test + counts.audit,
        "sample_submission": counts.test + counts.audit,
    }
    for name, count in expected.items():
        _require(len(tables[name]) == count, f"{name}.csv has {len(tables[name])} rows instead of {count}")
        _require(count > 0, f"{name}.csv has no rows")
    ids = pd.concat([tables[name][key] for name in ("train", "val", "test")])
    _require(ids.is_unique, "an id is in two parts")
    _require(
        tables["sample_submission"][key].equals(tables["test"][key]),
        "the sample submission and test.csv have different ids",
    )
    if split.folds is not None:
        _check_fold_files(prepared, tables)
    if prepared.spec.image_input is not None:
        _check_images(prepared, tables)
    _check_split(rows, split)


def _check_images(prepared: Prepared, tables: dict[str, pd.DataFrame]) -> None:
    """Require the images of sampled labelled rows. Rows without an image were dropped earlier."""
    rng = np.random.default_rng(SEED)
    for name in ("train", "val"):
        paths = tables[name][FILE_COLUMN].to_numpy()
        sampled = rng.choice(paths, min(_SAMPLED_PATHS, len(paths)), replace=False)
        missing = [path for path in sampled if not (prepared.input / path).is_file()]
        _require(not missing, f"{len(missing)} of {len(sampled)} sampled images of {name}.csv are missing")


def _check_fold_files(prepared: Prepared, tables: dict[str, pd.DataFrame]) -> None:
    """Require a fold for each labelled row, and the answers of the executed folds in order."""
    key = prepared.spec.id_column
    folds = pd.read_csv(prepared.metadata / "folds.csv", dtype=str, na_filter=False)
    fold_of = dict(zip(folds.iloc[:, 0], folds.iloc[:, 1].astype(int), strict=True))
    for name, is_val in (("train", False), ("val", True)):
        fits = [(fold_of.get(row, -1) == 0) is is_val and row in fold_of for row in tables[name][key]]
        _require(all(fits), f"the folds of {name}.csv are wrong")
    _require(
        len(fold_of) == len(folds) == prepared.rows.train + prepared.rows.val, "folds.csv has other rows"
    )
    answers = pd.read_csv(prepared.private / "folds.csv", dtype=str, na_filter=False)
    expected = np.repeat(np.arange(prepared.folds_executed), prepared.fold_rows).tolist()
    _require([fold_of[row] for row in answers[key]] == expected, "the answers of the folds are incomplete")


def _disjoint_parts(split: Split) -> list[NDArray[np.intp]]:
    """Return the parts, for a split by time from the earliest to the latest."""
    if split.folds is None:
        return [split.train, split.val, split.audit]
    return [*(split.folds.rows(fold) for fold in reversed(range(split.folds.count))), split.audit]


@redacted_as("the split of groups, times or classes is wrong")
def _check_split(rows: LabelledRows, split: Split) -> None:
    parts = [part for part in _disjoint_parts(split) if len(part)]
    if rows.folds is not None:
        return  # folds of the user may cut groups and times
    if rows.groups is not None:
        groups = [set(rows.groups[part].tolist()) for part in parts]
        _require(len(set().union(*groups)) == sum(map(len, groups)), "a group is in two parts")
    elif rows.times is not None:
        for earlier, later in pairwise(parts):
            _require(rows.times[earlier].max() < rows.times[later].min(), "times of two parts overlap")
    elif rows.target.labels is not None:
        total = rows.target.labels.sum(axis=0)
        frequent = total >= _FREQUENT
        if rows.pseudo_novel is not None:
            _require(
                not rows.pseudo_novel[split.train].any(), "a class that counts as novel has training rows"
            )
            return
        for part in parts:
            expected_count = total[frequent] * len(part) / rows.target.rows
            found = rows.target.labels[part].sum(axis=0)[frequent]
            slack = np.maximum(_MAX_SHARE_ERROR * expected_count, 5)
            _require(bool((np.abs(found - expected_count) <= slack).all()), "the parts are not stratified")


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise PreparedDataError(f"The prepared data are damaged: {fault}; check the disk and run again.")
