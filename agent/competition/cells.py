"""Cells of text as labels, label sets, probabilities and values, with the first faulty row named."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from agent.competition.untrusted import SubmissionError, TextColumn

MAX_PIXELS = 2**31 - 1  # of one mask
SUM_TOLERANCE = 1e-3  # what rounding to a few digits may cost a row of probabilities


def labels(column: TextColumn, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Class indices (N,)."""
    indices = _class_indices(column.text, classes)
    unknown = indices < 0
    if unknown.any():
        raise column.fault(int(unknown.argmax()) + 1, f"is none of the {len(classes)} labels")
    return indices


def label_sets(column: TextColumn, classes: Sequence[str]) -> csr_array:
    """Sets (N, C) from labels separated by blanks; a blank cell is empty, a repeated label counts once."""
    indices, ends = _label_lists(column, classes)
    shape = (len(column.text), len(classes))
    sets = csr_array((np.ones(len(indices), dtype=bool), indices, ends), shape=shape)
    sets.sum_duplicates()
    return sets


def rankings(column: TextColumn, classes: Sequence[str], places: int) -> npt.NDArray[np.int64]:
    """Class indices (N, K) of at most so many different labels separated by blanks; -1 behind the last.

    A label that is named twice is a fault: it could count as two hits.
    """
    indices, ends = _label_lists(column, classes)
    lengths = np.diff(ends)
    if (lengths > places).any():
        row = int((lengths > places).argmax())
        raise column.fault(row + 1, f"names {lengths[row]} labels, more than {places}")
    rows = np.repeat(np.arange(len(lengths)), lengths)
    ranked = np.full((len(lengths), places), -1, dtype=np.int64)
    ranked[rows, np.arange(len(indices)) - np.repeat(ends[:-1], lengths)] = indices
    ordered = np.sort(ranked, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeated.any():
        raise column.fault(int(repeated.argmax()) + 1, "names a label twice")
    return ranked


def masks(column: TextColumn) -> csr_array:
    """Masks (N, MAX_PIXELS) from runs `start length start length ...`, pixels counted from 1; blank is empty.

    Entry (n, p) is the length of row n's run that begins at pixel p, counted from 0. Which way pixels are
    counted (Kaggle: down, then right) is the same for truth and prediction and does not matter.
    """
    words, ends = _parts(column)
    numbers = _whole_numbers(words, ends, column)
    odd = np.diff(ends) % 2 == 1
    if odd.any():
        raise column.fault(int(odd.argmax()) + 1, "holds a start without a length")
    starts, lengths, ends = numbers[::2] - 1, numbers[1::2], ends // 2
    row_of_run = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    follows = np.zeros(len(starts), dtype=bool)
    follows[1:] = row_of_run[1:] == row_of_run[:-1]
    beyond = (starts < 0) | (lengths < 1) | (starts + lengths > MAX_PIXELS)
    tangled = follows & (starts < np.concatenate([[0], (starts + lengths)[:-1]]))
    for wrong, problem in ((beyond, "holds a run outside the picture"), (tangled, "holds runs out of order")):
        if wrong.any():
            raise column.fault(int(row_of_run[wrong.argmax()]) + 1, problem)
    return csr_array((lengths, starts, ends), shape=(len(ends) - 1, MAX_PIXELS))


def _whole_numbers(
    words: pa.StringArray, ends: npt.NDArray[np.int64], column: TextColumn
) -> npt.NDArray[np.int64]:
    plain = pc.match_substring_regex(words, "^[0-9]{1,10}$").to_numpy(zero_copy_only=False)
    if not plain.all():
        row = int(np.searchsorted(ends, int(plain.argmin()), side="right"))
        raise column.fault(row, "holds something else than runs of pixels")
    numbers: npt.NDArray[np.int64] = words.cast(pa.int64()).to_numpy()
    return numbers


def _parts(column: TextColumn) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """All cells' words, cell after cell, and where each cell begins and the last ends."""
    parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column.text))
    split = parts.flatten()
    real = pc.not_equal(split, "")  # a blank cell splits into one empty part
    before = np.concatenate([[0], np.cumsum(real.to_numpy(zero_copy_only=False))])
    return split.filter(real), before[parts.offsets.to_numpy()]


def _label_lists(
    column: TextColumn, classes: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Class indices of all cells' labels, cell after cell, and where each cell begins and the last ends."""
    names, ends = _parts(column)
    indices = _class_indices(names, classes)
    unknown = np.flatnonzero(indices < 0)
    if unknown.size:
        row = int(np.searchsorted(ends, unknown[0], side="right"))
        name = names[int(unknown[0])].as_py()[:60]
        raise column.fault(row, f"holds {name!r}, which is none of the {len(classes)} labels")
    return indices, ends


def probabilities(columns: Sequence[TextColumn], sums_to_one: bool) -> npt.NDArray[np.float64]:
    """Probabilities (N, C) within [0, 1]; a single column is that of the second of two classes.

    With `sums_to_one`, rows within `SUM_TOLERANCE` of 1 are divided by their sum and others refused.
    """
    table = np.empty((len(columns[0].text), len(columns)))
    for index, column in enumerate(columns):
        table[:, index] = numbers(column)
        outside = (table[:, index] < 0) | (table[:, index] > 1)
        if outside.any():
            raise column.fault(int(outside.argmax()) + 1, "is no probability between 0 and 1")
    if len(columns) == 1:
        return np.hstack([1 - table, table])
    return _as_distributions(table, columns[0].file) if sums_to_one else table


def _as_distributions(table: npt.NDArray[np.float64], file: str) -> npt.NDArray[np.float64]:
    sums = table.sum(axis=1, keepdims=True)
    astray = np.abs(sums[:, 0] - 1) > SUM_TOLERANCE
    if astray.any():
        row = int(astray.argmax())
        raise SubmissionError(
            f"{file}: row {row + 1}: its probabilities sum to {sums[row, 0]:.6g} instead of 1."
        )
    scaled: npt.NDArray[np.float64] = table / sums
    return scaled


def values(columns: Sequence[TextColumn]) -> npt.NDArray[np.float64]:
    """Values (N,) of one target, (N, T) of several."""
    if len(columns) == 1:
        return numbers(columns[0])
    return np.stack([numbers(column) for column in columns], axis=1)


def numbers(column: TextColumn) -> npt.NDArray[np.float64]:
    """Finite floats (N,)."""
    try:
        found: npt.NDArray[np.float64] = column.text.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        row = next(row for row, cell in enumerate(column.text, 1) if not _is_number(cell))
        raise column.fault(row, "is no number") from None
    broken = ~np.isfinite(found)
    if broken.any():
        raise column.fault(int(broken.argmax()) + 1, "is not finite")
    return found


def _is_number(cell: pa.StringScalar) -> bool:
    try:
        cell.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _class_indices(names: pa.StringArray, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Class indices (N,), -1 for a label outside the table."""
    indices = pc.index_in(names, value_set=pa.array(classes, pa.string()))
    found: npt.NDArray[np.int64] = indices.fill_null(-1).to_numpy().astype(np.int64)
    return found
