"""The tables of a competition in canonical form: each input column by its role.

Numbers become plain, dates ISO 8601 and gaps blank. In categories a gap word is blank only if the rows to
predict lack it, since it may be a level. Text, signals and groups keep their cells unless `gaps` names words.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.canonical.cells import matches, trim
from agent.competition.canonical.dates import are_dates
from agent.competition.canonical.gaps import STRONG_GAP_WORDS, blank_gaps, gap_words_in, mark_gaps
from agent.competition.canonical.kinds import MIN_SHARE, ColumnKind, canonical_cells, column_kind
from agent.competition.canonical.numbers import PLAIN_NUMBER
from agent.competition.canonical.sentences import ReadColumn, sentences_about
from agent.competition.spec import CompetitionSpec, CsvForm, InputColumn
from agent.core.errors import SetupError, redacted_as


@dataclass(frozen=True)
class TableFiles:
    """The files of both tables, for messages, and the form of their numbers."""

    train: Path
    test: Path
    form: CsvForm = field(default_factory=CsvForm)


@dataclass(frozen=True)
class CanonicalTables:
    """Both tables with canonical input columns."""

    train: pd.DataFrame
    test: pd.DataFrame
    warnings: tuple[str, ...]


def canonical_tables(
    spec: CompetitionSpec, train: pd.DataFrame, test: pd.DataFrame, files: TableFiles
) -> CanonicalTables:
    """Return both tables with the input columns in canonical form. The order of rows does not change.

    Args:
        spec: the competition; its roles, `gaps`, `day_first` and `csv` count.
        train: the training table, all cells as text.
        test: the rows to predict.
        files: names for messages, and the form that was found in the files.

    Raises:
        SetupError: a column with the role number or time holds other cells; the message names the first.
    """
    train, test = train.copy(), test.copy()
    read: list[ReadColumn] = []
    kind: ColumnKind | None
    words: tuple[str, ...]
    for column in spec.inputs:
        name = column.name
        if column.role == "image" or name not in train.columns:
            continue
        cells = train[name], test[name] if name in test.columns else None
        if column.role in ("number", "time"):
            kind, words = _kind_of_role(column, *cells, files), ()
        else:
            kind, words = None, _words_of(column, *cells)
            if not words:
                continue
        for table in (train, test):
            if name in table.columns:
                part = table[name]
                table[name] = blank_gaps(part, words) if kind is None else canonical_cells(part, kind)
        found = words if kind is None else kind.gap_words
        read.append(ReadColumn(name, kind, found, cells[0], train[name], cells[1], test.get(name)))
    return CanonicalTables(train, test, sentences_about(read, files.train.name, files.test.name))


def category_gaps(train: "pd.Series[str]", test: "pd.Series[str] | None") -> tuple[str, ...]:
    """Return the gap words of a category that are blank: those that the rows to predict lack."""
    if test is None:
        return ()
    levels = set(gap_words_in(test, STRONG_GAP_WORDS))
    return tuple(word for word in gap_words_in(train, STRONG_GAP_WORDS) if word not in levels)


def _words_of(column: InputColumn, train: "pd.Series[str]", test: "pd.Series[str] | None") -> tuple[str, ...]:
    """Return the gap words of a column that holds neither numbers nor times."""
    if column.gaps is not None:
        found = {
            word for part in (train, test) if part is not None for word in gap_words_in(part, column.gaps)
        }
        return tuple(sorted(found))
    return category_gaps(train, test) if column.role == "category" else ()


@redacted_as("a column does not hold what its role says")
def _kind_of_role(
    column: InputColumn, train: "pd.Series[str]", test: "pd.Series[str] | None", files: TableFiles
) -> ColumnKind:
    """Return the kind of a column with the role number or time; raise SetupError for another kind."""
    kind = column_kind(
        train,
        test,
        column.name,
        csv=files.form,
        gaps=column.gaps,
        day_first=column.day_first,
        role=column.role,
    )
    if kind.kind != "other":
        if column.role == "time":
            _require_times(column.name, kind, train, files.train)
            if test is not None:
                _require_times(column.name, kind, test, files.test)
        return kind
    anything = column_kind(train, test, column.name, csv=files.form, gaps=column.gaps)
    looks = "; they look like dates: set its role to time" if anything.role == "time" else ""
    usual = matches(trim(train), PLAIN_NUMBER) if column.role == "number" else are_dates(trim(train))
    row = int(np.argmax(~usual & ~mark_gaps(train, kind.gap_words).to_numpy())) + 1
    wanted = "numbers" if column.role == "number" else "times"
    raise SetupError(
        f"{files.train}: column '{column.name}' has the role {column.role}, but at least half of its cells "
        f"are not {wanted}; the first is '{train.iloc[row - 1]}' (row {row}){looks or '; set another role'} "
        "in competition.yaml."
    )


def _require_times(name: str, kind: ColumnKind, cells: "pd.Series[str]", file: Path) -> None:
    """Raise SetupError if more than 5 % of the cells are neither times nor gaps."""
    bad = ~kind.is_written_like(cells) & ~mark_gaps(cells, kind.gap_words).to_numpy()
    if bad.sum() > (1 - MIN_SHARE) * max(len(cells), 1):
        row = int(np.argmax(bad)) + 1
        raise SetupError(
            f"{file}: column '{name}' holds {bad.sum()} values that are not times, "
            f"the first is '{cells.iloc[row - 1]}' (row {row})."
        )
