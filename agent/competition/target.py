"""Reading of the target columns as arrays, with a check of the labels."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from agent.competition.cell_parsing import parse_masks
from agent.competition.reading.user_table import read_user_table
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import first_row, require_columns, require_unique
from agent.competition.untrusted_csv import SubmissionError, TextColumn
from agent.core.errors import SetupError, redacted_as


@dataclass(frozen=True)
class Target:
    """The targets of N labelled rows, either `labels` or `values`.

    `labels` (N, C) holds a 1 for each class of a row; single-label tasks have one per row. `values` (N, T)
    holds the numbers of a regression, or the sizes of masks in pixels.
    """

    classes: tuple[str, ...] | None = None
    labels: sparse.csr_array | None = None
    values: NDArray[np.float64] | None = None

    @property
    def rows(self) -> int:
        array = self.labels if self.labels is not None else self.values
        assert array is not None
        return int(array.shape[0])

    def take(self, rows: NDArray[np.intp]) -> "Target":
        """Return the targets of the given rows."""
        labels = None if self.labels is None else sparse.csr_array(self.labels[rows])
        return Target(self.classes, labels, None if self.values is None else self.values[rows])


def read_target(spec: CompetitionSpec, table: pd.DataFrame, folder: Path) -> Target:
    """Read the targets of the training table.

    Raises:
        SetupError: a target is blank or not numeric, a label is not in the label table, or there are fewer
            than two classes.
    """
    file = folder / spec.train
    require_columns(table, spec.targets, file)
    if spec.task == "regression":
        return Target(values=np.column_stack([_numbers(table[name], file) for name in spec.targets]))
    if spec.task == "segmentation" and len(spec.targets) == 1:
        return Target(values=mask_sizes(table[spec.targets[0]], file)[:, None])
    if len(spec.targets) > 1:
        raise SetupError(f"{file}: the task {spec.task} takes one target column, not {len(spec.targets)}.")
    cells = table[spec.targets[0]]
    if spec.task == "multilabel":
        lists = [cell.split() for cell in cells]
        lengths = np.array([len(labels) for labels in lists], dtype=np.intp)
        names = pd.Series(list(chain.from_iterable(lists)), dtype=str)
    else:
        _refuse_blank(cells, file)
        lengths, names = np.ones(len(cells), dtype=np.intp), cells
    classes = read_classes(spec, folder) or _sort_labels(names.unique().tolist())
    if len(classes) < 2:
        raise SetupError(
            f"{file}: column '{cells.name}' holds {len(classes)} classes; at least two are needed."
        )
    rows = np.repeat(np.arange(len(cells)), lengths)
    return Target(classes=classes, labels=_one_hot(names, rows, len(cells), classes, file))


@redacted_as("the target holds values that are not masks as runs of pixels")
def mask_sizes(cells: "pd.Series[str]", file: Path) -> NDArray[np.float64]:
    """Return the sizes (N,) of run-length masks in pixels; raise SetupError for an invalid cell."""
    column = TextColumn(file.name, str(cells.name), pa.array(cells, pa.string()))
    try:
        return np.asarray(parse_masks(column).sum(axis=1), dtype=np.float64)
    except SubmissionError as error:
        raise SetupError(f"{file.parent}: {error}") from error


def read_classes(spec: CompetitionSpec, folder: Path) -> tuple[str, ...] | None:
    """Return the first column of the label table, or None if the competition has no label table."""
    if spec.label_table is None:
        return None
    table = read_user_table(folder, spec.label_table, spec.csv).cells
    require_unique(table, str(table.columns[0]), folder / spec.label_table)
    return tuple(table.iloc[:, 0].tolist())


def canonical_cells(spec: CompetitionSpec, table: pd.DataFrame) -> pd.DataFrame:
    """Return the target columns for public tables; label sets get single blanks and no repeated labels."""
    targets = table[list(spec.targets)].copy()
    if spec.task == "multilabel":
        name = spec.targets[0]
        targets[name] = [" ".join(dict.fromkeys(cell.split())) for cell in targets[name]]
    return targets


@redacted_as("the label table does not list all labels")
def _one_hot(
    names: "pd.Series[str]", rows: NDArray[np.intp], count: int, classes: Sequence[str], file: Path
) -> sparse.csr_array:
    """Return labels (count, C) with a 1 for every label; `rows` holds the row of each label."""
    codes = pd.Index(classes).get_indexer(pd.Index(names))
    unknown = np.flatnonzero(codes < 0)
    if unknown.size:
        label, row = names.iloc[unknown[0]], rows[unknown[0]] + 1
        raise SetupError(
            f"{file}: {unknown.size} labels are not in the label table; the first is '{label}' (row {row})."
        )
    ones = np.ones(len(codes), dtype=np.int32)
    labels = sparse.csr_array(sparse.coo_array((ones, (rows, codes)), (count, len(classes))))
    labels.data[:] = 1  # the sparse matrix sums repeated labels of a row
    return labels


@redacted_as("a regression target holds values that are not finite numbers")
def _numbers(cells: "pd.Series[str]", file: Path) -> NDArray[np.float64]:
    _refuse_blank(cells, file)
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    invalid = ~numbers.between(-sys.float_info.max, sys.float_info.max)
    if invalid.any():
        row = first_row(invalid)
        raise SetupError(
            f"{file}: {invalid.sum()} values of column '{cells.name}' are not finite numbers; "
            f"the first is '{cells.iloc[row - 1]}' (row {row})."
        )
    return np.asarray(numbers, dtype=np.float64)


@redacted_as("a target is blank in some rows")
def _refuse_blank(cells: "pd.Series[str]", file: Path) -> None:
    blank = cells.str.strip() == ""
    if blank.any():
        row, count = first_row(blank), blank.sum()
        raise SetupError(f"{file}: the target '{cells.name}' is missing in {count} rows, first in row {row}.")


def _sort_labels(labels: list[str]) -> tuple[str, ...]:
    """Return the labels sorted: by value if all are whole numbers, else as text."""
    if all(label.lstrip("-").isdecimal() for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))
