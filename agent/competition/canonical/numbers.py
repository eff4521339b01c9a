"""Numbers as people write them: decimal commas, groups of thousands, currencies, percent and units.

The form is decided over all cells of a column. `12 %` becomes 12, `(3.5)` becomes -3.5, and amounts and
quantities lose their currency or unit. Plain numbers stay as they are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import DistinctCells, in_ascii_marks, matches, to_mask, translate

Mark = Literal[".", ","]

PLAIN_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_THOUSANDS = (None, ",", ".", " ", "'")
_MOST_GROUPS = 6  # three digits each; longer lists are signals
_CURRENCY = re.compile(
    r"[A-Z]{0,2}[$\u00a3\u00a5\u20a0-\u20cf]|zł|Kč|kr\.?|Rs\.?|Fr\.?|Euros?|Dollars?|"
    r"USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|RUB|TRY|SGD|HKD|KRW",
    re.IGNORECASE,
)
_BODY = r"[0-9][0-9., '\x{2019}]*[0-9]|[0-9]+[.,]?|[.,][0-9]+"
_BARE = rf"[+-]?(?:{_BODY})(?:[eE][+-]?[0-9]+)?"
_AROUND_BODY = r"^[+-]|[eE].*$"
# Words are sorted into currencies and units afterwards; classes of letters would make slow patterns.
_WORD = r"[^0-9 ()+.,'-][^ ()-]{0,14}"
_NO_CENTS = r"([0-9])[.,]--?"  # 3.- and 3,- are 3
_DRESSED = (
    r"^(?P<open>\()? ?(?P<sign>[+-])? ?(?P<before>[^0-9 ()+.,'-][^0-9 ()+,'-]{0,6})? ?(?P<sign_after>[+-])? ?"
    rf"(?P<body>{_BODY})(?P<power>[eE][+-]?[0-9]+)?(?P<space> ?)(?P<after>{_WORD})?(?P<late>-)? ?"
    r"(?P<close>\))?$"
)
_KNOWN_UNIT = re.compile(
    r"[kcmdµn]?m[23²³]?|km/h|kmh|kph|mph|m/s|[kmµ]?g|tons?|lbs?|oz|[mcd]?l|hl|gal|°[CF]?|[kmM]?W|[km]?Wh|[km]V|[km]A|"
    r"[kMG]?Hz|[kMGT]i?B|hp|bhp|PS|cc|kmpl|mpg|ft|ft2|sqft|sqm|in|inch|inches|mi|miles?|acres?|ha|"
    r"ms|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|yrs?|kcal|cal|k?J|bar|h?Pa|ppm|px|pcs|"
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


@dataclass(frozen=True)
class _Words:
    """Words (N,) as codes of distinct words."""

    distinct: tuple[str, ...]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, words: pa.StringArray) -> "_Words":
        encoded = words.dictionary_encode()
        return cls(tuple(encoded.dictionary.to_pylist()), encoded.indices.to_numpy().astype(np.intp))

    def marks(self, accepts: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return which words are accepted."""
        accepted = np.array([accepts(word) for word in self.distinct], dtype=np.bool_)
        return accepted[self.codes] if len(accepted) else np.zeros(len(self.codes), dtype=np.bool_)

    def among(self, mask: NDArray[np.bool_]) -> list[str]:
        """Return the distinct words of the marked rows."""
        return [self.distinct[code] for code in np.unique(self.codes[mask])]


def decide_number_form(
    cells: DistinctCells, decimal: Mark | None = None, thousands: str | None = None
) -> NumberForm:
    """Return the form that reads most cells.

    Args:
        cells: cells of all tables, without gaps.
        decimal: the decimal mark of the user's tables, if known; it decides where cells do not.
        thousands: the mark between groups of three digits, if known.
    """
    plain = matches(cells.texts, PLAIN_NUMBER)
    if plain.all() and not (decimal == "," and to_mask(pc.match_substring(cells.texts, ".")).any()):
        return NumberForm()
    bare_mask = matches(cells.texts, _BARE)
    bare, dressed = cells.take(bare_mask), cells.take(~bare_mask)
    parts = _Parts.of(dressed.texts)
    body = pa.concat_arrays([pc.replace_substring_regex(bare.texts, _AROUND_BODY, ""), parts.body])
    counts = np.concatenate([bare.counts, dressed.counts * parts.is_number])
    forms = _forms(decimal, thousands)
    read = [int(counts[matches(body, _body_pattern(*form))].sum()) for form in forms]
    best = forms[int(np.argmax(read))]
    if best[1] is not None and read[forms.index((best[0], None))] == max(read):
        best = (best[0], None)  # no cell has groups of thousands
    ties = {form for form, rows in zip(forms, read, strict=True) if rows == max(read)}
    unit = parts.usual_unit(dressed.counts)
    return NumberForm(
        decimal=best[0],
        thousands=best[1],
        percent=parts.has_percent,
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
        plain &= ~to_mask(pc.match_substring(texts, "."))
    if plain.all():
        return texts
    written = np.where(plain, texts.to_numpy(zero_copy_only=False), "").astype(object)
    bare = ~plain & matches(texts, _BARE)
    for rows, read in ((bare, _read_bare), (~plain & ~bare, _read_dressed)):
        if rows.any():
            written[rows] = read(texts.filter(pa.array(rows)), form).to_numpy(zero_copy_only=False)
    return pa.array(written, pa.string())


def _read_bare(texts: pa.StringArray, form: NumberForm) -> pa.StringArray:
    """Return numbers without anything but a sign around them; '' for other forms."""
    body = _convert(pc.replace_substring_regex(texts, _AROUND_BODY, ""), form)
    sign = pc.if_else(pc.starts_with(texts, "-"), "-", "")
    power = pc.replace_substring_regex(texts, r"^[^eE]*", "")
    return pc.if_else(pc.equal(body, ""), "", pc.binary_join_element_wise(sign, body, power, ""))


def _read_dressed(texts: pa.StringArray, form: NumberForm) -> pa.StringArray:
    """Return numbers with currency, percent sign, unit or brackets as plain numbers; '' for other forms."""
    parts = _Parts.of(texts)
    body = _convert(parts.body, form)
    sign = pc.if_else(pa.array(parts.is_negative), "-", "")
    number = pc.binary_join_element_wise(sign, body, parts.power, "")
    is_number = to_mask(pc.not_equal(body, "")) & parts.is_number & parts.has_unit(form.unit)
    return pc.if_else(pa.array(is_number), number, "")


def _convert(body: pa.StringArray, form: NumberForm) -> pa.StringArray:
    """Return unsigned digits with a decimal point; '' for digits in another form.

    Without a mark of thousands, the other decimal mark counts too where it cannot part thousands.
    """
    strict = matches(body, _body_pattern(form.decimal, form.thousands))
    other: Mark = "," if form.decimal == "." else "."
    lenient = ~strict & (form.thousands != other) & matches(body, _lenient_pattern(other))
    if form.thousands is not None:
        marks = "['\u2019]" if form.thousands == "'" else re.escape(form.thousands)
        body = pc.if_else(pa.array(strict), pc.replace_substring_regex(body, marks, ""), body)
    return pc.if_else(pa.array(strict | lenient), pc.replace_substring(body, ",", "."), "")


@dataclass(frozen=True)
class _Parts:
    """The parts of dressed numbers (N,)."""

    body: pa.StringArray
    power: pa.StringArray
    before: _Words
    after: _Words
    is_spaced: NDArray[np.bool_]
    is_negative: NDArray[np.bool_]
    is_number: NDArray[np.bool_]

    @classmethod
    def of(cls, texts: pa.StringArray) -> "_Parts":
        texts = pc.replace_substring_regex(in_ascii_marks(texts), _NO_CENTS, r"\1")
        fields = pc.extract_regex(texts, _DRESSED)

        def part(name: str) -> pa.StringArray:
            return pc.fill_null(pc.struct_field(fields, name), "")

        def holds(name: str, text: str = "") -> NDArray[np.bool_]:
            mask = to_mask(pc.equal(part(name), text))
            return mask if text else ~mask

        opened, closed = holds("open"), holds("close")
        signed = np.sum([holds(name) for name in ("sign", "sign_after", "late")], axis=0)
        negative = opened | np.any([holds(name, "-") for name in ("sign", "sign_after", "late")], axis=0)
        before, after = _Words.of(part("before")), _Words.of(part("after"))
        currencies = before.marks(_is_currency), after.marks(_is_currency)
        well_formed = (opened == closed) & (signed + opened <= 1) & ~(currencies[0] & currencies[1])
        well_formed &= currencies[0] | before.marks(lambda word: not word)
        return cls(
            body=part("body"),
            power=part("power"),
            before=before,
            after=after,
            is_spaced=holds("space"),
            is_negative=negative,
            is_number=well_formed & holds("body"),
        )

    @property
    def currencies(self) -> tuple[str, ...]:
        """Return the marks of currencies that occur, sorted."""
        words = {*self.before.among(self.is_number), *self.after.among(self.is_number)}
        return tuple(sorted(word for word in words if _is_currency(word)))

    @property
    def has_percent(self) -> bool:
        return "%" in self.after.among(self.is_number)

    def usual_unit(self, counts: NDArray[np.int64]) -> str | None:
        """Return the unit of most rows, in small letters; None without one.

        A word that is no known unit counts behind a blank and at least three different numbers.
        """
        many = len(self.after.distinct)
        codes, spaced = self.after.codes[self.is_number], self.is_spaced[self.is_number]
        texts = np.bincount(codes, minlength=many)
        unspaced = np.bincount(codes, ~spaced, minlength=many)
        weights = np.bincount(codes, counts[self.is_number], minlength=many)
        rows: dict[str, float] = {}
        for index in np.flatnonzero(texts):
            word = self.after.distinct[index]
            known = _KNOWN_UNIT.fullmatch(word) is not None
            if not word or word == "%" or _is_currency(word):
                continue
            if known or (not unspaced[index] and texts[index] >= _MIN_DISTINCT_WITH_UNKNOWN_UNIT):
                rows[word.lower()] = rows.get(word.lower(), 0.0) + float(weights[index])
        return max(rows, key=lambda unit: rows[unit], default=None)

    def has_unit(self, unit: str | None) -> NDArray[np.bool_]:
        """Return which cells have this unit, a currency, a percent sign or nothing behind the number."""
        return self.after.marks(lambda word: word in ("", "%") or _is_currency(word) or word.lower() == unit)


def _is_currency(word: str) -> bool:
    return _CURRENCY.fullmatch(word) is not None


def _forms(decimal: Mark | None, thousands: str | None) -> list[tuple[Mark, str | None]]:
    """Return decimal marks and marks of thousands, the most usual first."""
    marks: tuple[Mark, ...] = (",", ".") if decimal == "," else (".", ",")
    groups = dict.fromkeys((None, thousands, *_THOUSANDS))
    forms = [(mark, group) for group in groups for mark in marks if group != mark]
    if decimal is None:  # 1,234 is a group of thousands unless a cell says otherwise
        forms.insert(1, (".", ","))
    elif decimal == ",":  # 1.234 is a group of thousands in a table with decimal commas
        forms.insert(0, (",", "."))
    else:
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
