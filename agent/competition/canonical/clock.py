"""Times of day and durations as numbers: minutes, or seconds where a cell of the column has seconds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, in_ascii_marks, translate

_CLOCK = (
    r"^(?P<sign>[+-])?(?:(?P<days>[0-9]+) ?(?:days?|d),? ?)?(?P<first>[0-9]{1,4}):(?P<second>[0-9]{2})"
    r"(?::(?P<third>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)? ?(?P<half>[AaPp]\.?[Mm]\.?)?$"
)


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
    fields = pc.extract_regex(in_ascii_marks(cells.texts), _CLOCK)
    third = pc.fill_null(pc.struct_field(fields, "third"), "").to_numpy(zero_copy_only=False)
    first = _numbers(fields, "first")
    if not (third != "").any():
        return ClockForm()
    late = (third == "") & (first > 23)
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
    fields = pc.extract_regex(in_ascii_marks(texts), _CLOCK)
    parsed = pc.is_valid(fields).to_numpy(zero_copy_only=False)
    first, second, third = (_numbers(fields, name) for name in ("first", "second", "third"))
    half = pc.utf8_lower(pc.fill_null(pc.struct_field(fields, "half"), "")).to_numpy(zero_copy_only=False)
    halved = half != ""
    afternoon = np.array([text.startswith("p") for text in half], dtype=bool)
    valid = parsed & (second < 60) & (third < 60) & (~halved | ((first >= 1) & (first <= 12)))
    hours = np.where(halved, first % 12 + 12 * afternoon, first)
    has_third = pc.fill_null(pc.struct_field(fields, "third"), "").to_numpy(zero_copy_only=False) != ""
    seconds = hours * 3600 + second * 60 + third
    if form.two_parts == "minutes:seconds":
        seconds = np.where(has_third, seconds, first * 60 + second)
    fraction = pc.fill_null(pc.struct_field(fields, "fraction"), "")
    digits = fraction.to_numpy(zero_copy_only=False)
    seconds = (
        seconds + 86400 * _numbers(fields, "days") + np.array([float(f"0.{d}") if d else 0.0 for d in digits])
    )
    sign = pc.fill_null(pc.struct_field(fields, "sign"), "").to_numpy(zero_copy_only=False)
    numbers = np.where(sign == "-", -seconds, seconds) / (60 if form.unit == "minutes" else 1)
    written = [np.format_float_positional(number, trim="-") for number in numbers]
    return pa.array([text if good else "" for text, good in zip(written, valid, strict=True)], pa.string())


def _numbers(fields: pa.StructArray, name: str) -> NDArray[np.float64]:
    text = pc.fill_null(pc.struct_field(fields, name), "")
    text = pc.if_else(pc.equal(text, ""), "0", text)
    numbers: NDArray[np.float64] = text.cast(pa.float64()).to_numpy()
    return numbers
