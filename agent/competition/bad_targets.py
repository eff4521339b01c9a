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
from agent.competition.quantities import DROP_ADVICE, plain_numbers, quantity_kind
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import first_row, require_columns
from agent.competition.target_views import target_views
from agent.core.errors import SetupError, redacted_as
from agent.core.format import listed


def drop_bad_targets(
    spec: CompetitionSpec, table: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with a readable target if the user wants the others left out, and a warning."""
    if spec.blank_targets != "drop":
        return table, ()
    file = folder / (spec.train_labels or spec.train)
    require_columns(table, spec.targets, file)
    bad = np.zeros(len(table), dtype=bool)
    for view in target_views(spec):
        given_classes = listed_classes(view, folder)
        for name in view.targets:
            bad |= _bad_cells(view, table[name], given_classes)
    if not bad.any():
        return table, ()
    rows = listed([str(row + 1) for row in np.flatnonzero(bad)], 5)
    names = ", ".join(f"'{name}'" for name in spec.targets)
    warning = (
        f"{file.name}: the row without a valid target {names} is left out (row {rows})."
        if bad.sum() == 1
        else f"{file.name}: {bad.sum()} rows without a valid target {names} are left out (rows {rows})."
    )
    return table[~bad].reset_index(drop=True), (warning,)


@redacted_as("a class column holds words for missing values")
def refuse_gap_words(cells: "pd.Series[str]", file: Path, given_classes: Collection[str]) -> tuple[str, ...]:
    """Return warnings about classes that may be gaps.

    Args:
        cells: the classes of the training rows.
        file: their file, for messages.
        given_classes: classes that the user lists; such a class is never a gap.

    Raises:
        SetupError: a class is a word that programs write for gaps. The message names the first row.
    """
    gaps = mark_gaps(cells, _gap_words(given_classes))
    if gaps.any():
        row = first_row(gaps)
        word = cells.iloc[row - 1].strip()
        raise SetupError(
            f"{file}: the target '{cells.name}' is '{word}' in {gaps.sum()} rows, first in row {row}, which "
            f"means a missing answer. Fill it in, {DROP_ADVICE} to leave these rows out, or list all classes "
            f"in class_order if '{word}' is one of them."
        )
    words = [word for word in gap_words_in(cells, WEAK_GAP_WORDS) if word not in given_classes]
    if not words:
        return ()
    counts = ", ".join(f"'{word}' ({int((cells.str.strip() == word).sum())} rows)" for word in words)
    return (
        f"The target '{cells.name}' has the class {counts}. If it means a missing answer, blank these cells "
        f"and {DROP_ADVICE}.",
    )


def listed_classes(spec: CompetitionSpec, folder: Path) -> set[str]:
    """Return the classes that the user lists in class_order or in the label table."""
    return {*(spec.class_order or ()), *(read_classes(spec, folder) or ())}


def _gap_words(given_classes: Collection[str]) -> list[str]:
    return [word for word in STRONG_GAP_WORDS if word not in given_classes]


def _bad_cells(
    spec: CompetitionSpec, cells: "pd.Series[str]", given_classes: Collection[str]
) -> NDArray[np.bool_]:
    """Return which cells are no target. A blank set of labels and a blank mask are valid."""
    if spec.task == "regression":
        numbers = pd.to_numeric(plain_numbers(cells, quantity_kind(cells, spec.csv)), errors="coerce")
        return ~np.asarray(numbers.astype(float).between(-sys.float_info.max, sys.float_info.max))
    if spec.task == "classification":
        return mark_gaps(cells, _gap_words(given_classes)).to_numpy()
    if spec.task == "multilabel" and len(spec.targets) > 1:
        return np.array([as_flag(cell) is None for cell in cells])
    return np.zeros(len(cells), dtype=bool)
