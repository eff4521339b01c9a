"""The target columns of a training table: numbers become plain, and missing answers are named or left out.

A regression target is missing where its cell is blank, a gap word or no finite number. A class is missing where
its cell is blank or a word that programs write for gaps (NA, NaN, null), unless the classes are listed with it.
Words such as `none` stay classes, and a warning names them.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.canonical.gaps import STRONG_GAP_WORDS, WEAK_GAP_WORDS, gap_words_in, mark_gaps
from agent.competition.canonical.kinds import canonical_cells, column_kind
from agent.competition.canonical.sentences import shorten
from agent.competition.spec import CompetitionSpec, CsvForm
from agent.core.errors import SetupError, redacted_as

_MIN_ROWS_LEFT = 2


def canonical_targets(
    spec: CompetitionSpec,
    table: pd.DataFrame,
    file: Path,
    form: CsvForm,
    listed: Collection[str] = (),
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the table with canonical targets, and warnings.

    Rows without an answer are left out with `blank_targets: drop`. Targets that are no numbers at all stay as
    they are.

    Args:
        spec: the competition.
        table: the training table, all cells as text.
        file: its file, for messages.
        form: the form of the numbers of the file.
        listed: classes that the user lists; such a class is never a gap.

    Raises:
        SetupError: an answer is missing or is no number; the message names the first row.
    """
    if spec.task == "regression":
        table = canonical_number_targets(spec, table, form)
        missing = np.any([_no_numbers(table[name]) for name in spec.targets], axis=0)
    elif spec.task == "classification" and len(spec.targets) == 1:
        words = [word for word in STRONG_GAP_WORDS if word not in listed]
        missing = mark_gaps(table[spec.targets[0]], words).to_numpy()
    else:
        return table, ()
    warnings = _about_weak_words(spec, table, listed)
    if not missing.any():
        return table, warnings
    if spec.blank_targets == "refuse" or (~missing).sum() < _MIN_ROWS_LEFT:
        _refuse(spec, table, file, missing)
    row = int(missing.argmax()) + 1
    dropped = (
        f"{int(missing.sum())} training rows without a valid target are left out, first row {row} "
        "(blank_targets: drop)."
    )
    return table[~missing].reset_index(drop=True), (dropped, *warnings)


def canonical_number_targets(spec: CompetitionSpec, table: pd.DataFrame, form: CsvForm) -> pd.DataFrame:
    """Return the table with the targets of a regression as plain numbers.

    Gap words become blank. Cells that are no numbers stay as they are, so that a message can name them.
    """
    table = table.copy()
    for name in spec.targets:
        kind = column_kind(table[name], None, name, csv=form, role="number")
        if kind.kind == "number":
            read = canonical_cells(table[name], kind)
            listed = tuple(word for word in kind.gap_words if word not in kind.doubtful_gap_words)
            table[name] = read.where((read != "") | mark_gaps(table[name], listed), table[name])
    return table


@redacted_as("a target is missing or invalid in some rows")
def _refuse(spec: CompetitionSpec, table: pd.DataFrame, file: Path, missing: NDArray[np.bool_]) -> None:
    """Raise SetupError that names the first row without an answer."""
    for name in spec.targets:
        cells = table[name]
        lost = _no_numbers(cells) if spec.task == "regression" else missing
        if not lost.any():
            continue
        blank = lost & mark_gaps(cells).to_numpy()
        row = int((blank if blank.any() else lost).argmax()) + 1
        cell = str(cells.iloc[row - 1]).strip()
        if not blank.any():
            raise SetupError(
                f"{file}: {int(lost.sum())} values of column '{name}' are not finite numbers; the first is "
                f"'{shorten(cell)}' (row {row}). Correct them, or set blank_targets: drop in "
                "competition.yaml to leave these rows out."
            )
        word = f" ('{cell}')" if cell else ""
        listed = ""
        if cell and spec.task == "classification":
            listed = f" If {cell} is a class, list all classes in class_order."
        raise SetupError(
            f"{file}: the target '{name}' is missing in {int(blank.sum())} rows, first in row {row}{word}. "
            "Fill these cells, or set blank_targets: drop in competition.yaml to leave the rows out." + listed
        )


def _no_numbers(cells: "pd.Series[str]") -> NDArray[np.bool_]:
    """Return which cells (N,) are no finite numbers."""
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    return ~np.isfinite(numbers.to_numpy())


def _about_weak_words(spec: CompetitionSpec, table: pd.DataFrame, listed: Collection[str]) -> tuple[str, ...]:
    """Return a warning about classes whose names often mean a missing value."""
    if spec.task != "classification":
        return ()
    name = spec.targets[0]
    words = [word for word in gap_words_in(table[name], WEAK_GAP_WORDS) if word not in listed]
    if not words:
        return ()
    counts = ", ".join(f"'{word}' ({int((table[name].str.strip() == word).sum())} rows)" for word in words)
    return (
        f"The target '{name}' has the class {counts}. If it means a missing answer, blank these cells and set "
        "blank_targets: drop in competition.yaml.",
    )
