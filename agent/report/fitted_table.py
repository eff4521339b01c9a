"""Tables that fit a terminal: narrow terminals get the most important columns only."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_GAP = 2  # columns of the terminal between two columns of the table
_UNLIMITED = 200  # width of a table that is written to a file or a pipe


@dataclass(frozen=True)
class FittedColumn:
    """A column of a fitted table."""

    name: str
    rank: int
    """If the table is too wide, the columns with the largest rank are left out first; rank 0 always stays."""
    wraps_at: int | None = None
    """Smallest width at which the cells may be wrapped; None keeps every cell on one line."""
    justify: Literal["left", "right"] = "left"


def table_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for every column if there is no terminal."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_UNLIMITED)


def fitted_table(columns: Sequence[FittedColumn], rows: Sequence[Mapping[str, str]], width: int) -> Table:
    """Return a table with the most important columns that fit into `width` columns of a terminal.

    Args:
        columns: the columns in their order.
        rows: the cells by the name of their column. A missing cell is empty. A column without cells is left
            out.
        width: width of the terminal in columns.
    """
    natural = {
        column.name: max([cell_len(column.name), *(cell_len(row.get(column.name, "")) for row in rows)])
        for column in columns
    }
    shown = [column for column in columns if not rows or any(row.get(column.name) for row in rows)]

    def needed(column: FittedColumn) -> int:
        return min(natural[column.name], column.wraps_at or natural[column.name])

    while sum(needed(column) + _GAP for column in shown) > width and max(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    is_too_wide = sum(needed(column) + _GAP for column in shown) > width
    table = Table(box=None)
    for column in shown:
        wraps = column.wraps_at is not None or is_too_wide  # rather folded than cut off
        table.add_column(
            column.name,
            justify=column.justify,
            no_wrap=not wraps,
            overflow="fold" if is_too_wide else "ellipsis",
            min_width=None if wraps else natural[column.name],
        )
    for row in rows:
        table.add_row(*(row.get(column.name, "") for column in shown))
    return table
