"""Find and read the tables of a folder by their roles (`mars init`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from agent.competition.reading.table_names import table_files
from agent.competition.reading.user_table import UserTable, read_user_table
from agent.competition.row_ids import plain_name
from agent.competition.spec import CsvForm
from agent.core.errors import SetupError
from agent.drafting.rules.class_folders import ClassFolders, find_class_folders
from agent.drafting.rules.table_roles import TableRoles, assign_roles

_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")


@dataclass(frozen=True)
class Guess:
    """The value of one field of `competition.yaml`, with its reason."""

    field: str
    value: object
    reason: str
    by: str = ""
    """The language model that proposed the value; empty for the rules of this package."""


@dataclass(frozen=True)
class FoundTables:
    """The tables of a folder by their roles. The names are file names.

    Columns whose names differ from the training table's by case or blanks alone have the latter names.
    """

    folder: Path
    train_name: str
    train: pd.DataFrame
    """The labelled rows, with the targets of `labels_name`."""

    test_name: str | None
    test: pd.DataFrame | None
    sample_name: str | None
    sample: pd.DataFrame | None
    label_tables: tuple[str, ...]
    labels_name: str | None = None
    """The table of targets, if the training table lacks them."""

    forms: Mapping[str, CsvForm] | None = None
    """The decided form of each text table."""

    notes: tuple[str, ...] = ()
    """Sentences for the user about files."""

    questions: tuple[str, ...] = ()
    """Questions for the user about cells of a table."""

    index_columns: frozenset[str] = frozenset()
    """Columns with the row numbers of a program; neither ids nor inputs."""

    hold_out: Mapping[str, pd.DataFrame] | None = None
    """Tables to write if the folder lacks them: file name below the folder -> table."""

    @classmethod
    def from_names(
        cls,
        folder: Path,
        tables: Mapping[str, pd.DataFrame],
        train: str,
        test: str | None,
        sample: str | None,
        label_tables: Sequence[str],
    ) -> "FoundTables":
        """Assign roles to tables that were read already."""
        test_table, sample_table = (None if name is None else tables[name] for name in (test, sample))
        return cls(folder, train, tables[train], test, test_table, sample, sample_table, tuple(label_tables))

    @property
    def to_predict(self) -> pd.DataFrame | None:
        """The test table, else the sample submission, else None."""
        return self.test if self.test is not None else self.sample

    @property
    def source_of_rows(self) -> str:
        """The name of the table with the rows to predict, for messages."""
        return self.test_name or self.sample_name or "a test.csv"


def find_tables(folder: Path) -> FoundTables:
    """Find and read the training table, the test table and the sample submission by their names.

    Raises:
        SetupError: A required table is missing or cannot be read.
    """
    if folder.is_file():
        raise SetupError(f"{folder}: is a file; give the folder that holds the tables: {folder.parent}.")
    names = table_files(folder)
    roles = assign_roles(names)
    if roles.train is None or roles.train.lower().endswith(".txt"):
        classes = find_class_folders(folder)
        if classes is not None:
            sample = None if roles.sample is None else read_user_table(folder, roles.sample).cells
            return _tables_of_classes(folder, classes, roles.sample, sample)
    if roles.train is None:
        _refuse_without_training_table(folder, names)
    train_name = roles.train
    assert train_name is not None
    read = {
        name: read_user_table(folder, name)
        for name in (train_name, roles.train_labels, roles.test, roles.sample)
        if name is not None
    }
    if roles.train_labels is None and (found := _find_labels(folder, roles, read)) is not None:
        name, read[name] = found
        roles = replace(
            roles,
            train_labels=name,
            label_tables=tuple(other for other in roles.label_tables if other != name),
            answers=tuple(other for other in roles.answers if other != name),
        )
    tables = FoundTables(
        folder=folder,
        train_name=train_name,
        train=read[train_name].cells,
        test_name=roles.test,
        test=_cells(read, roles.test),
        sample_name=roles.sample,
        sample=_cells(read, roles.sample),
        label_tables=roles.label_tables,
        forms={name: table.form for name, table in read.items()},
        notes=(*_reading_notes(read), *_unused_notes(roles)),
        questions=next((table.questions for table in read.values() if table.questions), ()),
        index_columns=frozenset(name for table in read.values() for name in table.index_columns),
    )
    if roles.train_labels is not None:
        tables = _with_labels(tables, roles.train_labels, read[roles.train_labels].cells)
    return _with_names_of_train(tables)


def _find_labels(
    folder: Path, roles: TableRoles, read: Mapping[str, UserTable]
) -> tuple[str, UserTable] | None:
    """Return a table of targets such as labels.csv, if the training table has inputs alone."""
    if roles.train is None or roles.test is None:
        return None
    train, test = read[roles.train].cells, read[roles.test].cells
    if not set(train.columns) <= set(test.columns):
        return None
    for name in (*roles.label_tables, *roles.answers):
        try:
            table = read_user_table(folder, name)
        except SetupError:
            continue  # the table is optional
        shared = [column for column in table.cells.columns if column in train.columns]
        by_id = any(
            train[column].is_unique and train[column].isin(table.cells[column]).all() for column in shared
        )
        by_place = not shared and len(table.cells) == len(train)
        if len(shared) < len(table.cells.columns) and (by_id or by_place):
            return name, table
    return None


def _tables_of_classes(
    folder: Path, classes: ClassFolders, sample_name: str | None, sample: pd.DataFrame | None
) -> FoundTables:
    """Return the tables of class folders, which `mars init` writes.

    A sample submission names the rows to predict.
    """
    written, notes = {"train.csv": classes.train}, [classes.note]
    test, test_name = classes.test, "test.csv"
    if sample is not None and len(sample.columns) > 1:
        label = sample.columns[1] if len(sample.columns) == 2 else classes.train.columns[-1]
        train = classes.train.drop(columns="id").set_axis([sample.columns[0], label], axis=1)
        written, test = {"train.csv": train}, None
    elif test is not None:
        written[test_name] = test
        if classes.answers is not None:
            written["answers/test.csv"] = classes.answers
    notes.append(f"MARS wrote {', '.join(written)} from the folders.")
    return FoundTables(
        folder=folder,
        train_name="train.csv",
        train=written["train.csv"],
        test_name=None if test is None else test_name,
        test=test,
        sample_name=sample_name,
        sample=sample,
        label_tables=(),
        notes=tuple(notes),
        hold_out=written,
    )


def table_names(folder: Path) -> list[str]:
    """Return the tables directly in the folder, sorted; raises SetupError if the folder does not exist."""
    return table_files(folder)


def match_usual_names(names: Sequence[str]) -> tuple[str | None, str | None, str | None, tuple[str, ...]]:
    """Return the names of the training table, the test table, the sample submission and the class tables."""
    roles = assign_roles(names)
    return roles.train, roles.test, roles.sample, roles.label_tables


def _refuse_without_training_table(folder: Path, names: Sequence[str]) -> None:
    if names:
        raise SetupError(
            f"{folder}: has no training table (found {', '.join(names[:8])}); name it train.csv."
        )
    archives = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(_ARCHIVES))
    if archives:
        raise SetupError(f"{folder}: has no table, but {', '.join(archives[:4])}; unpack it into the folder.")
    raise SetupError(
        f"{folder}: has no table (CSV, Parquet, Excel, JSON lines) and no pictures in a folder per class; "
        "add train.csv, or the folders."
    )


def _cells(read: Mapping[str, UserTable], name: str | None) -> pd.DataFrame | None:
    return None if name is None else read[name].cells


def _reading_notes(read: Mapping[str, UserTable]) -> list[str]:
    """Return the notes of all tables; what is said of several tables is one note."""
    files: dict[tuple[bool, str], list[str]] = {}
    for name, table in read.items():
        for note in table.notes:
            names_file, rest = note.startswith(f"{name}: "), note.removeprefix(f"{name}: ")
            files.setdefault((names_file, rest), []).append(name)
    return [f"{', '.join(names)}: {rest}" if named else rest for (named, rest), names in files.items()]


def _unused_notes(roles: TableRoles) -> list[str]:
    notes = [
        f"{name} is not used: MARS reads one table of labelled rows and one of rows to predict. "
        "Join its columns into both, if they help."
        for name in roles.others
    ]
    notes += [
        f"{name} is not used: it seems to hold the targets of the rows to predict. "
        "Move it into a folder `answers` to score submissions with `mars grade`."
        for name in roles.answers
    ]
    return notes


def _with_labels(tables: FoundTables, name: str, labels: pd.DataFrame) -> FoundTables:
    """Return the tables with the targets of a table of labels, matched by a shared id or by the row.

    Raises:
        SetupError: The rows of the two tables cannot be matched.
    """
    new = [column for column in labels.columns if column not in tables.train.columns]
    if not new:
        note = f"{name} is not used: {tables.train_name} has all of its columns."
        return replace(tables, notes=(*tables.notes, note))
    keys = [
        column
        for column in labels.columns
        if column in tables.train.columns and labels[column].is_unique and tables.train[column].is_unique
    ]
    new = [column for column in new if column not in tables.index_columns]
    if keys:
        matched = labels.set_index(keys[0])[new].reindex(tables.train[keys[0]]).fillna("")
        matched.index = tables.train.index
    elif len(labels) == len(tables.train):
        matched = labels[new].set_axis(tables.train.index)
    else:
        raise SetupError(
            f"{tables.folder}: {name} has {len(labels)} rows and {tables.train_name} has "
            f"{len(tables.train)}, and no column with unique values is in both; add the id to {name}."
        )
    train = pd.concat([tables.train, matched], axis=1)
    return replace(tables, train=train, labels_name=name)


def _with_names_of_train(tables: FoundTables) -> FoundTables:
    """Return the tables with the training table's names for columns that differ by case or blanks only."""
    test = None if tables.test is None else _rename_like(tables.test, tables.train)
    if test is not None and not set(test.columns) & set(tables.train.columns):
        raise SetupError(
            f"{tables.folder / tables.source_of_rows}: shares no column with {tables.train_name}: it has "
            f"{', '.join(repr(name) for name in list(test.columns)[:4])}. If its first row holds data, add a "
            "first row with the names of the columns."
        )
    sample = tables.sample
    if sample is not None:
        sample = _rename_like(sample, tables.train)
        sample = sample if test is None else _rename_like(sample, test)
    return replace(tables, test=test, sample=sample)


def _rename_like(table: pd.DataFrame, model: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the names of `model`, where one name is the same but for case and blanks."""
    known: dict[str, list[str]] = {}
    for name in model.columns:
        known.setdefault(plain_name(name), []).append(name)
    new = {}
    for name in table.columns:
        alike = known.get(plain_name(name), [])
        if name not in model.columns and len(alike) == 1 and alike[0] not in table.columns:
            new[name] = alike[0]
    if len(set(new.values())) < len(new):
        return table
    return table.rename(columns=new)
