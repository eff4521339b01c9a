"""Rows whose labels the harness knows: answers beside the predictions of a candidate, in one row order.

Validation rows come fold by fold, so that the rows of the first folds are the first rows (see
`Prepared.fold_rows`). Within a fold, and among audit rows, the order is that of the opaque ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.metrics import Rows
from agent.competition.metrics.rows import make_read_only
from agent.competition.prepared import GROUPS_FILE, Prepared
from agent.competition.submission import SubmissionFormat, parse_predictions, read_predictions, read_truth
from agent.competition.tables import read_table
from agent.competition.untrusted_csv import SubmissionError, TextColumn, find_ids, read_text_columns
from agent.core.errors import SetupError

LEAST_GROUPS = 8  # of rows that err together; fewer do not estimate a standard error
_MAX_CACHED_BYTES = 50_000_000  # largest prediction file that is cached in memory


@dataclass(frozen=True)
class ValidationRows:
    """Answers and predictions of the rows of folds 0 to `folds` - 1. Callers must not change the arrays."""

    truth: Rows
    predictions: Rows
    folds: int


def load_validation(prepared: Prepared, file: Path) -> ValidationRows:
    """Return the answers and predictions of a validation submission, which may be cached.

    Without folds the file holds exactly the rows of val.csv. With folds it holds exactly the rows of the
    first m executed folds, for any m from 1.

    Raises:
        SubmissionError: the file is invalid.
    """
    form = SubmissionFormat.of(prepared)
    status = file.stat() if file.is_file() else None
    arguments = (prepared.private, prepared.fold_rows, form, file)
    if status is None or status.st_size > _MAX_CACHED_BYTES:
        return _read_validation(*arguments)
    return _cached_validation(*arguments, (status.st_ino, status.st_size, status.st_mtime_ns))


def load_hold_out(prepared: Prepared, part: Literal["val", "audit"], file: Path) -> tuple[Rows, Rows]:
    """Return the answers of a part and the predictions of a candidate, in the same row order.

    Callers must not change the arrays, which may be cached.

    Args:
        prepared: the prepared competition.
        part: "val" or "audit".
        file: the validation submission for "val", the final submission for "audit".

    Raises:
        SubmissionError: the file is invalid.
        SetupError: the competition has no answers for this part.
    """
    if part == "val":
        rows = load_validation(prepared, file)
        return rows.truth, rows.predictions
    loaded = load_submission(prepared, file)
    if loaded is None:
        raise SetupError(f"The competition '{prepared.spec.id}' has no audit rows.")
    return loaded


def load_common_rows(
    prepared: Prepared, part: Literal["val", "audit"], before: Path, after: Path
) -> tuple[Rows, Rows, Rows]:
    """Return the answers and two predictions of the rows that both files predict: the first folds of both.

    Raises:
        SubmissionError: a file is invalid.
        SetupError: the competition has no answers for this part.
    """
    truth, first = load_hold_out(prepared, part, before)
    other_truth, second = load_hold_out(prepared, part, after)
    rows = min(int(truth.shape[0]), int(other_truth.shape[0]))
    if int(other_truth.shape[0]) == rows == int(truth.shape[0]):
        return truth, first, second  # the cached arrays, whose scores are cached too
    return truth[:rows], first[:rows], second[:rows]


def load_submission(prepared: Prepared, file: Path) -> tuple[Rows, Rows] | None:
    """Check a final submission.

    Returns:
        Answers and predictions of the audit rows, or None if the competition has no audit rows.
    """
    form = SubmissionFormat.of(prepared)
    test_ids = row_ids(prepared.private, "test")["opaque"].tolist()
    if prepared.rows.audit == 0:
        read_predictions(file, form, test_ids)
        return None
    ids, truth = load_answers(prepared.private, "audit.csv", form)
    predictions = read_predictions(file, form, [*ids, *test_ids])[: len(ids)]
    make_read_only(predictions)
    return truth, predictions


# Prepared data never changes, since its fingerprint names its folder. Reading the data for every node
# took longer than scoring.
@lru_cache(maxsize=8)
def load_answers(private: Path, name: str, form: SubmissionFormat) -> tuple[list[str], Rows]:
    """Return the cached ids and answers of a file. Callers must not change them."""
    ids, truth = read_truth(private / name, form)
    make_read_only(truth)
    return ids, truth


def validation_ids(prepared: Prepared) -> list[str]:
    """Return the opaque ids of the rows of `load_validation` with all executed folds, in its order."""
    name = "folds.csv" if prepared.fold_rows else "val.csv"
    return load_answers(prepared.private, name, SubmissionFormat.of(prepared))[0]


def audit_ids(prepared: Prepared) -> list[str]:
    """Return the opaque ids of the audit rows, in the order of `load_submission`."""
    return load_answers(prepared.private, "audit.csv", SubmissionFormat.of(prepared))[0]


def groups_of(prepared: Prepared, ids: Sequence[str]) -> NDArray[np.intp]:
    """Return the group (N,) of labelled rows, 0 and up; a row without a group forms its own.

    Rows of one group err together: those with one value of the group input, or of one stretch of time.
    """
    if not (prepared.private / GROUPS_FILE).exists():  # independent rows, or data of an earlier version
        return np.arange(len(ids))
    number = _group_numbers(prepared.private, prepared.spec.id_column)
    groups: NDArray[np.intp] = pd.factorize(number.loc[list(ids)])[0].astype(np.intp)
    return groups


def groups_of_part(prepared: Prepared, part: Literal["val", "audit"], rows: int) -> NDArray[np.intp] | None:
    """Return the group (N,) of the first `rows` rows of a part; None if the rows are independent.

    None also for fewer than `LEAST_GROUPS` groups, whose spread says little.
    """
    if not (prepared.private / GROUPS_FILE).exists():
        return None
    ids = validation_ids(prepared) if part == "val" else audit_ids(prepared)
    groups = groups_of(prepared, ids[:rows])
    return groups if groups.max(initial=0) >= LEAST_GROUPS - 1 else None


@lru_cache(maxsize=8)
def _group_numbers(private: Path, id_column: str) -> "pd.Series[int]":
    return read_table(private, GROUPS_FILE).set_index(id_column)["number"]


@lru_cache(maxsize=8)
def row_ids(private: Path, part: str) -> pd.DataFrame:
    """Return the cached rows of a part in the order of `ids.csv`. Callers must not change them."""
    ids = read_table(private, "ids.csv")
    return ids[ids["part"] == part]


def _read_validation(
    private: Path, fold_rows: tuple[int, ...], form: SubmissionFormat, file: Path
) -> ValidationRows:
    columns = read_text_columns(file, (form.id_column, *form.columns))
    if not fold_rows:
        ids, truth = load_answers(private, "val.csv", form)
        return _validation_rows(truth, parse_predictions(columns, form, ids), 1)
    ids, _ = load_answers(private, "folds.csv", form)
    folds = _predicted_folds(columns[0], ids, fold_rows)
    rows = sum(fold_rows[:folds])
    first = _first_answers(private, form, rows)
    return _validation_rows(first, parse_predictions(columns, form, ids[:rows]), folds)


def _validation_rows(truth: Rows, predictions: Rows, folds: int) -> ValidationRows:
    make_read_only(predictions)
    return ValidationRows(truth, predictions, folds)


# One array for all nodes with as many folds, so that their scores are found again (`score_rows`).
@lru_cache(maxsize=16)
def _first_answers(private: Path, form: SubmissionFormat, rows: int) -> Rows:
    """Return the answers of the first rows of all folds. Callers must not change them."""
    truth = load_answers(private, "folds.csv", form)[1][:rows]
    make_read_only(truth)
    return truth


# A node's predictions are read when they are scored, and again in comparisons with parent and children.
@lru_cache(maxsize=4)
def _cached_validation(
    private: Path,
    fold_rows: tuple[int, ...],
    form: SubmissionFormat,
    file: Path,
    version: tuple[int, int, int],
) -> ValidationRows:
    """Return cached answers and predictions for one version of a file. Callers must not change them."""
    return _read_validation(private, fold_rows, form, file)


def _predicted_folds(column: TextColumn, ids: Sequence[str], fold_rows: tuple[int, ...]) -> int:
    """Return the number of folds m such that the file has all rows of folds 0 to m - 1 and no row of others.

    Raises:
        SubmissionError: rows of a fold are missing, or the file has other rows.
    """
    is_found, other = find_ids(column, ids)
    fold_of = np.repeat(np.arange(len(fold_rows)), fold_rows)
    counts = np.bincount(fold_of[is_found], minlength=len(fold_rows))
    folds = max(int(np.flatnonzero(counts).max(initial=0)) + 1, 1)
    faults = []
    for fold in range(folds):
        if missing := fold_rows[fold] - int(counts[fold]):
            first = ids[int(np.flatnonzero((fold_of == fold) & ~is_found)[0])]
            faults.append(f"lacks {missing} of the {fold_rows[fold]} rows of fold {fold} (first {first!r})")
    if other:
        last = len(fold_rows) - 1
        rows = "1 row that is" if len(other) == 1 else f"{len(other)} rows that are"
        faults.append(f"adds {rows} in none of the folds 0 to {last} (first {other[0]!r})")
    if faults:
        raise SubmissionError(
            f"{column.file}: the file {', and it '.join(faults)}; predict whole folds, fold 0 first."
        )
    return folds
