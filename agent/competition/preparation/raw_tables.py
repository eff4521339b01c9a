"""Reading and validation of the raw tables of a competition."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.preparation.signals import require_signals
from agent.competition.reading.user_table import read_user_table
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.tables import require_columns, require_unique
from agent.core.errors import SetupError, redacted_as


@dataclass(frozen=True)
class RawTables:
    """The raw tables, all cells as strings. `test` is in the order of the sample submission."""

    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame
    warnings: tuple[str, ...]


def read_tables(spec: CompetitionSpec, folder: Path) -> RawTables:
    """Read the training table, the rows to predict and the sample submission.

    Raises:
        SetupError: a table or column is missing, ids are blank or repeated, the sample submission and the
            test table have different ids, or a cell of a signal column is not a signal.
    """
    _check_columns(spec, folder)
    inputs = [column.name for column in spec.inputs if column.role != "image"]
    train = _read(spec, folder, spec.train, [*spec.targets, *inputs])
    if spec.fold_column is not None:
        require_columns(train, [spec.fold_column], folder / spec.train)
        _require_folds(train[spec.fold_column], folder / spec.train)
    sample = _read(spec, folder, spec.sample_submission, [])
    if len(sample.columns) < 2:
        raise SetupError(
            f"{folder / spec.sample_submission}: the table has no column to predict beside the ids."
        )
    if spec.test is None:
        test = sample[[spec.id_column]]
        require_columns(test, _required_in_test(spec), folder / spec.sample_submission)
    else:
        test = _read(spec, folder, spec.test, _required_in_test(spec))
        test = _in_order_of(test, sample, spec, folder)
    for name in spec.columns_with("signal"):
        require_signals(train[name], folder / spec.train)
        require_signals(test[name], folder / (spec.test or spec.sample_submission))
    overlap = int(test[spec.id_column].isin(train[spec.id_column]).sum())
    warnings = (f"{overlap} ids of rows to predict also occur in {spec.train}.",) if overlap else ()
    return RawTables(train, test, sample, warnings)


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


def _read(spec: CompetitionSpec, folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    table = read_user_table(folder, name, spec.csv).cells
    require_columns(table, [spec.id_column, *columns], folder / name)
    require_unique(table, spec.id_column, folder / name)
    return table


@redacted_as("the ids of the sample submission differ from those of the test table")
def _in_order_of(
    test: pd.DataFrame, sample: pd.DataFrame, spec: CompetitionSpec, folder: Path
) -> pd.DataFrame:
    positions = pd.Index(test[spec.id_column]).get_indexer(pd.Index(sample[spec.id_column]))
    missing = int((positions < 0).sum())
    if missing or len(test) != len(sample):
        raise SetupError(
            f"{folder / spec.sample_submission}: the {len(sample)} ids differ from the {len(test)} ids of "
            f"{spec.test} ({missing} are missing there)."
        )
    ordered: pd.DataFrame = test.iloc[positions].reset_index(drop=True)
    return ordered


def _check_columns(spec: CompetitionSpec, folder: Path) -> None:
    """Reject inputs that are also a target, the id or the fold column; they would leak the answer."""
    names = [column.name for column in spec.inputs if column.role != "image"]
    reserved = {spec.id_column: "the id", FILE_COLUMN: "the column of images"}
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
