"""Reading of the target columns as arrays, with a check of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from agent.competition.bad_targets import listed_classes, refuse_gap_words
from agent.competition.canonical import ColumnKind
from agent.competition.cell_parsing import parse_masks
from agent.competition.class_order import order_classes, other_separator
from agent.competition.labels import (
    check_separator,
    name_internally,
    parse_flags,
    split_labels,
    unused_name,
)
from agent.competition.metrics import metric_of
from agent.competition.quantities import parse_quantities, plain_numbers, quantity_kind, refuse_blank
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import require_columns
from agent.competition.target_types import (
    doubt_parents,
    novel_labels,
    require_bounds,
    require_novel_index,
    require_one_column,
    require_two_classes,
)
from agent.competition.target_views import target_views
from agent.competition.untrusted_csv import SubmissionError, TextColumn
from agent.core.errors import SetupError, redacted_as

_VALUE_BINS = 5  # of each value among several targets, by which rows are stratified


@dataclass(frozen=True)
class Target:
    """The targets of N labelled rows, either `labels` or `values`.

    `labels` (N, C) holds a 1 for each class of a row; single-label tasks have one per row. `values` (N, T)
    holds the numbers of a regression, or the sizes of masks in pixels.

    Several targets with types are `parts`, one for each. Their `labels` hold a 1 for each class of each
    target, and for the bin of each value, so that a split stratifies all of them.
    """

    classes: tuple[str, ...] | None = None
    labels: sparse.csr_array | None = None
    values: NDArray[np.float64] | None = None
    parts: "tuple[Target, ...]" = ()

    @property
    def rows(self) -> int:
        array = self.labels if self.labels is not None else self.values
        assert array is not None
        return int(array.shape[0])

    def take(self, rows: NDArray[np.intp]) -> "Target":
        """Return the targets of the given rows."""
        labels = None if self.labels is None else sparse.csr_array(self.labels[rows])
        values = None if self.values is None else self.values[rows]
        return Target(self.classes, labels, values, tuple(part.take(rows) for part in self.parts))


@dataclass(frozen=True)
class ReadTargets:
    """The targets of a table, and the canonical target columns that candidates and the harness use."""

    target: Target
    cells: pd.DataFrame
    """Canonical target columns (N rows): numbers and labels as text, label sets with single blanks."""

    names: Mapping[str, str] = field(default_factory=dict)
    """The user's names of labels by their internal names; labels with equal names are left out."""

    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    """How the numbers of each target of a regression are written."""

    warnings: tuple[str, ...] = ()

    parts: "tuple[ReadTargets, ...]" = ()
    """Each of several targets with types, in order."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the canonical target columns."""
        return tuple(str(name) for name in self.cells.columns)

    def user_name(self, label: str) -> str:
        """Return the name that the user gave to a label."""
        return self.names.get(label, label)


def read_targets(spec: CompetitionSpec, table: pd.DataFrame, folder: Path) -> ReadTargets:
    """Read the targets of the training table.

    Raises:
        SetupError: a target is blank or not numeric, a label is not in the label table or in `class_order`,
            the positive class is unknown, or there are fewer than two classes.
    """
    if spec.task == "several":
        parts = [read_targets(view, table, folder) for view in target_views(spec)]
        for view, part in zip(target_views(spec), parts, strict=True):
            require_one_column(view, part.target.classes)
        joined = _side_by_side(parts)
        doubts = doubt_parents(spec, joined.cells, folder / (spec.train_labels or spec.train))
        return replace(joined, warnings=(*joined.warnings, *doubts))
    file = folder / (spec.train_labels or spec.train)
    require_columns(table, spec.targets, file)
    cells = table[list(spec.targets)].copy()
    if spec.task == "regression":
        kinds = {name: quantity_kind(table[name], spec.csv) for name in spec.targets}
        values = np.column_stack([parse_quantities(table[name], kind, file) for name, kind in kinds.items()])
        written = {name: plain_numbers(table[name], kind) for name, kind in kinds.items()}
        notes = tuple(note for kind in kinds.values() for note in kind.notes)
        require_bounds(spec, values, file)
        return ReadTargets(Target(values=values), pd.DataFrame(written), kinds=kinds, warnings=notes)
    if spec.task == "segmentation" and len(spec.targets) == 1:
        return ReadTargets(Target(values=mask_sizes(table[spec.targets[0]], file)[:, None]), cells)
    if spec.task == "multilabel":
        return _read_label_sets(spec, table, folder, file)
    if len(spec.targets) > 1:
        raise SetupError(f"{file}: the task {spec.task} takes one target column, not {len(spec.targets)}.")
    return _read_labels(spec, cells, folder, file)


def _side_by_side(parts: Sequence[ReadTargets]) -> ReadTargets:
    """Return the targets of several views of the same rows as one."""
    strata = sparse.csr_array(sparse.hstack([strata_of(part.target, _VALUE_BINS) for part in parts]))
    return ReadTargets(
        Target(labels=strata, parts=tuple(part.target for part in parts)),
        pd.concat([part.cells for part in parts], axis=1),
        names={name: label for part in parts for name, label in part.names.items()},
        kinds={name: kind for part in parts for name, kind in part.kinds.items()},
        warnings=tuple(warning for part in parts for warning in part.warnings),
        parts=tuple(parts),
    )


def strata_of(target: Target, bins: int) -> sparse.csr_array:
    """Return memberships (N, C): the labels, or for values the quantile bins of the first target."""
    if target.labels is not None:
        return target.labels
    assert target.values is not None
    rank = np.argsort(np.argsort(target.values[:, 0], kind="stable"))
    cells = (np.ones(len(rank), dtype=np.int32), (np.arange(len(rank)), rank * bins // len(rank)))
    return sparse.csr_array(sparse.coo_array(cells, (len(rank), bins)))


def canonical_spec(spec: CompetitionSpec, read: ReadTargets) -> CompetitionSpec:
    """Return the specification of the prepared tables: what the user's tables need is done."""
    typed = tuple(target.model_copy(update={"label_separator": None}) for target in spec.typed_targets)
    return spec.model_copy(
        update={
            "targets": read.targets,
            "typed_targets": typed,
            "id_from": None,
            "label_separator": None,
            "train_labels": None,
        }
    )


def _read_labels(spec: CompetitionSpec, cells: pd.DataFrame, folder: Path, file: Path) -> ReadTargets:
    column = cells[spec.targets[0]]
    refuse_blank(column, file)
    doubts = refuse_gap_words(column, file, listed_classes(spec, folder))
    novel = novel_labels(spec, column, file)
    classes, warnings = order_classes(spec, column.unique().tolist(), folder, file, novel)
    require_two_classes(spec, classes, file)
    require_novel_index(spec, classes, file)
    warnings = (*doubts, *warnings)
    target = Target(classes, _one_hot(column, np.arange(len(column)), len(column), classes, file))
    if metric_of(spec).prediction_kind(spec.task) != "ranking":
        return ReadTargets(target, cells, warnings=warnings)
    _require_separated_labels(spec, classes)
    internal = name_internally(classes)  # a cell of a ranking holds several labels, separated by blanks
    return _with_internal_names(
        target, cells.assign(**{str(column.name): column.map(internal)}), internal, warnings
    )


def _require_separated_labels(spec: CompetitionSpec, classes: Sequence[str]) -> None:
    """Raise SetupError if a cell with several of these labels could be read in several ways."""
    blank = next((label for label in classes if len(label.split()) != 1), None)
    if blank is not None and (spec.label_separator or " ").isspace():
        raise SetupError(
            f"The metric '{spec.metric}' needs labels without blanks, since a cell holds several labels "
            f"separated by blanks; rename the label '{blank}', or set label_separator in competition.yaml."
        )


def _read_label_sets(spec: CompetitionSpec, table: pd.DataFrame, folder: Path, file: Path) -> ReadTargets:
    warnings: tuple[str, ...] = ()
    if len(spec.targets) > 1:
        name = unused_name("labels", [*table.columns, spec.id_column])
        flags = {target: parse_flags(table[target], file) for target in spec.targets}
        rows = [[label for label, flag in flags.items() if flag[row]] for row in range(len(table))]
        classes = spec.targets
    else:
        name = spec.targets[0]
        check_separator(spec.label_separator, table[name], file)
        rows = [split_labels(cell, spec.label_separator) for cell in table[name]]
        found = list(dict.fromkeys(chain.from_iterable(rows)))
        classes, warnings = order_classes(spec, found, folder, file)
        warnings += other_separator(spec, table[name])
    names = pd.Series(list(chain.from_iterable(rows)), dtype=str, name=name)
    positions = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    target = Target(classes, _one_hot(names, positions, len(rows), classes, file))
    internal = name_internally(classes, [spec.id_column])
    cells = [" ".join(internal[label] for label in row) for row in rows]
    return _with_internal_names(target, pd.DataFrame({name: cells}, index=table.index), internal, warnings)


def _with_internal_names(
    target: Target, cells: pd.DataFrame, internal: Mapping[str, str], warnings: tuple[str, ...]
) -> ReadTargets:
    assert target.classes is not None
    renamed = replace(target, classes=tuple(internal[label] for label in target.classes))
    names = {name: label for label, name in internal.items() if name != label}
    return ReadTargets(renamed, cells, names, warnings=warnings)


def canonical_answers(
    spec: CompetitionSpec, read: ReadTargets, answers: pd.DataFrame, file: Path
) -> pd.DataFrame:
    """Return the canonical target columns of rows with answers, with the labels of the training rows.

    Args:
        spec: the specification of the user.
        read: the targets of the training rows.
        answers: a table with the target columns.
        file: its file, for messages.
    """
    if read.parts:
        pairs = zip(target_views(spec), read.parts, strict=True)
        return pd.concat([canonical_answers(view, part, answers, file) for view, part in pairs], axis=1)
    internal = {read.user_name(label): label for label in read.target.classes or ()}
    name = read.targets[0]
    if spec.task == "multilabel" and len(spec.targets) > 1:
        flags = {internal[target]: parse_flags(answers[target], file) for target in spec.targets}
        rows = [[label for label, flag in flags.items() if flag[row]] for row in range(len(answers))]
        return pd.DataFrame({name: [" ".join(row) for row in rows]})
    cells = answers[list(spec.targets)].reset_index(drop=True)
    if read.kinds:
        return pd.DataFrame({name: plain_numbers(cells[name], kind) for name, kind in read.kinds.items()})
    if spec.task == "multilabel":
        sets = [split_labels(cell, spec.label_separator) for cell in cells[name]]
        return pd.DataFrame({name: [" ".join(internal.get(label, label) for label in row) for row in sets]})
    return cells.replace({name: internal}) if read.names else cells


@redacted_as("the target holds values that are not masks as runs of pixels")
def mask_sizes(cells: "pd.Series[str]", file: Path) -> NDArray[np.float64]:
    """Return the sizes (N,) of run-length masks in pixels; raise SetupError for an invalid cell."""
    column = TextColumn(file.name, str(cells.name), pa.array(cells, pa.string()))
    try:
        return np.asarray(parse_masks(column).sum(axis=1), dtype=np.float64)
    except SubmissionError as error:
        raise SetupError(f"{file.parent}: {error}") from error


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
