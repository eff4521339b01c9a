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
_SEP = r"(?P<separator>[-/. ])"
_DAY, _YEAR = r"[0-9]{1,2}", r"(?P<year>[0-9]{4}|'?[0-9]{2})"
_WORD = r"(?P<month>\pL{3,})\.?"
_SUFFIX = r"(?:st|nd|rd|th|er|\.)?"
_WEEKDAY = r"(?:\pL{2,10}\.?,? +)?"
_TIME = (
    r"(?:(?:T| *,? +|:)(?P<hour>[0-9]{1,2}):?(?P<minute>[0-9]{2})"
    r"(?::?(?P<clock_second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?(?: ?(?P<zone>Z|[A-Z]{3,4}|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
# Year first, day and month in either order, and months by name.
_PATTERNS = (
    r"(?P<year>[0-9]{4})" + _SEP + r"(?P<month>[0-9]{1,2})[-/. ](?P<day>[0-9]{1,2})" + _TIME,
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})" + _TIME,
    r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})",
    r"(?P<first>[0-9]{1,2})" + _SEP + r"(?P<second>[0-9]{1,2})[-/. ]" + _YEAR + _TIME,
    _WEEKDAY + rf"(?P<day>{_DAY}){_SUFFIX}[-/., ]*{_WORD}[-/., ]*" + _YEAR + _TIME,
    _WEEKDAY + rf"{_WORD}[-/., ]*(?P<day>{_DAY}){_SUFFIX},?[-/., ]+(?P<year>[0-9]{{4}})" + _TIME,
    rf"(?P<year>[0-9]{{4}})[-/. ]{_WORD}[-/. ](?P<day>{_DAY})" + _TIME,
    rf"{_WORD}[-/., ]+(?P<year>[0-9]{{4}})",
    r"(?P<year>[0-9]{4})[- ]?[QqTt](?P<quarter>[1-4])",
    r"[QqTt](?P<quarter>[1-4])[-/ ]?(?P<year>[0-9]{4})",
)
_ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


_NUMBERS = ("year", "month", "day", "first", "second")
_WORDS = ("separator", "hour", "minute", "clock_second", "fraction", "half", "zone")


@dataclass(frozen=True)
class DateParts:
    """The parts of N texts; -1 where a part is absent. `first` and `second` are day and month in any order."""

    texts: pa.StringArray
    is_date: NDArray[np.bool_]
    is_iso: NDArray[np.bool_]
    is_open: NDArray[np.bool_]
    is_compact: NDArray[np.bool_]
    year: NDArray[np.int64]
    month: NDArray[np.int64]
    day: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    separator: NDArray[np.object_]
    has_time: NDArray[np.bool_]
    has_valid_time: NDArray[np.bool_]
    seconds: NDArray[np.int64]
    fraction: NDArray[np.object_]
    zone: NDArray[np.object_]
    has_half_days: bool

    @property
    def is_midnight(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.seconds == 0
        return mask

    def texts_of(self, mask: NDArray[np.bool_]) -> list[str]:
        """Return the texts of the marked rows."""
        found: list[str] = self.texts.filter(pa.array(mask)).to_pylist()
        return found

    def days(self, day_first: bool) -> NDArray[np.datetime64]:
        """Return days (N,); NaT for texts that are no date of the calendar.

        A text that is a date in one order of day and month only is read in that order.
        """
        swap = day_first & ~(self.second > 12) | (self.first > 12)
        month = np.where(self.is_open, np.where(swap, self.second, self.first), self.month)
        day = np.where(self.is_open, np.where(swap, self.first, self.second), self.day)
        possible = self.is_date & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (self.year >= 1)
        months = (np.where(possible, self.year, 1970) - 1970) * 12 + np.where(possible, month, 1) - 1
        start = months.astype("datetime64[M]")
        days = start.astype("datetime64[D]") + (np.where(possible, day, 1) - 1).astype("timedelta64[D]")
        possible &= days.astype("datetime64[M]") == start  # 31 February
        days[~possible] = np.datetime64("NaT")
        found: NDArray[np.datetime64] = days
        return found

    def iso_times(self) -> pa.StringArray:
        """Return times of day (N,) as 08:15:00, with fraction and time zone."""
        clock = pc.strftime(pa.array(self.seconds, pa.timestamp("s")), "%H:%M:%S")
        fraction = pa.array(np.where(self.fraction != "", ".", "") + self.fraction, pa.string())
        return pc.binary_join_element_wise(clock, fraction, pa.array(self.zone, pa.string()), "")


def read_date_parts(texts: pa.StringArray) -> DateParts:
    """Read trimmed texts; the first pattern that fits a text counts."""
    count = len(texts)
    numbers = {name: np.full(count, -1, dtype=np.int64) for name in _NUMBERS}
    words = {name: np.full(count, "", dtype=object) for name in _WORDS}
    is_date = np.zeros(count, dtype=bool)
    is_open, is_compact = is_date.copy(), is_date.copy()
    left = np.arange(count)
    for index, pattern in enumerate(_PATTERNS):
        if not len(left):
            break
        fields = pc.extract_regex(texts.take(pa.array(left)), f"^(?:{pattern})$")
        fits = to_mask(pc.is_valid(fields))
        rows, fields = left[fits], fields.filter(pa.array(fits))
        _store(fields, rows, numbers, words)
        is_date[rows] = True
        is_open[rows] = index == 3
        is_compact[rows] = index == 1
        left = left[~fits]
    is_date &= is_open | (numbers["month"] != -1)  # words that are no months
    return _with_times(texts, is_date, is_open, is_compact, numbers, words)


def _store(
    fields: pa.StructArray,
    rows: NDArray[np.intp],
    numbers: dict[str, NDArray[np.int64]],
    words: dict[str, NDArray[np.object_]],
) -> None:
    """Write the fields of one pattern to the rows that it fits."""
    found = {
        field.name: pc.fill_null(pc.struct_field(fields, field.name), "").to_numpy(zero_copy_only=False)
        for field in fields.type
    }
    for name, values in found.items():
        if name in words:
            words[name][rows] = values
        elif name == "month" and len(values) and not values[0][:1].isdigit():
            numbers[name][rows] = [_MONTHS.get(word.lower(), -1) for word in values]
        elif name == "quarter":
            numbers["month"][rows] = [3 * int(quarter) - 2 for quarter in values]
        elif name == "year":
            numbers[name][rows] = [_full_year(text) for text in values]
        else:
            numbers[name][rows] = values.astype(np.int64)
    if "day" not in found and "first" not in found:
        numbers["day"][rows] = 1


def _full_year(text: str) -> int:
    digits = text.lstrip("'")
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (1900 if year >= 69 else 2000)


def _with_times(
    texts: pa.StringArray,
    is_date: NDArray[np.bool_],
    is_open: NDArray[np.bool_],
    is_compact: NDArray[np.bool_],
    numbers: dict[str, NDArray[np.int64]],
    words: dict[str, NDArray[np.object_]],
) -> DateParts:
    def number(name: str) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.where(words[name] == "", "0", words[name]).astype(np.int64)
        return found

    hour, minute, second = number("hour"), number("minute"), number("clock_second")
    halved = words["half"] != ""
    afternoon = np.array([half[:1] in ("p", "P") for half in words["half"]], dtype=bool)
    valid = (hour <= 23) & (minute <= 59) & (second <= 59) & (~halved | ((hour >= 1) & (hour <= 12)))
    hour = np.where(halved, hour % 12 + 12 * afternoon, hour)
    zone = np.array([_zone(text) for text in words["zone"]], dtype=object)
    return DateParts(
        texts=texts,
        is_date=is_date,
        is_iso=matches(texts, _ISO),
        is_open=is_open,
        is_compact=is_compact,
        separator=words["separator"],
        has_time=words["hour"] != "",
        has_valid_time=valid & (zone != "?"),
        seconds=np.where(valid, hour * 3600 + minute * 60 + second, 0),
        fraction=words["fraction"],
        zone=np.where(zone == "?", "", zone),
        has_half_days=bool(halved.any()),
        **numbers,
    )


def _zone(text: str) -> str:
    """Return a time zone as Z or +02:00; '?' for an unknown name."""
    if text == "":
        return ""
    if text[0] in "+-":
        digits = text[1:].replace(":", "")
        return f"{text[0]}{digits[:2]}:{digits[2:] or '00'}"
    return _ZONES.get(text.lower(), "?")
