"""Targets that are numbers, in the forms in which people write numbers."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.canonical import (
    GAP_WORDS,
    ColumnKind,
    canonical_cells,
    column_kind,
    decide_number_form,
)
from agent.competition.canonical.cells import distinct_cells
from agent.competition.spec import CsvForm
from agent.competition.tables import first_row
from agent.core.errors import SetupError, redacted_as


def quantity_kind(cells: "pd.Series[str]", csv: CsvForm) -> ColumnKind:
    """Return how the numbers of a column are written; times of day are numbers, dates are not."""
    kind = column_kind(cells, None, str(cells.name), csv=csv)
    if kind.kind in ("number", "clock"):
        return kind
    known = distinct_cells(cells).without(["", *GAP_WORDS])
    return ColumnKind("number", number=decide_number_form(known, csv.decimal, csv.thousands))


def plain_numbers(cells: "pd.Series[str]", kind: ColumnKind) -> "pd.Series[str]":
    """Return cells as plain numbers; a cell that cannot be read stays as it is."""
    written = canonical_cells(cells, kind)
    return written.where(written != "", cells)


@redacted_as("a regression target holds values that are not finite numbers")
def parse_quantities(cells: "pd.Series[str]", kind: ColumnKind, file: Path) -> NDArray[np.float64]:
    """Return the numbers of a target (N,); raise SetupError with the first cell that is none."""
    refuse_blank(cells, file)
    numbers = pd.to_numeric(plain_numbers(cells, kind), errors="coerce").astype(float)
    invalid = ~numbers.between(-sys.float_info.max, sys.float_info.max)
    if invalid.any():
        row = first_row(invalid)
        raise SetupError(
            f"{file}: {invalid.sum()} values of column '{cells.name}' are not finite numbers; "
            f"the first is '{cells.iloc[row - 1]}' (row {row}). Correct them, or set blank_targets: drop in "
            "competition.yaml to leave these rows out."
        )
    return np.asarray(numbers, dtype=np.float64)


@redacted_as("a target is blank in some rows")
def refuse_blank(cells: "pd.Series[str]", file: Path) -> None:
    """Raise SetupError for blank cells; the message names the first row."""
    blank = cells.str.strip() == ""
    if blank.any():
        row, count = first_row(blank), blank.sum()
        raise SetupError(
            f"{file}: the target '{cells.name}' is missing in {count} rows, first in row {row}; "
            "fill it in, or set blank_targets: drop in competition.yaml to leave these rows out."
        )
