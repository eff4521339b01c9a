"""Numbers as people write them: decimal commas, groups of thousands, currencies, percent and units.

The form is decided over all cells of a column. `12 %` becomes 12, `(3.5)` becomes -3.5, and amounts and
quantities lose their currency or unit. Plain numbers stay as they are.
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, in_ascii_marks, matches, translate

Mark = Literal[".", ","]

PLAIN_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_THOUSANDS = (None, ",", ".", " ", "'")
_MOST_GROUPS = 6  # three digits each; longer lists are signals
_CURRENCY = (
    r"(?:[A-Z]{0,2}\p{Sc}|(?i:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|"
    r"RUB|TRY|SGD|HKD|KRW|Euro|Dollars?|kr\.?|Rs\.?|Fr\.?|z\x{0142}|K\x{010d}))"
)
_BODY = r"[0-9][0-9., '\x{2019}]*[0-9]|[0-9]+[.,]?|[.,][0-9]+"
_UNIT = r"[\p{L}\x{b0}\x{b5}][\p{L}\p{M}0-9\x{b2}\x{b3}\x{b0}/.]{0,14}"
_DRESSED = (
    r"^(?P<open>\()? ?(?P<sign>[+-])? ?(?P<before>" + _CURRENCY + r")? ?(?P<sign_after>[+-])? ?"
    r"(?P<body>" + _BODY + r")(?P<power>[eE][+-]?[0-9]+)?(?P<space> ?)"
    r"(?:(?P<percent>%)|(?P<after>" + _CURRENCY + r")|(?P<unit>" + _UNIT + r"))?(?P<late>-)? ?(?P<close>\))?$"
)
_KNOWN_UNIT = re.compile(
    r"[kcmdµn]?m[23²³]?|km/h|kmh|kph|mph|m/s|[kmµ]?g|t|tons?|lbs?|oz|[mcd]?l|hl|gal|°[CF]?|[kmM]?W|[km]?Wh|[km]?V|[km]?A|"
    r"[kMG]?Hz|[kMGT]i?B|hp|bhp|PS|cc|kmpl|mpg|ft|ft2|sqft|sqm|in|inch|inches|mi|miles?|acres?|ha|"
    r"ms|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?|yrs?|kcal|cal|k?J|bar|h?Pa|ppm|px|pcs|"
    r"Stk\.?|Tage?n?|Stunden?|Jahre?n?|Monate?n?",
    re.IGNORECASE,
)
_MIN_DISTINCT_WITH_UNKNOWN_UNIT = 3


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written."""

    decimal: Mark = "."
    thousands: str | None = None
    percent: bool = False
    currencies: tuple[str, ...] = ()
    unit: str | None = None
    is_ambiguous: bool = False
    """Whether `1,234` may be 1.234 as well as 1234: no cell of the column decides."""

    @property
    def is_plain(self) -> bool:
        """Return whether the numbers are canonical already."""
        return self == NumberForm()


def decide_number_form(
    cells: DistinctCells, decimal: Mark | None = None, thousands: str | None = None
) -> NumberForm:
    """Return the form that reads most cells.

    Args:
        cells: cells of all tables, without gaps.
        decimal: the decimal mark of the user's tables, if known; it decides where cells do not.
        thousands: the mark between groups of three digits, if known.
    """
    dressed = cells.take(~matches(cells.texts, PLAIN_NUMBER))
    parts = _Parts.of(dressed.texts)
    plain = cells.take(matches(cells.texts, PLAIN_NUMBER))
    body = pa.concat_arrays([parts.body, pc.replace_substring_regex(plain.texts, r"^[+-]|[eE].*$", "")])
    counts = np.concatenate([dressed.counts * parts.is_number, plain.counts])
    forms = _forms(decimal, thousands)
    read = [int(counts[matches(body, _body_pattern(*form))].sum()) for form in forms]
    best = forms[int(np.argmax(read))]
    ties = {form for form, rows in zip(forms, read, strict=True) if rows == max(read)}
    unit = parts.usual_unit(dressed.counts)
    return NumberForm(
        decimal=best[0],
        thousands=best[1],
        percent=bool(parts.percent.any()),
        currencies=parts.currencies,
        unit=unit,
        is_ambiguous=decimal is None and best == (".", ",") and (",", None) in ties,
    )


def parse_numbers(cells: "pd.Series[str]", form: NumberForm) -> "pd.Series[str]":
    """Return the cells as plain numbers; '' for each cell that is no number in this form."""
    return translate(cells, lambda texts: canonical_numbers(texts, form))


def canonical_numbers(texts: pa.StringArray, form: NumberForm) -> pa.StringArray:
    """Return trimmed texts (N,) as plain numbers; '' for each text that is no number in this form."""
    plain = matches(texts, PLAIN_NUMBER)
    if form.decimal == "," and form.thousands == ".":
        plain &= ~np.asarray(pc.match_substring(texts, ".").to_numpy(zero_copy_only=False), dtype=bool)
    if plain.all():
        return texts
    parts = _Parts.of(texts)
    body = parts.body
    strict = matches(body, _body_pattern(form.decimal, form.thousands))
    other: Mark = "," if form.decimal == "." else "."
    lenient = ~strict & (form.thousands != other) & matches(body, _lenient_pattern(other))
    if form.thousands is not None:
        marks = "['\u2019]" if form.thousands == "'" else re.escape(form.thousands)
        body = pc.if_else(pa.array(strict), pc.replace_substring_regex(body, marks, ""), body)
    body = pc.replace_substring(body, ",", ".")
    sign = pc.if_else(pa.array(parts.is_negative), "-", "")
    number = pc.binary_join_element_wise(sign, body, parts.power, "")
    is_number = (strict | lenient) & parts.is_number & parts.has_unit(form.unit)
    return pc.if_else(pa.array(plain), texts, pc.if_else(pa.array(is_number), number, ""))


@dataclass(frozen=True)
class _Parts:
    """The parts of dressed numbers (N,)."""

    body: pa.StringArray
    power: pa.StringArray
    percent: NDArray[np.bool_]
    unit: NDArray[np.object_]
    spaced: NDArray[np.bool_]
    currency: NDArray[np.object_]
    is_negative: NDArray[np.bool_]
    is_number: NDArray[np.bool_]

    @classmethod
    def of(cls, texts: pa.StringArray) -> "_Parts":
        fields = pc.extract_regex(in_ascii_marks(texts), _DRESSED)

        def part(name: str) -> pa.StringArray:
            return pc.fill_null(pc.struct_field(fields, name), "")

        def text(name: str) -> NDArray[np.object_]:
            found: NDArray[np.object_] = part(name).to_numpy(zero_copy_only=False)
            return found

        opened, closed = text("open") != "", text("close") != ""
        signs = [text(name) for name in ("sign", "sign_after", "late")]
        signed = np.sum([sign != "" for sign in signs], axis=0)
        negative = opened | np.any([sign == "-" for sign in signs], axis=0)
        before, after = text("before"), text("after")
        well_formed = (opened == closed) & (signed + opened <= 1) & ((before == "") | (after == ""))
        return cls(
            body=part("body"),
            power=part("power"),
            percent=text("percent") != "",
            unit=text("unit"),
            spaced=text("space") != "",
            currency=np.where(before != "", before, after),
            is_negative=negative,
            is_number=well_formed & (text("body") != ""),
        )

    @property
    def currencies(self) -> tuple[str, ...]:
        """Return the marks of currencies that occur, sorted."""
        return tuple(sorted(set(self.currency[self.is_number].tolist()) - {""}))

    def usual_unit(self, counts: NDArray[np.int64]) -> str | None:
        """Return the unit of most rows, in small letters; None without one."""
        rows: dict[str, int] = {}
        texts: dict[str, int] = {}
        for unit, spaced, count in zip(
            self.unit[self.is_number], self.spaced[self.is_number], counts[self.is_number], strict=True
        ):
            if unit and (spaced or _KNOWN_UNIT.fullmatch(unit)):
                rows[unit.lower()] = rows.get(unit.lower(), 0) + int(count)
                texts[unit.lower()] = texts.get(unit.lower(), 0) + 1
        accepted = [
            unit
            for unit in rows
            if _KNOWN_UNIT.fullmatch(unit) or texts[unit] >= _MIN_DISTINCT_WITH_UNKNOWN_UNIT
        ]
        return max(accepted, key=lambda unit: rows[unit], default=None)

    def has_unit(self, unit: str | None) -> NDArray[np.bool_]:
        """Return which cells have this unit or none."""
        lowered = np.array([text.lower() for text in self.unit], dtype=object)
        mask: NDArray[np.bool_] = (lowered == "") | (lowered == unit)
        return mask


def _forms(decimal: Mark | None, thousands: str | None) -> list[tuple[Mark, str | None]]:
    """Return decimal marks and marks of thousands, the most usual first."""
    marks: tuple[Mark, ...] = (",", ".") if decimal == "," else (".", ",")
    allowed = _THOUSANDS if thousands is None else (None, thousands)
    forms = [(mark, group) for group, mark in product(allowed, marks) if group != mark]
    if decimal is None and thousands is None:  # 1,234 is a group of thousands unless a cell says otherwise
        forms.insert(1, (".", ","))
    return list(dict.fromkeys(forms))


def _body_pattern(decimal: Mark, thousands: str | None) -> str:
    """Return the pattern of unsigned digits."""
    point = re.escape(decimal)
    fraction = rf"(?:{point}[0-9]*)?"
    plain = rf"[0-9]+{fraction}|{point}[0-9]+"
    if thousands is None:
        return plain
    mark = "['\\x{2019}]" if thousands == "'" else re.escape(thousands)
    grouped = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}}){{1,{_MOST_GROUPS}}}"
    if thousands == ",":  # groups of two digits, as in India
        grouped += rf"|[1-9][0-9]?(?:{mark}[0-9]{{2}}){{1,{_MOST_GROUPS}}}{mark}[0-9]{{3}}"
    return rf"{plain}|(?:{grouped}){fraction}"


def _lenient_pattern(mark: Mark) -> str:
    """Return the pattern of digits with the other decimal mark, where it cannot part thousands."""
    point = re.escape(mark)
    return rf"[0-9]*{point}(?:[0-9]{{1,2}}|[0-9]{{4,}})|0?{point}[0-9]+"
