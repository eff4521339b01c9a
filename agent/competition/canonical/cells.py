"""Distinct cells of a column over all tables, so that a pattern reads every text only once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Spaces and minus signs beyond ASCII that spreadsheets and word processors write into numbers.
_SPACES, _MINUS_SIGNS = "[\u00a0\u2007\u2009\u202f]", "[\u2010-\u2014\u2212]"


@dataclass(frozen=True)
class DistinctCells:
    """Distinct trimmed cells (D,), and the number of rows of each."""

    texts: pa.StringArray
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def take(self, mask: NDArray[np.bool_]) -> "DistinctCells":
        """Return the marked cells."""
        return DistinctCells(self.texts.filter(pa.array(mask)), self.counts[mask])

    def without(self, words: Sequence[str]) -> "DistinctCells":
        """Return the cells that are none of the words."""
        known = pc.is_in(self.texts, value_set=pa.array(words, pa.string()))
        return self.take(~to_mask(known))


def distinct_cells(*columns: "pd.Series[str] | None") -> DistinctCells:
    """Return the distinct trimmed cells of the columns together. Columns that are None are skipped."""
    trimmed = [trim(column) for column in columns if column is not None]
    found = pa.chunked_array(trimmed, pa.string()).value_counts()
    texts = found.field("values")
    return DistinctCells(texts, found.field("counts").to_numpy(zero_copy_only=False).astype(np.int64))


def trim(cells: "pd.Series[str]") -> pa.StringArray:
    """Return cells (N,) without white space at both ends."""
    array = pa.array(cells, pa.string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return pc.utf8_trim_whitespace(pc.fill_null(array, ""))


def to_mask(array: pa.BooleanArray) -> NDArray[np.bool_]:
    """Return truth values (N,)."""
    mask: NDArray[np.bool_] = pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def matches(texts: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    """Return which texts match the whole pattern (RE2)."""
    return to_mask(pc.match_substring_regex(texts, f"^(?:{pattern})$"))


def in_ascii_marks(texts: pa.StringArray) -> pa.StringArray:
    """Return texts with plain spaces and minus signs."""
    texts = pc.replace_substring_regex(texts, _SPACES, " ")
    return pc.replace_substring_regex(texts, _MINUS_SIGNS, "-")


def translate(
    cells: "pd.Series[str]", canonical: Callable[[pa.StringArray], pa.StringArray]
) -> "pd.Series[str]":
    """Return cells whose distinct trimmed texts are translated by a function."""
    encoded = trim(cells).dictionary_encode()
    written = canonical(encoded.dictionary).take(encoded.indices)
    return pd.Series(written.to_pandas().to_numpy(), index=cells.index, name=cells.name, dtype=cells.dtype)
