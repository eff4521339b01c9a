"""Training rows without a readable target: named, or left out if the user says so.

A class is missing where its cell is blank or a word that programs write for gaps (NA, NaN, null), unless
`class_order` or the label table lists it. Words such as `none` are classes.
"""

import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.canonical.gaps import STRONG_GAP_WORDS, WEAK_GAP_WORDS, gap_words_in, mark_gaps
from agent.competition.class_order import read_classes
from agent.competition.labels import as_flag
from agent.competition.quantities import plain_numbers, quantity_kind
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import first_row, require_columns
from agent.core.errors import SetupError, redacted_as


def drop_bad_targets(
    spec: CompetitionSpec, table: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with a readable target if the user wants the others left out, and a warning."""
    if spec.blank_targets != "drop":
        return table, ()
    file = folder / (spec.train_labels or spec.train)
    require_columns(table, spec.targets, file)
    bad = np.zeros(len(table), dtype=bool)
    listed = listed_classes(spec, folder)
    for name in spec.targets:
        bad |= _bad_cells(spec, table[name], listed)
    if not bad.any():
        return table, ()
    rows = ", ".join(str(row + 1) for row in np.flatnonzero(bad)[:5]) + (", ..." if bad.sum() > 5 else "")
    names = ", ".join(f"'{name}'" for name in spec.targets)
    warning = f"{file.name}: {bad.sum()} rows without a valid target {names} are left out (rows {rows})."
    return table[~bad].reset_index(drop=True), (warning,)


@redacted_as("a class column holds words for missing values")
def refuse_gap_words(cells: "pd.Series[str]", file: Path, listed: Collection[str]) -> tuple[str, ...]:
    """Return warnings about classes that may be gaps.

    Args:
        cells: the classes of the training rows.
        file: their file, for messages.
        listed: classes that the user lists; such a class is never a gap.

    Raises:
        SetupError: a class is a word that programs write for gaps. The message names the first row.
    """
    gaps = mark_gaps(cells, _gap_words(listed))
    if gaps.any():
        row = first_row(gaps)
        word = cells.iloc[row - 1].strip()
        raise SetupError(
            f"{file}: the target '{cells.name}' is '{word}' in {gaps.sum()} rows, first in row {row}, which "
            "means a missing answer. Fill it in, set blank_targets: drop in competition.yaml to leave these "
            f"rows out, or list all classes in class_order if '{word}' is one of them."
        )
    words = [word for word in gap_words_in(cells, WEAK_GAP_WORDS) if word not in listed]
    if not words:
        return ()
    counts = ", ".join(f"'{word}' ({int((cells.str.strip() == word).sum())} rows)" for word in words)
    return (
        f"The target '{cells.name}' has the class {counts}. If it means a missing answer, blank these cells "
        "and set blank_targets: drop in competition.yaml.",
    )


def listed_classes(spec: CompetitionSpec, folder: Path) -> set[str]:
    """Return the classes that the user lists in class_order or in the label table."""
    return {*(spec.class_order or ()), *(read_classes(spec, folder) or ())}


def _gap_words(listed: Collection[str]) -> list[str]:
    return [word for word in STRONG_GAP_WORDS if word not in listed]


def _bad_cells(spec: CompetitionSpec, cells: "pd.Series[str]", listed: Collection[str]) -> NDArray[np.bool_]:
    """Return which cells are no target. A blank set of labels and a blank mask are valid."""
    if spec.task == "regression":
        numbers = pd.to_numeric(plain_numbers(cells, quantity_kind(cells, spec.csv)), errors="coerce")
        return ~np.asarray(numbers.astype(float).between(-sys.float_info.max, sys.float_info.max))
    if spec.task == "classification":
        return mark_gaps(cells, _gap_words(listed)).to_numpy()
    if spec.task == "multilabel" and len(spec.targets) > 1:
        return np.array([as_flag(cell) is None for cell in cells])
    return np.zeros(len(cells), dtype=bool)
