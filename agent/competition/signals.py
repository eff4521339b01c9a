"""Cells that hold a signal: numbers in the order of time, parted by blanks, as many as a row has."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.errors import SetupError

_ROWS_AT_ONCE = 5_000  # long signals take many times their text in memory
_SHOWN = 40  # characters of a faulty sample


@dataclass(frozen=True)
class Signals:
    """The samples of N rows, row after row; row n has those from `ends[n]` up to `ends[n + 1]`."""

    samples: NDArray[np.float64]
    ends: NDArray[np.int64]  # (N + 1,)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each row (N,); 0 where the cell is blank."""
        return np.diff(self.ends)


def read_signals(values: "pd.Series[str]", file: Path) -> Iterator[Signals]:
    """The signals of a table's column in pieces of rows, in their order; `file` is the table's.

    Raises:
        SetupError: a cell that holds something else than finite numbers parted by blanks, with its row.
    """
    for start in range(0, len(values), _ROWS_AT_ONCE):
        piece = pa.array(values.iloc[start : start + _ROWS_AT_ONCE].tolist(), pa.string())
        # A blank in front or behind would part off an empty word.
        parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(piece))
        words = parts.flatten()
        real = pc.not_equal(words, "")  # a blank cell splits into one empty word
        before = np.concatenate([[0], np.cumsum(real.to_numpy(zero_copy_only=False))])
        ends: NDArray[np.int64] = before[parts.offsets.to_numpy()]
        yield Signals(_numbers(words.filter(real), ends, start, values, file), ends)


def require_signals(values: "pd.Series[str]", file: Path) -> None:
    """Raises SetupError, with its row, for the first cell of a table's column that is no signal."""
    if (blank := values.str.strip() == "").all():
        raise SetupError(f"{file}: column '{values.name}' holds no signal: all {len(blank)} cells are blank.")
    for _ in read_signals(values, file):
        pass


def is_signal(cell: str) -> bool:
    """Whether a cell that is not blank reads as a signal."""
    words = cell.split()
    return bool(words) and all(math.isfinite(_number(word)) for word in words)


def _numbers(
    words: pa.StringArray, ends: NDArray[np.int64], start: int, values: "pd.Series[str]", file: Path
) -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = words.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:  # Arrow reads no '+5', which is a number all the same
        numbers = np.array([_number(word) for word in words.to_pylist()])
    finite = np.isfinite(numbers)
    if finite.all():
        return numbers
    position = int((~finite).argmax())
    row = start + int(np.searchsorted(ends, position, side="right"))
    raise SetupError(
        f"{file}: row {row}, column '{values.name}': {words[position].as_py()[:_SHOWN]!r} is no finite "
        "number; a signal is numbers parted by blanks."
    )


def _number(word: str) -> float:
    """NaN for what is no number; Python's underscores are for programs."""
    try:
        return math.nan if "_" in word else float(word)
    except ValueError:
        return math.nan
