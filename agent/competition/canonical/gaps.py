"""Words that people and programs write for a missing value."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from agent.competition.canonical.cells import distinct_cells, to_mask, trim

# What pandas, R, Excel, SQL and SAS write for a gap. Such a word is hardly ever a level or a class.
STRONG_GAP_WORDS = (
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "#NA",
    "#N/A N/A",
    "<NA>",
    "NaN",
    "nan",
    "NAN",
    "-nan",
    "-NaN",
    "1.#QNAN",
    "1.#IND",
    "-1.#IND",
    "NaT",
    "NULL",
    "null",
    "Null",
    "\\N",
    "?",
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
)
# Words that mean a gap among numbers and dates, but may be a level among other words.
WEAK_GAP_WORDS = (
    "na",
    "Na",
    "None",
    "none",
    "NONE",
    "nil",
    "Nil",
    "-",
    "--",
    "---",
    "\u2013",
    "\u2014",
    ".",
    "..",
    "...",
    "??",
    "*",
    "missing",
    "Missing",
    "MISSING",
    "unknown",
    "Unknown",
    "UNKNOWN",
    "undefined",
    "not available",
    "Not available",
    "Not Available",
    "n.a.",
    "N.A.",
    "n. a.",
    "k.A.",
    "k. A.",
)
GAP_WORDS = (*STRONG_GAP_WORDS, *WEAK_GAP_WORDS)


def gap_words_in(cells: "pd.Series[str]", words: Sequence[str] = GAP_WORDS) -> tuple[str, ...]:
    """Return the gap words that occur, sorted. Blank cells are gaps without a word."""
    found = set(distinct_cells(cells).texts.to_pylist())
    return tuple(sorted(found.intersection(words)))


def mark_gaps(cells: "pd.Series[str]", words: Sequence[str] = GAP_WORDS) -> "pd.Series[bool]":
    """Return which cells are blank or one of the words."""
    texts = trim(cells)
    mask = to_mask(pc.is_in(texts, value_set=pa.array(["", *words], pa.string())))
    return pd.Series(mask, index=cells.index, name=cells.name)


def blank_gaps(cells: "pd.Series[str]", words: Sequence[str] = GAP_WORDS) -> "pd.Series[str]":
    """Return the cells with '' for each of the words and for white space; other cells stay as they are."""
    return cells.mask(mark_gaps(cells, words), "")
