"""Times of day and durations as numbers: minutes, or seconds where a cell of the column has seconds.

`08:15`, `8:15 pm`, `8 pm`, `01:22:10`, `1 day, 02:00:00`, `2h 50m` and `08h15` are read.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, in_ascii_marks, to_mask, translate

_CLOCK = (
    r"^(?P<sign>[+-])?(?:(?P<days>[0-9]+) ?(?:days?|d),? ?)?(?P<first>[0-9]{1,4})"
    r"(?::(?P<second>[0-9]{2})(?::(?P<third>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?$"
)
# 2h 50m, 19 hrs, 25 min 30 s and 08h15.
_WORDS = (
    r"^(?:(?P<first>[0-9]{1,4}) ?(?:h|hr|hrs|hours?|Std\.?))?"
    r"(?:,? ?(?P<second>[0-9]{1,4}) ?(?:m|mins?|minutes?|Min\.?))?"
    r"(?:,? ?(?P<third>[0-9]{1,4}) ?(?:s|secs?|seconds?|Sek\.?))?$"
)
_FRENCH, _WITH_COLON = r"^([0-9]{1,2})[hH]([0-9]{2})$", r"\1:\2"
_FIELDS = ("sign", "days", "first", "second", "third", "fraction", "half")


@dataclass(frozen=True)
class ClockForm:
    """How the times of a column are written, and the unit of their numbers."""

    unit: Literal["minutes", "seconds"] = "minutes"
    two_parts: Literal["hours:minutes", "minutes:seconds"] = "hours:minutes"


def decide_clock_form(cells: DistinctCells) -> ClockForm:
    """Return the unit, and what `58:40` means in this column.

    Beside cells with hours, minutes and seconds, cells of two parts are minutes and seconds if one of them
    starts with a number above 23.
    """
    fields, _, has_words = _read_fields(cells.texts)
    has_third = fields["third"] != ""
    if not has_third.any():
        return ClockForm()
    late = ~has_third & ~has_words & (_numbers(fields["first"]) > 23)
    return ClockForm("seconds", "minutes:seconds" if late.any() else "hours:minutes")


def are_clock(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Return which trimmed texts are times of day or durations."""
    read: NDArray[np.bool_] = canonical_clock(texts, ClockForm()).to_numpy(zero_copy_only=False) != ""
    return read


def parse_clock(cells: "pd.Series[str]", form: ClockForm) -> "pd.Series[str]":
    """Return the cells as numbers in the unit of the form; '' for each cell that is no time."""
    return translate(cells, lambda texts: canonical_clock(texts, form))


def canonical_clock(texts: pa.StringArray, form: ClockForm) -> pa.StringArray:
    """Return trimmed texts (N,) as numbers; '' for each text that is no time."""
    fields, parsed, has_words = _read_fields(texts)
    first, second, third = (_numbers(fields[name]) for name in ("first", "second", "third"))
    half = np.array([text[:1].lower() for text in fields["half"]], dtype=object)
    halved = half != ""
    valid = parsed & (has_words | ((second < 60) & (third < 60)))
    valid &= ~halved | ((first >= 1) & (first <= 12))
    valid &= has_words | halved | (fields["second"] != "")
    hours = np.where(halved, first % 12 + 12 * (half == "p"), first)
    seconds = hours * 3600 + second * 60 + third
    if form.two_parts == "minutes:seconds":
        seconds = np.where((fields["third"] != "") | has_words, seconds, first * 60 + second)
    fraction = np.array([float(f"0.{digits}") if digits else 0.0 for digits in fields["fraction"]])
    seconds = seconds + 86400 * _numbers(fields["days"]) + fraction
    signed = np.where(fields["sign"] == "-", -seconds, seconds) / (60 if form.unit == "minutes" else 1)
    written = [np.format_float_positional(number, trim="-") for number in signed]
    return pa.array([text if good else "" for text, good in zip(written, valid, strict=True)], pa.string())


def _read_fields(
    texts: pa.StringArray,
) -> tuple[dict[str, NDArray[np.object_]], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the parts of texts (N,) by name, which texts are read, and which are written in words."""
    plain = pc.replace_substring_regex(in_ascii_marks(texts), _FRENCH, _WITH_COLON)
    clock, words = pc.extract_regex(plain, _CLOCK), pc.extract_regex(plain, _WORDS)
    parsed = to_mask(pc.is_valid(clock))
    has_words = ~parsed & to_mask(pc.is_valid(words)) & to_mask(pc.not_equal(texts, ""))
    fields = {}
    for name in _FIELDS:
        found = pc.struct_field(clock, name)
        if name in ("first", "second", "third"):
            found = pc.if_else(pa.array(has_words), pc.struct_field(words, name), found)
        fields[name] = pc.fill_null(found, "").to_numpy(zero_copy_only=False)
    return fields, parsed | has_words, has_words


def _numbers(texts: NDArray[np.object_]) -> NDArray[np.float64]:
    return np.where(texts == "", "0", texts).astype(np.float64)
