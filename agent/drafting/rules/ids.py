"""Guess the column or columns that identify a row (`mars init`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from agent.competition.row_ids import plain_name
from agent.competition.tables import first_row
from agent.core.errors import SetupError
from agent.drafting.rules.tables import FoundTables, Guess

_ID_NAME = re.compile(
    r"(?i:(^|.*[_\W])(id|ids|key|index|image|img|file|filename|uuid|guid|identifier|rowid))|.*[a-z0-9](Id|ID)"
)
_PLAIN_ID_NAMES = ("id", "ids", "uuid", "rowid", "index", "key")
_ROW_ID = "row_id"
_MIN_DISTINCT_SHARE = 0.8  # of the cells of an id with mistakes; below it the column groups rows
_MAX_JOINT = 4  # columns that identify a row together


@dataclass(frozen=True)
class IdGuess:
    """What identifies a row: one column, several columns together, or the row number."""

    id_column: Guess
    id_from: Guess | None = None
    questions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.id_column.value)

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of the tables that identify a row; empty for the row number."""
        if self.id_from is None:
            return (self.name,)
        assert isinstance(self.id_from.value, list)
        return tuple(self.id_from.value)


def guess_row_ids(tables: FoundTables) -> IdGuess:
    """Return what identifies a row.

    The sample submission decides: its columns that the rows to predict have too. Without a sample submission,
    names and unique values decide. If no column is left, the row number identifies a row.

    Raises:
        SetupError: The column of ids has blank or repeated values; the message names value and row.
    """
    if tables.sample is not None and (asked := _columns_of_sample(tables)):
        return _from_sample(tables, asked)
    return _from_names(tables)


def guess_id(tables: FoundTables) -> Guess:
    """Return the single column that identifies rows; raises SetupError if no single column does."""
    found = guess_row_ids(tables)
    if found.id_from is not None:
        raise SetupError(
            f"{tables.folder}: no column identifies the rows of {tables.train_name} and the rows to predict; "
            "add a column 'id' with a unique value in each row."
        )
    return found.id_column


def _columns_of_sample(tables: FoundTables) -> list[str]:
    """Return the columns of the sample submission that can identify its rows."""
    assert tables.sample is not None
    known = tables.train.columns if tables.test is None else tables.test.columns
    columns = [name for name in tables.sample.columns if name in known and name not in tables.index_columns]
    if tables.test is not None:  # a target that is blank in the test table is no id
        return [name for name in columns if not (tables.test[name].str.strip() == "").all()]
    # The other columns that the training table has are targets.
    unique = [name for name in columns if _is_unique(tables.sample[name]) and _is_unique(tables.train[name])]
    return [*unique, *columns][:1]


def _from_sample(tables: FoundTables, asked: Sequence[str]) -> IdGuess:
    assert tables.sample is not None
    rows = tables.to_predict
    assert rows is not None
    alone = [name for name in asked if _is_unique(rows[name]) and _is_unique(tables.sample[name])]
    named = [name for name in alone if _is_id_name(name)]
    for name in [*named, *alone]:
        if name in tables.train.columns and not _is_unique(tables.train[name]):
            if tables.train[name].nunique() < _MIN_DISTINCT_SHARE * len(tables.train):
                continue  # for example a day: one row to predict per day, many labelled rows
            _require_unique(tables, name)
        reason = f"{tables.sample_name} names the column; its values are unique"
        return IdGuess(Guess("id_column", name, reason), questions=tuple(_alike_questions(tables, name)))
    joint = list(asked[:_MAX_JOINT])
    if len(asked) > 1 and not rows.duplicated(joint).any():
        reason = f"{tables.sample_name} names these columns; their values together are unique"
        return IdGuess(_made_id(tables), Guess("id_from", joint, reason))
    if len(asked) == 1:
        _require_unique(tables, asked[0])
    repeated = rows.duplicated(joint)
    where = f"row {first_row(repeated)}" if repeated.any() else "some rows"
    raise SetupError(
        f"{tables.folder / tables.source_of_rows}: the columns {', '.join(joint)} of {tables.sample_name} do "
        f"not identify the rows to predict: {where} repeats an earlier row."
    )


def _from_names(tables: FoundTables) -> IdGuess:
    others = [table for table in (tables.test, tables.sample) if table is not None]
    everywhere = (tables.train, *others)
    shared = [
        name
        for name in tables.train.columns
        if name not in tables.index_columns and all(name in table.columns for table in others)
    ]
    named = [name for name in shared if _is_id_name(name)]
    unique = [name for name in named if all(_is_unique(table[name]) for table in everywhere)]
    if unique:
        best = min(unique, key=lambda name: (plain_name(name) not in _PLAIN_ID_NAMES, shared.index(name)))
        guess = Guess("id_column", best, "named like an id; its values are unique in every table")
        return IdGuess(guess, questions=tuple(_alike_questions(tables, best)))
    for name in named:
        if plain_name(name) in _PLAIN_ID_NAMES and _is_nearly_unique(tables, name):
            _require_unique(tables, name)
    reason = "no column has a unique value in each row, so the row number identifies a row"
    return IdGuess(_made_id(tables), Guess("id_from", [], reason))


def _made_id(tables: FoundTables) -> Guess:
    """Return the name of an id column that preparation makes; no table may have a column of that name."""
    taken = {
        name for table in (tables.train, tables.test, tables.sample) if table is not None for name in table
    }
    name = _ROW_ID
    while name in taken:
        name = f"{name}_"
    return Guess("id_column", name, "a column that MARS makes; no table has it")


def _alike_questions(tables: FoundTables, chosen: str) -> list[str]:
    """Return a question for each other column whose name or values could make it the id."""
    alike = [
        name
        for name in tables.train.columns
        if name != chosen and (plain_name(name) == plain_name(chosen) or _is_plain_twin(tables, name))
    ]
    return [
        f"'{chosen}' identifies the rows and '{name}' is an input. Or is '{name}' the id? Then swap them."
        for name in alike
    ]


def _is_plain_twin(tables: FoundTables, name: str) -> bool:
    """Return whether a column is called like an id and has a unique value in each row, as the id has."""
    named = plain_name(name) in _PLAIN_ID_NAMES and name not in tables.index_columns
    return named and _is_unique(tables.train[name])


def _is_id_name(name: str) -> bool:
    return _ID_NAME.fullmatch(re.sub(r"^\W+|\W+$", "", name)) is not None


def _is_nearly_unique(tables: FoundTables, name: str) -> bool:
    values = tables.train[name]
    return bool(values.nunique() >= _MIN_DISTINCT_SHARE * len(values))


def _is_unique(values: "pd.Series[str]") -> bool:
    return bool(values.is_unique and (values.str.strip() != "").all())


def _require_unique(tables: FoundTables, name: str) -> None:
    """Raise SetupError for the first blank or repeated id of a table."""
    named = (
        (tables.train_name, tables.train),
        (tables.test_name, tables.test),
        (tables.sample_name, tables.sample),
    )
    for file, table in named:
        if file is None or table is None or name not in table.columns:
            continue
        values = table[name]
        blank = values.str.strip() == ""
        if blank.any():
            raise SetupError(
                f"{tables.folder / file}: the id '{name}' is blank in {blank.sum()} rows, first in row "
                f"{first_row(blank)}; give each row an id, or write `id_from: []` for row numbers."
            )
        repeated = values.duplicated()
        if repeated.any():
            row = first_row(repeated)
            raise SetupError(
                f"{tables.folder / file}: the id '{name}' repeats {repeated.sum()} values, the first is "
                f"'{values.iloc[row - 1]}' (row {row}); remove these rows, or give them ids of their own."
            )
