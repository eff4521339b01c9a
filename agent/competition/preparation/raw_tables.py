"""Reading and validation of the raw tables of a competition."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.bad_targets import drop_bad_targets
from agent.competition.canonical import TableFiles, canonical_tables
from agent.competition.preparation.sample_form import Sample, default_sample
from agent.competition.preparation.signals import require_signals
from agent.competition.preparation.train_labels import add_labels
from agent.competition.reading.user_table import read_user_table
from agent.competition.row_ids import add_keys, find_column, key_column, rename_columns
from agent.competition.spec import FILE_COLUMN, CompetitionSpec, CsvForm
from agent.competition.tables import require_columns
from agent.core.errors import SetupError, redacted_as
from agent.core.files import resolve_table


@dataclass(frozen=True)
class RawTables:
    """The raw tables, all cells as strings. `test` is in the order of the sample submission."""

    spec: CompetitionSpec
    """The specification with the names that candidates see: `id_from` became one id column."""

    train: pd.DataFrame
    test: pd.DataFrame
    sample: Sample
    warnings: tuple[str, ...]
    has_canonical_changes: bool = False
    """Whether input cells were written otherwise than as plain numbers, ISO dates and blanks."""


@dataclass(frozen=True)
class UserCells:
    """A table of the user with the names of the specification."""

    cells: pd.DataFrame
    file: Path
    form: CsvForm


def read_tables(spec: CompetitionSpec, folder: Path) -> RawTables:
    """Read the training table, the rows to predict and the sample submission.

    Raises:
        SetupError: a table or column is missing, ids are blank or repeated, ids of the sample submission
            are not in the test table, or cells of a column are not what its role says.
    """
    _check_columns(spec, folder)
    train, notes = read_training_table(spec, folder)
    sample = _read_sample(spec, folder)
    test = _read(spec, folder, spec.test, _required_in_test(spec)) if spec.test is not None else sample
    assert test is not None
    key = key_column(spec, [table.cells for table in (train, test, sample) if table is not None])
    labelled = add_keys(spec, train.cells, key, train.file)
    to_predict = add_keys(spec, test.cells, key, test.file)
    if spec.test is None:
        require_columns(to_predict, _required_in_test(spec), test.file)
    shown = _shown_sample(spec, key, sample, to_predict, train.form)
    notes += _sample_notes(spec, sample)
    if sample is not None and spec.test is not None:
        to_predict, more = _in_order_of(to_predict, shown, spec, key, sample.file)
        notes += more
    for name in spec.columns_with("signal"):
        require_signals(labelled[name], train.file)
        require_signals(to_predict[name], test.file)
    canonical = canonical_tables(spec, labelled, to_predict, TableFiles(train.file, test.file, train.form))
    changed = not (canonical.train.equals(labelled) and canonical.test.equals(to_predict))
    overlap = int(to_predict[key].isin(labelled[key]).sum()) if spec.id_from != () else 0
    if overlap:
        notes = (f"{overlap} ids of rows to predict also occur in {spec.train}.", *notes)
    return RawTables(
        spec.model_copy(update={"id_column": key}),
        canonical.train,
        canonical.test,
        shown,
        (*notes, *canonical.warnings),
        has_canonical_changes=changed,
    )


def read_training_table(spec: CompetitionSpec, folder: Path) -> tuple[UserCells, tuple[str, ...]]:
    """Return the labelled rows, with targets from their own table if there is one, and notes.

    Raises:
        SetupError: a table or column is missing, or the targets do not match the rows.
    """
    inputs = [column.name for column in spec.inputs if column.role != "image"]
    targets = [] if spec.train_labels is not None else spec.targets
    notes: tuple[str, ...] = ()
    table = _read(spec, folder, spec.train, [*targets, *inputs])
    if spec.train_labels is not None:
        labels = read_user_cells(spec, folder, spec.train_labels)
        cells, note = add_labels(spec, table.cells, labels.cells, folder)
        table, notes = replace(table, cells=cells), (note,)
    cells, dropped = drop_bad_targets(spec, table.cells, folder)
    table, notes = replace(table, cells=cells), (*notes, *dropped)
    if spec.fold_column is not None:
        require_columns(table.cells, [spec.fold_column], table.file)
        _require_folds(table.cells[spec.fold_column], table.file)
    return table, notes


def read_sample(spec: CompetitionSpec, folder: Path, form: CsvForm) -> tuple[Sample, list[str]]:
    """Return the sample submission and the original ids of its rows; the other tables are read if needed.

    Args:
        spec: the specification of the user.
        folder: its folder.
        form: the form of the training table.

    Raises:
        SetupError: a table is missing, or its ids cannot be found.
    """
    sample = _read_sample(spec, folder)
    wanted = [spec.id_column] if spec.id_from is None else list(spec.id_from)
    named = sample is not None and all(find_column(name, sample.cells.columns) for name in wanted)
    key = key_column(spec, [] if sample is None else [sample.cells])
    if sample is not None and (named or spec.test is None):
        test = rename_columns(sample.cells, wanted)
    else:
        assert spec.test is not None
        test = _read(spec, folder, spec.test, []).cells
    keyed = add_keys(spec, test, key, folder / (spec.test or spec.sample_submission))
    shown = _shown_sample(spec, key, sample, keyed, form)
    if sample is not None and spec.test is not None:
        keyed, _ = _in_order_of(keyed, shown, spec, key, sample.file)
    return shown, keyed[key].tolist()


def read_user_cells(spec: CompetitionSpec, folder: Path, name: str) -> UserCells:
    """Return a table of the user as it is."""
    table = read_user_table(folder, name, spec.csv)
    return UserCells(table.cells, folder / name, table.form)


def has_sample(spec: CompetitionSpec, folder: Path) -> bool:
    """Return whether the folder has the sample submission; only rows of a test table go without."""
    return spec.test is None or resolve_table(folder, spec.sample_submission).is_file()


def _read_sample(spec: CompetitionSpec, folder: Path) -> UserCells | None:
    return read_user_cells(spec, folder, spec.sample_submission) if has_sample(spec, folder) else None


def _shown_sample(
    spec: CompetitionSpec, key: str, sample: UserCells | None, test: pd.DataFrame, form: CsvForm
) -> Sample:
    """Return the sample with its id columns found by name, by their values, or none (rows by place)."""
    if sample is None:
        return default_sample(spec, key, test)
    sample = replace(sample, form=_with_decimal_mark(sample, form))
    wanted = [key] if spec.id_from is None else list(spec.id_from)
    found = [find_column(name, sample.cells.columns) for name in wanted]
    if wanted and None not in found:
        return Sample(sample.cells, tuple(name for name in found if name is not None), sample.form)
    if spec.id_from is None:
        ids = set(test[key])
        same = [str(name) for name in sample.cells.columns if set(sample.cells[name]) == ids]
        if len(same) != 1:
            require_columns(sample.cells, [key], sample.file)
        return Sample(sample.cells, tuple(same), sample.form)
    if len(sample.cells) != len(test):
        raise SetupError(
            f"{sample.file}: the table has {len(sample.cells)} rows and none of the columns of id_from, but "
            f"{spec.test} has {len(test)} rows; give both the same rows."
        )
    return Sample(sample.cells, (), sample.form)


def _with_decimal_mark(sample: UserCells, train: CsvForm) -> CsvForm:
    """Return the form of the sample; without decimals in it, the training table decides their mark."""
    columns = (sample.cells[name] for name in sample.cells.columns)
    if sample.form.separator == "," or any(cells.str.fullmatch(r"-?\d+[.,]\d+").any() for cells in columns):
        return sample.form
    return sample.form.model_copy(update={"decimal": train.decimal or sample.form.decimal})


def _sample_notes(spec: CompetitionSpec, sample: UserCells | None) -> tuple[str, ...]:
    if sample is not None:
        return ()
    return (f"There is no {spec.sample_submission}; the file to submit gets the ids and the predictions.",)


def inputs_of_test(spec: CompetitionSpec, test: pd.DataFrame) -> list[str]:
    """Return the input columns of the rows to predict. Audit rows get the same columns, to stay hidden."""
    names = [column.name for column in spec.inputs if column.role != "image"]
    return [name for name in names if name in test.columns]


def fold_ranks(values: "pd.Series[str]") -> NDArray[np.intp]:
    """Return folds (N,) as 0, 1, ..., in numeric order if all are numbers, else in text order."""
    numbers = pd.to_numeric(values, errors="coerce")
    key = numbers if numbers.notna().all() else values
    ranks: NDArray[np.intp] = (key.rank(method="dense") - 1).to_numpy().astype(np.intp)
    return ranks


def _require_folds(values: "pd.Series[str]", file: Path) -> None:
    blank = np.flatnonzero(values.str.strip() == "")
    if len(blank):
        raise SetupError(
            f"{file}: row {blank[0] + 1}, column '{values.name}': the cell is empty "
            f"({len(blank)} such rows); give every row a fold."
        )


def _required_in_test(spec: CompetitionSpec) -> list[str]:
    """Return the inputs that rows to predict must have. Groups are optional (new patients, new users)."""
    return [column.name for column in spec.inputs if column.role not in ("image", "group")]


def _read(spec: CompetitionSpec, folder: Path, name: str, columns: Sequence[str]) -> UserCells:
    """Return a table with the names of the specification; the ids are checked later."""
    table = read_user_cells(spec, folder, name)
    ids = [spec.id_column] if spec.id_from is None else list(spec.id_from)
    others = [spec.fold_column] if spec.fold_column is not None else []
    optional = [column.name for column in spec.inputs if column.role == "group"]
    cells = rename_columns(table.cells, [*ids, *columns, *others, *optional])
    require_columns(cells, [*ids, *columns], table.file)
    return replace(table, cells=cells)


@redacted_as("the ids of the sample submission differ from those of the test table")
def _in_order_of(
    test: pd.DataFrame, sample: Sample, spec: CompetitionSpec, key: str, file: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows of the sample submission, in its order, and a note on rows that it leaves out."""
    if not sample.id_columns:
        return test, ()
    names = sample.id_columns
    renamed = sample.cells[list(names)].set_axis([key] if spec.id_from is None else spec.id_from, axis=1)
    ids = add_keys(spec, renamed, key, file)[key]
    positions = pd.Index(test[key]).get_indexer(pd.Index(ids))
    unknown = positions < 0
    if unknown.any():
        row = int(unknown.argmax())
        raise SetupError(
            f"{file}: {int(unknown.sum())} of its {len(ids)} ids are not among the {len(test)} ids of "
            f"{spec.test}; the first is '{sample.cells[names[0]].iloc[row]}' (row {row + 1})."
        )
    ordered: pd.DataFrame = test.iloc[positions].reset_index(drop=True)
    if len(ordered) == len(test):
        return ordered, ()
    sentence = f"{file.name} has {len(ordered)} of the {len(test)} rows of {spec.test}; MARS predicts these."
    return ordered, (sentence,)


def _check_columns(spec: CompetitionSpec, folder: Path) -> None:
    """Reject inputs that are also a target, the id or the fold column; they would leak the answer."""
    names = [column.name for column in spec.inputs if column.role != "image"]
    reserved = {} if spec.id_from is not None else {spec.id_column: "the id"}
    reserved |= {FILE_COLUMN: "the column of images"}
    reserved |= dict.fromkeys(spec.targets, "a target")
    if spec.fold_column is not None:
        if spec.fold_column in reserved:
            raise SetupError(
                f"{folder}: the fold column '{spec.fold_column}' is also {reserved[spec.fold_column]}; "
                "correct competition.yaml."
            )
        reserved[spec.fold_column] = "the fold column"
    for name in names:
        if name in reserved:
            raise SetupError(
                f"{folder}: the input '{name}' of the competition is also {reserved[name]}; "
                "correct competition.yaml."
            )
    if len(set(names)) < len(names):
        raise SetupError(f"{folder}: an input of the competition is listed twice; correct competition.yaml.")
    if len(spec.columns_with("image")) > 1:
        raise SetupError(f"{folder}: the competition has several image inputs; at most one is supported.")
