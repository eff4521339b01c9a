"""Names of columns: trimmed, unique, with index columns marked; and tables that lack a header."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

_INDEX = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__")
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}.*|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*")
_INVISIBLE = "\ufeff\u200b\u2060 \t\r\n\x0b\x0c\xa0"
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+[ \t]*")
_SAMPLE = 2000
_MIN_SHARE = 0.9
_MANY = 8  # numeric names in ascending order: wavelengths, years, pixels


@dataclass(frozen=True)
class Header:
    """The names of the columns of a table."""

    names: tuple[str, ...]
    blank: tuple[int, ...]
    """Positions of the columns without a name."""

    notes: tuple[str, ...]

    @property
    def index_columns(self) -> tuple[str, ...]:
        """Return the leading columns that a program wrote as row labels."""
        found = []
        for name in self.names:
            if not _INDEX.fullmatch(name):
                break
            found.append(name)
        others = [name for name in self.names if re.fullmatch(r"__index_level_\d+__", name)]
        return (*found, *(name for name in others if name not in found))


def clean_header(cells: Sequence[str], file_name: str) -> Header:
    """Return trimmed, unique names on one line. A column without a name gets one from its position."""
    names: dict[str, None] = {}  # in order
    blank, repeated = [], []
    for position, cell in enumerate(cells):
        name = _LINE_BREAKS.sub(" ", cell.strip(_INVISIBLE))
        if not name:
            blank.append(position)
            name = f"Unnamed: {position}"
        unique, number = name, 0
        while unique in names:
            number += 1
            unique = f"{name}.{number}"
        if unique != name:
            repeated.append((name, unique))
        names[unique] = None
    notes = []
    if repeated:
        renamed = ", ".join(f"'{old}' (now '{new}')" for old, new in repeated[:3])
        count = "1 column repeats" if len(repeated) == 1 else f"{len(repeated)} columns repeat"
        notes.append(f"{file_name}: {count} a name: {renamed}.")
    return Header(tuple(names), tuple(blank), tuple(notes))


def looks_like_data(table: pd.DataFrame) -> bool:
    """Return whether the header of a table is more likely its first row.

    A name speaks for data if it is a number or a date like the cells below it, or a word that occurs among
    them. A name of another kind than its cells speaks for a header.
    """
    names = [str(name) for name in table.columns]
    if _are_numbered(names):
        return False
    sample = table.head(_SAMPLE)
    found_data = False
    for place, name in enumerate(names):
        verdict = _verdict(name, sample.iloc[:, place])
        if verdict == "name":
            return False
        found_data = found_data or verdict == "data"
    return found_data


def _verdict(name: str, values: "pd.Series[str]") -> str:
    if _INDEX.fullmatch(name):
        return "unclear"
    base = re.sub(r"\.\d+$", "", name) if _NUMBER.fullmatch(name) and name.count(".") > 1 else name
    present = values[values.str.strip() != ""]
    if present.empty:
        return "unclear"
    kinds = [(kind, _share(kind, present) >= _MIN_SHARE) for kind in (_NUMBER, _DATE)]
    for kind, fits in kinds:
        if fits:
            return "data" if kind.fullmatch(base) else "name"
    return "data" if (present == name).any() and not _is_constant(present) else _text_verdict(base, present)


def _text_verdict(name: str, present: "pd.Series[str]") -> str:
    """Return 'name' for a column of few words, none of which is the name."""
    few = present.nunique() <= max(20, len(present) // 20)
    return "name" if few and len(present) > 20 else "unclear"


def _is_constant(present: "pd.Series[str]") -> bool:
    return present.nunique() == 1


def _share(kind: re.Pattern[str], present: "pd.Series[str]") -> float:
    return float(present.str.strip().str.fullmatch(kind.pattern).mean())


def _are_numbered(names: Sequence[str]) -> bool:
    """Return whether the numeric names are a series: 0, 1, 2, ..., years, wavelengths."""
    numbers = [float(name.replace(",", ".")) for name in names if _NUMBER.fullmatch(name)]
    if len(numbers) < 2:
        return False
    steps = {round(after - before, 9) for before, after in pairwise(numbers)}
    ascending = all(step > 0 for step in steps)
    return ascending and (len(steps) == 1 or len(numbers) >= _MANY)
