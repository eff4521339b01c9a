"""Training rows without a readable target, left out if the user says so."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.canonical.gaps import STRONG_GAP_WORDS
from agent.competition.labels import as_flag
from agent.competition.quantities import plain_numbers, quantity_kind
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import require_columns


def drop_bad_targets(
    spec: CompetitionSpec, table: pd.DataFrame, file: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with a readable target if the user wants the others left out, and a warning."""
    if spec.blank_targets != "drop":
        return table, ()
    require_columns(table, spec.targets, file)
    bad = np.zeros(len(table), dtype=bool)
    for name in spec.targets:
        bad |= _bad_cells(spec, table[name])
    if not bad.any():
        return table, ()
    rows = ", ".join(str(row + 1) for row in np.flatnonzero(bad)[:5]) + (", ..." if bad.sum() > 5 else "")
    names = ", ".join(f"'{name}'" for name in spec.targets)
    warning = f"{file.name}: {bad.sum()} rows without a valid target {names} are left out (rows {rows})."
    return table[~bad].reset_index(drop=True), (warning,)


def _bad_cells(spec: CompetitionSpec, cells: "pd.Series[str]") -> NDArray[np.bool_]:
    """Return which cells are no target. A blank set of labels and a blank mask are valid."""
    if spec.task == "regression":
        numbers = pd.to_numeric(plain_numbers(cells, quantity_kind(cells, spec.csv)), errors="coerce")
        return ~np.asarray(numbers.astype(float).between(-sys.float_info.max, sys.float_info.max))
    if spec.task == "classification":
        words = set(STRONG_GAP_WORDS) - set(spec.class_order or ())
        return np.asarray((cells.str.strip() == "") | cells.str.strip().isin(words))
    if spec.task == "multilabel" and len(spec.targets) > 1:
        return np.array([as_flag(cell) is None for cell in cells])
    return np.zeros(len(cells), dtype=bool)
