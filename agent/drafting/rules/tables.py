"""Guess the role of each table, and the id, target and fold columns (`mars init`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.reading.table_names import table_files, table_stem
from agent.competition.reading.user_table import read_user_table
from agent.core.errors import SetupError

_TRAIN = ("train", "training", "traindata", "trainingdata", "trainset", "trainlabels", "traininglabels")
_TEST = ("test", "testing", "testdata", "testset", "testfeatures")
_LABELS = ("labels", "classes", "categories", "labelmap", "classnames")
_FOLDS = ("fold", "folds", "kfold", "cvfold")
_ID_NAME = re.compile(
    r"(^|.*[_\W])(id|ids|key|index|image|img|file|filename|uuid)$|.*(Id|ID)$|^unnamed: 0$", re.IGNORECASE
)


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
    """The tables of a folder by their roles. The names are file names."""

    folder: Path
    train_name: str
    train: pd.DataFrame
    test_name: str | None
    test: pd.DataFrame | None
    sample_name: str | None
    sample: pd.DataFrame | None
    label_tables: tuple[str, ...]

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


def find_tables(folder: Path) -> FoundTables:
    """Find the training table, the test table and the sample submission by their usual names.

    Raises:
        SetupError: A required table is missing or cannot be read.
    """
    names = table_names(folder)
    train_name, test_name, sample_name, label_tables = match_usual_names(names)
    others = [name for name in names if name not in {sample_name, train_name, test_name, *label_tables}]
    if train_name is None and len(others) == 1:
        train_name = others[0]
    if train_name is None:
        found = ", ".join(names) or "no table at all"
        raise SetupError(f"{folder}: has no training table (found {found}); name it train.csv.")
    if test_name is None and sample_name is None:
        raise SetupError(
            f"{folder}: has no table of rows to predict; add test.csv (or sample_submission.csv for images)."
        )
    tables = {
        name: read_user_table(folder, name).cells
        for name in (train_name, test_name, sample_name)
        if name is not None
    }
    return FoundTables.from_names(folder, tables, train_name, test_name, sample_name, label_tables)


def table_names(folder: Path) -> list[str]:
    """Return the tables directly in the folder, sorted; raises SetupError if the folder does not exist."""
    return table_files(folder)


def match_usual_names(names: Sequence[str]) -> tuple[str | None, str | None, str | None, tuple[str, ...]]:
    """Return the names of the training table, the test table, the sample submission and the label tables."""
    stems = {name: re.sub(r"[^a-z0-9]", "", table_stem(name).lower()) for name in names}
    sample = next((name for name in names if "submi" in stems[name]), None)
    labels = tuple(name for name in names if stems[name] in _LABELS)
    return _first_match(stems, _TRAIN), _first_match(stems, _TEST), sample, labels


def guess_id(tables: FoundTables) -> Guess:
    """Return the column that identifies rows; raises SetupError if no column does."""
    train, others = tables.train, [table for table in (tables.test, tables.sample) if table is not None]
    shared = [name for name in train.columns if all(name in table.columns for table in others)]
    unique = [name for name in shared if all(_identifies(table[name]) for table in (train, *others))]
    if tables.sample is not None and tables.sample.columns[0] in unique:
        name = tables.sample.columns[0]
        return Guess(
            "id_column", name, f"the first column of {tables.sample_name}; unique in {tables.train_name}"
        )
    for name in unique:
        if _ID_NAME.fullmatch(name):
            return Guess("id_column", name, "named like an id; its values are unique in every table")
    raise SetupError(
        f"{tables.folder}: no column identifies the rows of {tables.train_name} and the rows to predict; "
        "add a column 'id' with a unique value in each row."
    )


def guess_fold(tables: FoundTables) -> Guess | None:
    """Return the user's fold column, recognised by its name; None without one."""
    for name in tables.train.columns:
        stem = re.sub(r"[^a-z0-9]", "", name.lower())
        if stem in _FOLDS and 2 <= tables.train[name].nunique() <= 20:
            return Guess(
                "fold_column",
                name,
                "named like folds; the last fold becomes the validation rows",
            )
    return None


def guess_targets(tables: FoundTables, id_column: str, fold_column: str | None) -> Guess:
    """Return the target columns: those of the sample submission, else those that only the training table has.

    Raises:
        SetupError: No column, or more than one column, can be the target.
    """
    train = tables.train
    known = [] if tables.test is None else list(tables.test.columns)
    only_train = [name for name in train.columns if name not in {id_column, fold_column, *known}]
    if tables.sample is not None:
        requested = [name for name in tables.sample.columns if name != id_column]
        if requested and all(name in train.columns for name in requested):
            return Guess("targets", requested, f"{tables.sample_name} asks for it")
        for name in only_train:
            if len(requested) > 1 and set(train[name]) == set(requested):
                return Guess("targets", [name], f"its values are the columns of {tables.sample_name}")
    if len(only_train) == 1:
        return Guess("targets", only_train, f"the only column that is in {tables.train_name} alone")
    if not only_train:
        raise SetupError(
            f"{tables.folder}: {tables.train_name} has no target column; add a column that the rows to "
            "predict lack."
        )
    raise SetupError(
        f"{tables.folder}: several columns could be the target: {', '.join(only_train[:8])}. "
        "Add a sample_submission.csv with the id and the target."
    )


def guess_label_table(tables: FoundTables, labels: set[str]) -> Guess | None:
    """Return the table whose first column lists every label of the training table; None without one."""
    for name in tables.label_tables:
        listed = read_user_table(tables.folder, name).cells.iloc[:, 0]
        if listed.is_unique and labels <= set(listed):
            return Guess("label_table", name, f"its first column lists all {len(labels)} labels that occur")
    return None


def _first_match(stems: dict[str, str], usual: tuple[str, ...]) -> str | None:
    """Return the file whose stem comes first in the usual names."""
    ranked = sorted((usual.index(stem), name) for name, stem in stems.items() if stem in usual)
    return ranked[0][1] if ranked else None


def _identifies(values: "pd.Series[str]") -> bool:
    return bool(values.is_unique and (values != "").all())
