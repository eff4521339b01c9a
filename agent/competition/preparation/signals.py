"""Parsing of signal cells: numbers in time order, separated by blanks, any number per row."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.core.errors import SetupError

_CHUNK_ROWS = 5_000  # parsed signals take many times the memory of their text
_MAX_SHOWN = 40  # characters of an invalid sample in messages


@dataclass(frozen=True)
class Signals:
    """The samples of N rows, concatenated. Row n holds `samples[ends[n] : ends[n + 1]]`."""

    samples: NDArray[np.float64]
    ends: NDArray[np.int64]  # (N + 1,)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of samples of each row (N,); 0 for a blank cell."""
        return np.diff(self.ends)


def read_signals(values: "pd.Series[str]", file: Path) -> Iterator[Signals]:
    """Yield the signals of a column in chunks of rows.

    Args:
        values: the column.
        file: the file of the table, for messages.

    Raises:
        SetupError: a cell does not hold finite numbers separated by blanks. The message names the row.
    """
    for start in range(0, len(values), _CHUNK_ROWS):
        chunk = pa.array(values.iloc[start : start + _CHUNK_ROWS].tolist(), pa.string())
        # A leading or trailing blank would create an empty word.
        parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(chunk))
        words = parts.flatten()
        not_blank = pc.not_equal(words, "")  # a blank cell splits into one empty word
        before = np.concatenate([[0], np.cumsum(not_blank.to_numpy(zero_copy_only=False))])
        ends: NDArray[np.int64] = before[parts.offsets.to_numpy()]
        yield Signals(_numbers(words.filter(not_blank), ends, start, values, file), ends)


def require_signals(values: "pd.Series[str]", file: Path) -> None:
    """Raise SetupError with the row of the first cell that is not a signal."""
    if (blank := values.str.strip() == "").all():
        raise SetupError(
            f"{file}: column '{values.name}' holds no signals: all {len(blank)} cells are blank."
        )
    for _ in read_signals(values, file):
        pass


def is_signal(cell: str) -> bool:
    """Return whether a cell holds a signal."""
    words = cell.split()
    return bool(words) and all(math.isfinite(_number(word)) for word in words)


def _numbers(
    words: pa.StringArray, ends: NDArray[np.int64], start: int, values: "pd.Series[str]", file: Path
) -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = words.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:  # Arrow rejects '+5', which is a number
        numbers = np.array([_number(word) for word in words.to_pylist()])
    finite = np.isfinite(numbers)
    if finite.all():
        return numbers
    position = int((~finite).argmax())
    row = start + int(np.searchsorted(ends, position, side="right"))
    raise SetupError(
        f"{file}: row {row}, column '{values.name}': {words[position].as_py()[:_MAX_SHOWN]!r} is not "
        "a finite number; write a signal as numbers separated by blanks."
    )


def _number(word: str) -> float:
    """Return the number, or NaN if the word is not a number. Rejects underscores (1_000)."""
    try:
        return math.nan if "_" in word else float(word)
    except ValueError:
        return math.nan
