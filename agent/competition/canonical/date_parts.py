"""Year, month, day and time of day of date texts, read by patterns over whole columns."""

import calendar
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agent.competition.canonical.cells import matches, to_mask

_MONTHS = {
    **{name.lower(): number for number, name in enumerate(calendar.month_name) if name},
    **{name.lower(): number for number, name in enumerate(calendar.month_abbr) if name},
    "sept": 9,
    # German
    "januar": 1, "jänner": 1, "februar": 2, "märz": 3, "maerz": 3, "mär": 3, "mrz": 3, "mai": 5, "juni": 6,
    "juli": 7, "oktober": 10, "okt": 10, "dezember": 12, "dez": 12,
    # French
    "janvier": 1, "janv": 1, "février": 2, "fevrier": 2, "févr": 2, "fév": 2, "mars": 3, "avril": 4, "avr": 4,
    "juin": 6, "juillet": 7, "juil": 7, "août": 8, "aout": 8, "septembre": 9, "octobre": 10, "novembre": 11,
    "décembre": 12, "decembre": 12, "déc": 12,
}  # fmt: skip
_ZONES = dict.fromkeys(("z", "utc", "gmt"), "Z") | {
    name: f"{hours:+03d}:00"
    for name, hours in (
        ("est", -5),
        ("edt", -4),
        ("cst", -6),
        ("cdt", -5),
        ("mst", -7),
        ("mdt", -6),
        ("pst", -8),
        ("pdt", -7),
        ("cet", 1),
        ("cest", 2),
    )
}
_DAY, _YEAR = r"[0-9]{1,2}", r"(?P<year>[0-9]{4}|'?[0-9]{2})"
_MARK = r"(?P<separator>[-/. ])"
_WORD = r"(?P<month>[^-0-9 .,/]{3,12})\.?"
_SUFFIX = r"(?:st|nd|rd|th|er|\.)?"
_WEEKDAY = r"(?:[^-0-9 .,/]{2,12}\.?,? +)?"
_OPEN, _COMPACT = 0, 1  # positions of the patterns with day and month in any order, and of 20240305
_DAY_PATTERNS = (
    rf"(?P<first>[0-9]{{1,2}}){_MARK}(?P<second>[0-9]{{1,2}})[-/. ]{_YEAR}",
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    rf"(?P<year>[0-9]{{4}}){_MARK}(?P<month>[0-9]{{1,2}})[-/. ](?P<day>[0-9]{{1,2}})",
    r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})",
    r"(?P<month>[0-9]{1,2})[-/](?P<year>[0-9]{4})",
    rf"{_WEEKDAY}(?P<day>{_DAY}){_SUFFIX}[-/., ]*{_WORD}[-/., ]*{_YEAR}",
    rf"{_WEEKDAY}{_WORD}[-/., ]*(?P<day>{_DAY}){_SUFFIX},?[-/., ]+(?P<year>[0-9]{{4}})",
    rf"(?P<year>[0-9]{{4}})[-/. ]{_WORD}[-/. ](?P<day>{_DAY})",
    rf"{_WORD}[-/., ]+(?P<year>[0-9]{{4}})",
    r"(?P<year>[0-9]{4})[- ]?[QqTt](?P<quarter>[1-4])",
    r"[QqTt](?P<quarter>[1-4])[-/ ]?(?P<year>[0-9]{4})",
)
_REST = r"(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|[A-Z]{3,4}|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_WITH_TIME = (
    r"^(?P<day>.*?[0-9])(?:T(?P<basic>[0-9]{4,6}(?:[.,][0-9]+)?" + _REST + r")"
    r"|(?:T| *,? +|:)(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?" + _REST + r"))$"
)
_TIME = (
    r"^(?P<hour>[0-9]{1,2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r" ?(?P<half>[AaPp])?(?:\.?[Mm]\.?)?(?: ?(?P<zone>Z|[A-Z]{3,4}|[+-][0-9]{2}(?::?[0-9]{2})?))?$"
)
# Tue Mar  5 08:15:00 +0100 2024, as C and Unix write it.
_UNIX = r"^[A-Z][a-z]{2} +([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9:]{8})( [A-Z+-][A-Z0-9]{2,4})? ([0-9]{4})$"
_ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_NUMBERS = ("year", "month", "day", "first", "second")


@dataclass(frozen=True)
class DayParts:
    """The parts of distinct days (D,); -1 where a part is absent. `first` and `second` are day and month."""

    texts: pa.StringArray
    is_date: NDArray[np.bool_]
    is_open: NDArray[np.bool_]
    """Whether day and month may be in either order."""

    is_compact: NDArray[np.bool_]
    has_short_year: NDArray[np.bool_]
    separator: NDArray[np.object_]
    year: NDArray[np.int64]
    month: NDArray[np.int64]
    day: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def dates(self, day_first: bool, year_first: bool) -> NDArray[np.datetime64]:
        """Return days (D,); NaT for texts that are no date of the calendar.

        A text that is a date in one order of day and month only is read in that order. `year_first` reads
        three numbers of two digits as year, month and day.
        """
        swap = day_first & ~(self.second > 12) | (self.first > 12)
        month = np.where(self.is_open, np.where(swap, self.second, self.first), self.month)
        day = np.where(self.is_open, np.where(swap, self.first, self.second), self.day)
        year = self.year
        if year_first:
            turned = self.is_open & self.has_short_year
            month, day = np.where(turned, self.second, month), np.where(turned, self.year % 100, day)
            year = np.where(turned, full_year(self.first), year)
        possible = self.is_date & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1)
        months = (np.where(possible, year, 1970) - 1970) * 12 + np.where(possible, month, 1) - 1
        start = months.astype("datetime64[M]")
        dates = start.astype("datetime64[D]") + (np.where(possible, day, 1) - 1).astype("timedelta64[D]")
        possible &= dates.astype("datetime64[M]") == start  # 31 February
        dates[~possible] = np.datetime64("NaT")
        found: NDArray[np.datetime64] = dates
        return found


@dataclass(frozen=True)
class DateParts:
    """N texts as codes of distinct days and distinct times of day."""

    days: DayParts
    day_codes: NDArray[np.intp]
    iso_times: pa.StringArray
    """Distinct times of day (T,) such as 08:15:00+02:00; '?' for an impossible time."""

    time_codes: NDArray[np.intp]
    has_time: NDArray[np.bool_]
    is_iso: NDArray[np.bool_]
    has_half_days: bool

    @property
    def is_date(self) -> NDArray[np.bool_]:
        """Return which texts (N,) are written like dates with a possible time of day."""
        mask: NDArray[np.bool_] = self.days.is_date[self.day_codes] & ~self.has_time_in(["?"])
        return mask

    @property
    def is_midnight(self) -> NDArray[np.bool_]:
        return self.has_time_in(["00:00:00", "00:00:00Z"])

    def has_time_in(self, times: list[str]) -> NDArray[np.bool_]:
        """Return which texts (N,) have one of these times of day."""
        return to_mask(pc.is_in(self.iso_times, value_set=pa.array(times, pa.string())))[self.time_codes]


def read_date_parts(texts: pa.StringArray) -> DateParts:
    """Read trimmed texts (N,); the first pattern that fits a text counts."""
    plain = pc.replace_substring_regex(texts, _UNIX, r"\2 \1 \5 \3\4")
    fields = pc.extract_regex(plain, _WITH_TIME)
    has_time = to_mask(pc.is_valid(fields))
    day_texts, time_texts = plain, pa.array([""] * 0, pa.string())
    if has_time.any():
        day_texts = pc.coalesce(pc.struct_field(fields, "day"), plain)
        basic, usual = (pc.fill_null(pc.struct_field(fields, name), "") for name in ("basic", "time"))
        time_texts = pc.binary_join_element_wise(basic, usual, "")
    days, times = day_texts.dictionary_encode(), time_texts.dictionary_encode()
    if not has_time.any():
        times = (
            pa.array([""] * 1, pa.string())
            .dictionary_encode()
            .take(pa.array(np.zeros(len(texts), dtype=np.int64)))
        )
    iso_times, has_half_days = _read_times(times.dictionary)
    return DateParts(
        days=_read_days(days.dictionary),
        day_codes=days.indices.to_numpy().astype(np.intp),
        iso_times=iso_times,
        time_codes=times.indices.to_numpy().astype(np.intp),
        has_time=has_time,
        is_iso=matches(texts, _ISO),
        has_half_days=has_half_days,
    )


def _read_days(texts: pa.StringArray) -> DayParts:
    count = len(texts)
    numbers = {name: np.full(count, -1, dtype=np.int64) for name in _NUMBERS}
    separator = np.full(count, "", dtype=object)
    pattern_of = np.full(count, -1)
    for index, pattern in enumerate(_DAY_PATTERNS):
        left = np.flatnonzero(pattern_of < 0)
        if not len(left):
            break
        fields = pc.extract_regex(texts.take(pa.array(left)), f"^(?:{pattern})$")
        fits = to_mask(pc.is_valid(fields))
        rows, fields = left[fits], fields.filter(pa.array(fits))
        pattern_of[rows] = index
        found = {field.name: pc.struct_field(fields, field.name) for field in fields.type}
        if "separator" in found:
            separator[rows] = found.pop("separator").to_numpy(zero_copy_only=False)
        for name, values in found.items():
            numbers["month" if name == "quarter" else name][rows] = _read_numbers(name, values)
        if not {"day", "first"} & found.keys():
            numbers["day"][rows] = 1
    is_open = pattern_of == _OPEN
    is_short = (numbers["year"] >= 0) & (numbers["year"] < 100) & ~matches(texts, r".*[0-9]{4}.*")
    numbers["year"] = np.where(is_short, full_year(numbers["year"]), numbers["year"])
    return DayParts(
        texts=texts,
        is_date=(pattern_of >= 0) & (is_open | (numbers["month"] != -1)),  # -1: a word that is no month
        is_open=is_open,
        is_compact=pattern_of == _COMPACT,
        has_short_year=is_short,
        separator=separator,
        **numbers,
    )


def _read_numbers(name: str, values: pa.StringArray) -> NDArray[np.int64]:
    """Return the numbers of one part: months may be words, and a quarter gives its first month."""
    words: list[str] = values.to_pylist()
    if name == "month":
        return np.array(
            [int(word) if word.isdigit() else _MONTHS.get(word.lower(), -1) for word in words], dtype=np.int64
        )
    numbers = np.array([int(word.lstrip("'")) for word in words], dtype=np.int64)
    return 3 * numbers - 2 if name == "quarter" else numbers


def full_year(short: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return years 1969 to 2068 for their last two digits, as POSIX reads them."""
    return short + np.where(short >= 69, 1900, 2000)


def _read_times(texts: pa.StringArray) -> tuple[pa.StringArray, bool]:
    """Return times of day (T,) as 08:15:00+02:00, and whether a text has AM or PM.

    A blank text is midnight; an impossible time is '?'.
    """
    fields = pc.extract_regex(texts, _TIME)
    has_half_days, iso = False, []
    for text, found in zip(texts.to_pylist(), fields.to_pylist(), strict=True):
        if found is None:
            iso.append("?" if text else "00:00:00")
            continue
        hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
        half = (found["half"] or "").lower()
        has_half_days |= bool(half)
        zone = _read_zone(found["zone"] or "")
        possible = hour <= 23 and minute <= 59 and second <= 59 and (not half or 1 <= hour <= 12)
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        fraction = f".{found['fraction']}" if found["fraction"] else ""
        iso.append(
            f"{hour:02d}:{minute:02d}:{second:02d}{fraction}{zone}" if possible and zone != "?" else "?"
        )
    return pa.array(iso, pa.string()), has_half_days


def _read_zone(text: str) -> str:
    """Return a time zone as Z or +02:00; '?' for an unknown name."""
    if text == "":
        return ""
    if text[0] in "+-":
        digits = text[1:].replace(":", "")
        return f"{text[0]}{digits[:2]}:{digits[2:] or '00'}"
    return _ZONES.get(text.lower(), "?")
