"""Columns whose decimal marks differ between the training table and the rows to predict.

Two programs may have written the two tables: `0,5` in one, `0.5` in the other. Read together, `1.234` would
be a thousand in one of them. A column counts as unlike only if each table has clear cells of its own mark and
none of the other.
"""

import re

import pandas as pd

from agent.competition.canonical.cells import matches, trim
from agent.competition.canonical.kinds import canonical_cells, column_kind
from agent.competition.canonical.numbers import Mark
from agent.competition.spec import CsvForm

_SAMPLED = 2_000  # cells from all over a column that tell its mark
_MARKS: tuple[Mark, Mark] = (".", ",")


def with_like_marks(
    train: "pd.Series[str]", test: "pd.Series[str] | None", form: CsvForm
) -> tuple[tuple["pd.Series[str]", "pd.Series[str] | None"], CsvForm]:
    """Return both parts of a column and the form to read them by.

    If their decimal marks differ, the numbers of each part are plain and the form has no marks. Otherwise
    nothing changes.
    """
    if test is None:
        return (train, test), form
    marks = _clear_mark(train), _clear_mark(test)
    if None in marks or marks[0] == marks[1]:
        return (train, test), form
    plain = form.model_copy(update={"decimal": None, "thousands": None})
    return (_plain_numbers(train, marks[0], plain), _plain_numbers(test, marks[1], plain)), plain


def _clear_mark(cells: "pd.Series[str]") -> Mark | None:
    """Return the only mark that cells can have for decimals alone; None without one."""
    texts = trim(cells.iloc[:: max(1, len(cells) // _SAMPLED)])
    found = [mark for mark in _MARKS if matches(texts, _clear_pattern(mark)).any()]
    return found[0] if len(found) == 1 else None


def _clear_pattern(mark: Mark) -> str:
    """Return the pattern of numbers in which the mark cannot part thousands."""
    point, other = re.escape(mark), re.escape("," if mark == "." else ".")
    whole = rf"(?:[0-9]{{1,3}}(?:{other}[0-9]{{3}})+|[0-9]+)"
    return rf"[+-]?(?:{whole}{point}(?:[0-9]{{1,2}}|[0-9]{{4,}})|0?{point}[0-9]+)"


def _plain_numbers(cells: "pd.Series[str]", mark: Mark | None, form: CsvForm) -> "pd.Series[str]":
    """Return cells with plain numbers by their own mark; a cell that is no number stays as it is."""
    kind = column_kind(cells, None, str(cells.name), csv=form.model_copy(update={"decimal": mark}))
    if kind.kind != "number":
        return cells
    written = canonical_cells(cells, kind)
    return written.where(written != "", cells)
