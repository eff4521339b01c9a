"""Parsing of text cells into labels, label sets, rankings, masks, probabilities and values.

Every function raises SubmissionError that names the first invalid row.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from agent.competition.untrusted_csv import SubmissionError, TextColumn

MAX_PIXELS = 2**31 - 1  # per mask
SUM_TOLERANCE = 1e-3  # allowed rounding error of the sum of a row of probabilities


def parse_labels(column: TextColumn, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return class indices (N,)."""
    indices = _class_indices(column.text, classes)
    unknown = indices < 0
    if unknown.any():
        raise column.fault(int(unknown.argmax()) + 1, f"is not one of the {len(classes)} labels")
    return indices


def parse_label_sets(column: TextColumn, classes: Sequence[str]) -> csr_array:
    """Return label sets (N, C) from labels separated by blanks. A repeated label counts once."""
    indices, ends = _parse_label_lists(column, classes)
    shape = (len(column.text), len(classes))
    sets = csr_array((np.ones(len(indices), dtype=bool), indices, ends), shape=shape)
    sets.sum_duplicates()
    return sets


def parse_rankings(column: TextColumn, classes: Sequence[str], max_labels: int) -> npt.NDArray[np.int64]:
    """Return rankings (N, K) as class indices, best first, padded with -1.

    A repeated label is an error, since it could count as two hits.

    Args:
        column: cells with labels separated by blanks.
        classes: labels in class order, length C.
        max_labels: K, the most labels that a cell may name.
    """
    indices, ends = _parse_label_lists(column, classes)
    lengths = np.diff(ends)
    if (lengths > max_labels).any():
        row = int((lengths > max_labels).argmax())
        raise column.fault(row + 1, f"names {lengths[row]} labels; at most {max_labels} are allowed")
    rows = np.repeat(np.arange(len(lengths)), lengths)
    ranked = np.full((len(lengths), max_labels), -1, dtype=np.int64)
    ranked[rows, np.arange(len(indices)) - np.repeat(ends[:-1], lengths)] = indices
    ordered = np.sort(ranked, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if repeated.any():
        raise column.fault(int(repeated.argmax()) + 1, "names a label twice")
    return ranked


def parse_masks(column: TextColumn) -> csr_array:
    """Return masks (N, MAX_PIXELS) from run-length cells `start length start length ...`.

    Cells count pixels from 1; a blank cell is an empty mask. Entry (n, p) of the result is the length of the
    run of row n that starts at pixel p, counted from 0. The pixel order (Kaggle: down, then right) does not
    matter, since truth and prediction share one order.
    """
    words, ends = _split_words(column)
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
    for wrong, problem in (
        (beyond, "holds a run outside the image"),
        (tangled, "holds runs that overlap or are out of order"),
    ):
        if wrong.any():
            raise column.fault(int(row_of_run[wrong.argmax()]) + 1, problem)
    return csr_array((lengths, starts, ends), shape=(len(ends) - 1, MAX_PIXELS))


def _whole_numbers(
    words: pa.StringArray, ends: npt.NDArray[np.int64], column: TextColumn
) -> npt.NDArray[np.int64]:
    valid = pc.match_substring_regex(words, "^[0-9]{1,10}$").to_numpy(zero_copy_only=False)
    if not valid.all():
        row = int(np.searchsorted(ends, int(valid.argmin()), side="right"))
        raise column.fault(row, "is not a run-length mask: pairs of start and length, separated by blanks")
    numbers: npt.NDArray[np.int64] = words.cast(pa.int64()).to_numpy()
    return numbers


def _split_words(column: TextColumn) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Return the words of all cells (W,) and the offsets of each cell in them (N + 1,)."""
    parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column.text))
    split = parts.flatten()
    not_blank = pc.not_equal(split, "")  # a blank cell splits into one empty part
    before = np.concatenate([[0], np.cumsum(not_blank.to_numpy(zero_copy_only=False))])
    return split.filter(not_blank), before[parts.offsets.to_numpy()]


def _parse_label_lists(
    column: TextColumn, classes: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the class indices of all words (W,) and the offsets of each cell in them (N + 1,)."""
    names, ends = _split_words(column)
    indices = _class_indices(names, classes)
    unknown = np.flatnonzero(indices < 0)
    if unknown.size:
        row = int(np.searchsorted(ends, unknown[0], side="right"))
        name = names[int(unknown[0])].as_py()[:60]
        raise column.fault(row, f"holds {name!r}, which is not one of the {len(classes)} labels")
    return indices, ends


def parse_probabilities(columns: Sequence[TextColumn], sums_to_one: bool) -> npt.NDArray[np.float64]:
    """Return probabilities (N, C) within [0, 1].

    A single column is the probability of the second of two classes. With `sums_to_one`, a row whose sum is
    within `SUM_TOLERANCE` of 1 is divided by the sum; any other row is an error.
    """
    table = np.empty((len(columns[0].text), len(columns)))
    for index, column in enumerate(columns):
        table[:, index] = parse_numbers(column)
        outside = (table[:, index] < 0) | (table[:, index] > 1)
        if outside.any():
            raise column.fault(int(outside.argmax()) + 1, "is not a probability between 0 and 1")
    if len(columns) == 1:
        return np.hstack([1 - table, table])
    return _normalise_rows(table, columns[0].file) if sums_to_one else table


def _normalise_rows(table: npt.NDArray[np.float64], file: str) -> npt.NDArray[np.float64]:
    sums = table.sum(axis=1, keepdims=True)
    invalid = np.abs(sums[:, 0] - 1) > SUM_TOLERANCE
    if invalid.any():
        row = int(invalid.argmax())
        raise SubmissionError(
            f"{file}: row {row + 1}: the probabilities sum to {sums[row, 0]:.6g} instead of 1."
        )
    scaled: npt.NDArray[np.float64] = table / sums
    return scaled


def parse_values(columns: Sequence[TextColumn]) -> npt.NDArray[np.float64]:
    """Return the values of one target (N,) or of several targets (N, T)."""
    if len(columns) == 1:
        return parse_numbers(columns[0])
    return np.stack([parse_numbers(column) for column in columns], axis=1)


def parse_numbers(column: TextColumn) -> npt.NDArray[np.float64]:
    """Return finite floats (N,)."""
    try:
        found: npt.NDArray[np.float64] = column.text.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        row = next(row for row, cell in enumerate(column.text, 1) if not _is_number(cell))
        raise column.fault(row, "is not a number") from None
    infinite = ~np.isfinite(found)
    if infinite.any():
        raise column.fault(int(infinite.argmax()) + 1, "is not finite")
    return found


def _is_number(cell: pa.StringScalar) -> bool:
    try:
        cell.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _class_indices(names: pa.StringArray, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return class indices (N,), -1 for an unknown label."""
    indices = pc.index_in(names, value_set=pa.array(classes, pa.string()))
    found: npt.NDArray[np.int64] = indices.fill_null(-1).to_numpy().astype(np.int64)
    return found
