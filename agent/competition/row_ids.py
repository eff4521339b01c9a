"""Ids of rows: columns found by their names, several columns as one id, row numbers."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.labels import unused_name
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.tables import first_row, require_columns, require_unique
from agent.core.errors import SetupError, redacted_as

_KEY = "row_id"
_QUOTED_NUMBER = r'"\s*0*([0-9]+)(?:\.0+)?\s*"'


def settle_ids(spec: CompetitionSpec) -> CompetitionSpec:
    """Return the specification with one column of `id_from` as the id column."""
    if spec.id_from is None or len(spec.id_from) != 1:
        return spec
    return spec.model_copy(update={"id_column": spec.id_from[0], "id_from": None})


def find_column(name: str, columns: Iterable[str]) -> str | None:
    """Return the column of that name, or the only one that differs by case and blanks alone."""
    existing = [str(column) for column in columns]
    if name in existing:
        return name
    alike = [column for column in existing if plain_name(column) == plain_name(name)]
    return alike[0] if len(alike) == 1 else None


def plain_name(name: str) -> str:
    """Return a column name without case and blanks, to compare the names of two tables."""
    return "".join(name.split()).casefold()


def rename_columns(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with the names of the specification for columns that differ by case or blanks."""
    found = {name: find_column(name, table.columns) for name in names if name not in table.columns}
    renamed = {old: new for new, old in found.items() if old is not None and old not in names}
    return table.rename(columns=renamed) if renamed else table


def key_column(spec: CompetitionSpec, tables: Sequence[pd.DataFrame]) -> str:
    """Return the name of the id column of candidates: the user's, or an unused one for `id_from`."""
    if spec.id_from is None:
        return spec.id_column
    used = [*(str(name) for table in tables for name in table.columns), FILE_COLUMN, *spec.targets]
    return unused_name(_KEY, [*used, *(column.name for column in spec.inputs)])


def add_keys(spec: CompetitionSpec, table: pd.DataFrame, key: str, file: Path) -> pd.DataFrame:
    """Return the table with a unique, not blank key per row in the column `key`.

    Raises:
        SetupError: an id column is missing, blank or repeated. The message names the rows.
    """
    if spec.id_from is None:
        require_columns(table, [key], file)
        require_unique(table, key, file)
        return table
    keys = [str(number) for number in range(1, len(table) + 1)]
    if spec.id_from:
        require_columns(table, spec.id_from, file)
        _require_unique_together(table, spec.id_from, file)
        keys = joined_keys(table, spec.id_from)
    return table.assign(**{key: keys})


def joined_keys(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return one text per row that names the cells of several columns without ambiguity."""
    rows = zip(*(table[name] for name in columns), strict=True)
    return [json.dumps(list(row), ensure_ascii=False) for row in rows]


def positions_as_numbers(keys: "pd.Series[str]", wanted: "pd.Series[str]") -> NDArray[np.intp] | None:
    """Return the positions of ids that another program wrote otherwise: 7 as 7.0 or 007.

    Returns:
        The position in `keys` of each wanted id (N,); None if an id is absent or not unique then.
    """
    known, asked = (
        (cells if cells.str.startswith("[").all() else '"' + cells + '"').str.replace(
            _QUOTED_NUMBER, r'"\1"', regex=True
        )
        for cells in (keys, wanted)
    )
    if not known.is_unique or not asked.is_unique or not asked.isin(known).all():
        return None
    return pd.Index(known).get_indexer(pd.Index(asked))


@redacted_as("some ids repeat")
def _require_unique_together(table: pd.DataFrame, columns: Sequence[str], file: Path) -> None:
    repeated = table.duplicated(list(columns))
    if repeated.any():
        row = first_row(repeated)
        values = table[list(columns)].iloc[row - 1].tolist()
        first = first_row((table[list(columns)] == values).all(axis=1))
        named = ", ".join(f"'{name}'" for name in columns)
        raise SetupError(
            f"{file}: the columns {named} repeat {int(repeated.sum())} values together, the first is "
            f"{', '.join(repr(value) for value in values)} (rows {first} and {row}); add a column to id_from."
        )
