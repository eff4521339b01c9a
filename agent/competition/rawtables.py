"""The raw tables of a competition, read and checked before anything is made of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.signals import require_signals
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.tables import read_table, require_columns, require_unique
from agent.errors import SetupError


@dataclass(frozen=True)
class RawTables:
    """All cells are strings; `test` is in the order of the sample submission."""

    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame
    warnings: tuple[str, ...]


def read_tables(spec: CompetitionSpec, folder: Path) -> RawTables:
    """Reads the training table, the rows to predict and the sample submission.

    Raises:
        SetupError: a missing table or column, blank or repeated ids, a sample submission with other ids,
            a cell that is no signal where it should be one.
    """
    _check_spec(spec, folder)
    inputs = [column.name for column in spec.inputs if column.role != "image"]
    train = _read(spec, folder, spec.train, [*spec.targets, *inputs])
    if spec.fold_column is not None:
        require_columns(train, [spec.fold_column], folder / spec.train)
        _require_folds(train[spec.fold_column], folder / spec.train)
    sample = _read(spec, folder, spec.sample_submission, [])
    if len(sample.columns) < 2:
        raise SetupError(f"{folder / spec.sample_submission}: has no column to predict beside the ids.")
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
    warnings = (f"{overlap} ids to predict also occur in {spec.train}.",) if overlap else ()
    return RawTables(train, test, sample, warnings)


def carried_inputs(spec: CompetitionSpec, test: pd.DataFrame) -> list[str]:
    """Input columns that rows to predict have; audit rows get no others, or they would stand out."""
    names = [column.name for column in spec.inputs if column.role != "image"]
    return [name for name in names if name in test.columns]


def fold_ranks(values: "pd.Series[str]") -> NDArray[np.intp]:
    """The user's folds as 0, 1, ...: in the order of numbers where all are numbers, else of names."""
    numbers = pd.to_numeric(values, errors="coerce")
    key = numbers if numbers.notna().all() else values
    ranks: NDArray[np.intp] = (key.rank(method="dense") - 1).to_numpy().astype(np.intp)
    return ranks


def _require_folds(values: "pd.Series[str]", file: Path) -> None:
    blank = np.flatnonzero(values.str.strip() == "")
    if len(blank):
        raise SetupError(
            f"{file}: row {blank[0] + 1}, column '{values.name}': is empty (as {len(blank)} in all); "
            "give every row a fold."
        )


def _required_in_test(spec: CompetitionSpec) -> list[str]:
    """Groups may be unknown for rows to predict (new patients, new users)."""
    return [column.name for column in spec.inputs if column.role not in ("image", "group")]


def _read(spec: CompetitionSpec, folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    table = read_table(folder, name)
    require_columns(table, [spec.id_column, *columns], folder / name)
    require_unique(table, spec.id_column, folder / name)
    return table


def _in_order_of(
    test: pd.DataFrame, sample: pd.DataFrame, spec: CompetitionSpec, folder: Path
) -> pd.DataFrame:
    positions = pd.Index(test[spec.id_column]).get_indexer(pd.Index(sample[spec.id_column]))
    absent = int((positions < 0).sum())
    if absent or len(test) != len(sample):
        raise SetupError(
            f"{folder / spec.sample_submission}: its {len(sample)} ids are not the {len(test)} ids of "
            f"{spec.test} ({absent} are not there)."
        )
    ordered: pd.DataFrame = test.iloc[positions].reset_index(drop=True)
    return ordered


def _check_spec(spec: CompetitionSpec, folder: Path) -> None:
    """Refuses an input that is the target or the id as well: it would give the answer away."""
    names = [column.name for column in spec.inputs if column.role != "image"]
    own = {spec.id_column: "the id", FILE_COLUMN: "the column of pictures"}
    own |= dict.fromkeys(spec.targets, "a target")
    if spec.fold_column is not None:
        if spec.fold_column in own:
            raise SetupError(
                f"{folder}: the fold column '{spec.fold_column}' is also {own[spec.fold_column]}."
            )
        own[spec.fold_column] = "the fold column"
    for name in names:
        if name in own:
            raise SetupError(f"{folder}: the input '{name}' of the competition is also {own[name]}.")
    if len(set(names)) < len(names):
        raise SetupError(f"{folder}: an input of the competition is listed twice.")
    if len(spec.columns_with("image")) > 1:
        raise SetupError(f"{folder}: the competition has several image inputs; one is supported.")
