"""`mars init`: which tables a folder holds, and which columns identify and answer a row."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.tables import read_table
from agent.errors import SetupError

_TRAIN = ("train", "training", "traindata", "trainingdata", "trainset", "trainlabels", "traininglabels")
_TEST = ("test", "testing", "testdata", "testset", "testfeatures")
_LABELS = ("labels", "classes", "categories", "labelmap", "classnames")
_FOLDS = ("fold", "folds", "kfold", "cvfold")
_ID_NAME = re.compile(
    r"(^|.*[_\W])(id|ids|key|index|image|img|file|filename|uuid)$|.*(Id|ID)$|^unnamed: 0$", re.IGNORECASE
)


@dataclass(frozen=True)
class Guess:
    """One field of competition.yaml and why it has its value."""

    field: str
    value: object
    reason: str
    by: str = ""
    """The language model that proposed it; "": the rules of this package."""


@dataclass(frozen=True)
class FoundTables:
    """The tables of a folder, read; the names are those of the files."""

    folder: Path
    train_name: str
    train: pd.DataFrame
    test_name: str | None
    test: pd.DataFrame | None
    sample_name: str | None
    sample: pd.DataFrame | None
    label_tables: tuple[str, ...]

    @classmethod
    def of(
        cls,
        folder: Path,
        tables: Mapping[str, pd.DataFrame],
        train: str,
        test: str | None,
        sample: str | None,
        label_tables: Sequence[str],
    ) -> "FoundTables":
        """Tables that were read already, by their names, in these roles."""
        of_test, of_sample = (None if name is None else tables[name] for name in (test, sample))
        return cls(folder, train, tables[train], test, of_test, sample, of_sample, tuple(label_tables))


def find_tables(folder: Path) -> FoundTables:
    """Finds the training table, and the test table or sample submission, by their usual names.

    Raises:
        SetupError: a table that is needed is not there, or cannot be read.
    """
    names = table_names(folder)
    train_name, test_name, sample_name, label_tables = usual_names(names)
    others = [name for name in names if name not in {sample_name, train_name, test_name, *label_tables}]
    if train_name is None and len(others) == 1:
        train_name = others[0]
    if train_name is None:
        found = ", ".join(names) or "no CSV file at all"
        raise SetupError(f"{folder}: has no training table (found {found}); name it train.csv.")
    if test_name is None and sample_name is None:
        raise SetupError(
            f"{folder}: which rows are to be predicted? Add test.csv (or sample_submission.csv for pictures)."
        )
    tables = {
        name: read_table(folder, name) for name in (train_name, test_name, sample_name) if name is not None
    }
    return FoundTables.of(folder, tables, train_name, test_name, sample_name, label_tables)


def table_names(folder: Path) -> list[str]:
    """The CSV files right in the folder, sorted; raises SetupError if it is none."""
    if not folder.is_dir():
        raise SetupError(f"{folder}: is no folder.")
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.is_file())


def usual_names(names: Sequence[str]) -> tuple[str | None, str | None, str | None, tuple[str, ...]]:
    """Of the files those that are called as train, test and sample submission are, and tables of labels."""
    plain = {name: re.sub(r"[^a-z0-9]", "", Path(name).stem.lower()) for name in names}
    sample = next((name for name in names if "submi" in plain[name]), None)
    labels = tuple(name for name in names if plain[name] in _LABELS)
    return _named(plain, _TRAIN), _named(plain, _TEST), sample, labels


def guess_id(tables: FoundTables) -> Guess:
    """The column that identifies rows; raises SetupError if there is none."""
    train, others = tables.train, [table for table in (tables.test, tables.sample) if table is not None]
    shared = [name for name in train.columns if all(name in table.columns for table in others)]
    unique = [name for name in shared if all(_identifies(table[name]) for table in (train, *others))]
    if tables.sample is not None and tables.sample.columns[0] in unique:
        name = tables.sample.columns[0]
        return Guess(
            "id_column", name, f"the first column of {tables.sample_name}, unique in {tables.train_name}"
        )
    for name in unique:
        if _ID_NAME.fullmatch(name):
            return Guess("id_column", name, "named like an id, and its values are unique in every table")
    raise SetupError(
        f"{tables.folder}: no column identifies the rows of {tables.train_name} and of the rows to predict; "
        "add a column 'id' with a value of its own in each row."
    )


def guess_fold(tables: FoundTables) -> Guess | None:
    """The user's own folds, if a column is named so."""
    for name in tables.train.columns:
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if plain in _FOLDS and 2 <= tables.train[name].nunique() <= 20:
            return Guess("fold_column", name, "named like folds; its last value becomes the validation part")
    return None


def guess_targets(tables: FoundTables, id_column: str, fold_column: str | None) -> Guess:
    """The label columns: those that the sample submission asks for, else what only the training table has."""
    train = tables.train
    known = [] if tables.test is None else list(tables.test.columns)
    only_train = [name for name in train.columns if name not in {id_column, fold_column, *known}]
    if tables.sample is not None:
        asked = [name for name in tables.sample.columns if name != id_column]
        if asked and all(name in train.columns for name in asked):
            return Guess("targets", asked, f"{tables.sample_name} asks for it")
        for name in only_train:
            if len(asked) > 1 and set(train[name]) == set(asked):
                return Guess("targets", [name], f"its values are the columns of {tables.sample_name}")
    if len(only_train) == 1:
        return Guess("targets", only_train, f"the only column that just {tables.train_name} has")
    if not only_train:
        raise SetupError(f"{tables.folder}: no column of {tables.train_name} is left to be predicted.")
    raise SetupError(
        f"{tables.folder}: which column is to be predicted, {', '.join(only_train[:8])}? "
        "Add a sample_submission.csv with the id and that column."
    )


def guess_label_table(tables: FoundTables, labels: set[str]) -> Guess | None:
    """A table whose first column holds every label that occurs."""
    for name in tables.label_tables:
        listed = read_table(tables.folder, name).iloc[:, 0]
        if listed.is_unique and labels <= set(listed):
            return Guess("label_table", name, f"its first column lists all {len(labels)} labels that occur")
    return None


def _named(plain: dict[str, str], usual: tuple[str, ...]) -> str | None:
    """The file whose plain name comes first among the usual ones."""
    ranked = sorted((usual.index(stem), name) for name, stem in plain.items() if stem in usual)
    return ranked[0][1] if ranked else None


def _identifies(values: "pd.Series[str]") -> bool:
    return bool(values.is_unique and (values != "").all())
