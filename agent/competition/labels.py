"""Labels as users write them: their order, look-alikes, sets in one cell, one column of 0 and 1 per label."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from agent.core.errors import SetupError, redacted_as

_NUMBER = re.compile(r"\s*[+-]?\d{1,40}(?:\.\d{1,40})?\s*")
_TRUE = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_FALSE = frozenset({"0", "0.0", "false", "f", "no", "n"})


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels sorted: by value if all are numbers, else as text."""
    names = list(labels)
    if all(_NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (Decimal(name.strip()), name)))
    return tuple(sorted(names))


def are_numbers(labels: Iterable[str]) -> bool:
    """Return whether all labels are numbers, so that they have an order."""
    return all(_NUMBER.fullmatch(name) for name in labels)


def find_label(name: str, labels: Sequence[str]) -> str | None:
    """Return the label that a user means by `name`: equal, or the only one that looks alike."""
    if name in labels:
        return name
    alike = [label for label in labels if _plain_form(label) == _plain_form(name)]
    if not alike and _plain_form(name) in ("true", "false"):  # YAML reads `yes` and `no` as booleans
        words = _TRUE if _plain_form(name) == "true" else _FALSE
        alike = [label for label in labels if label.strip().casefold() in words]
    return alike[0] if len(alike) == 1 else None


def alike_labels(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of labels that differ only by case, blanks or the form of a number."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[_plain_form(label)].append(label)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


def _plain_form(label: str) -> str:
    text = " ".join(label.split()).casefold()
    return str(Decimal(text).normalize() + 0) if _NUMBER.fullmatch(text) else text


def split_labels(cell: str, separator: str | None) -> list[str]:
    """Return the labels of a cell, each once; without a separator, blanks part them."""
    if separator is None or separator == " ":
        parts = cell.split()
    else:
        parts = cell.split(separator.strip() or separator)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


@redacted_as("the mark between labels does not fit the cells")
def check_separator(separator: str | None, cells: "pd.Series[str]", file: Path) -> None:
    """Raise SetupError for a separator that would cut words or numbers."""
    mark = (separator or "").strip()
    if any(character.isalnum() for character in mark):
        raise SetupError(
            f"{file}: label_separator: '{separator}' holds a letter or a digit, so that it would cut labels; "
            "name the mark between two labels."
        )
    if mark in (".", "-"):
        number = re.compile(r"-?\d+\.\d+(\s.*)?" if mark == "." else r"-\d.*")
        cut = cells.map(lambda cell: number.fullmatch(cell.strip()) is not None)
        if cut.any():
            row = int(cut.to_numpy().argmax())
            raise SetupError(
                f"{file}: label_separator: '{mark}' occurs inside numbers such as '{cells.iloc[row]}' "
                f"(row {row + 1}); use another mark between two labels."
            )


def name_internally(labels: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return an internal name without blanks per label, equal to the label wherever possible."""
    fits = {label for label in labels if label.split() == [label] and label not in taken}
    used = {*fits, *taken}
    names: dict[str, str] = {}
    for label in labels:
        names[label] = label if label in fits else _unused("_".join(label.split()) or "blank", used)
        used.add(names[label])
    return names


def _unused(name: str, used: Collection[str]) -> str:
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def unused_name(name: str, used: Iterable[str]) -> str:
    """Return `name`, with a number if the name is in use; case and blanks do not make a name different."""
    taken = {" ".join(other.split()).casefold() for other in used}
    return _unused(name, taken)


def as_flag(cell: str) -> bool | None:
    """Return whether a cell says yes (1, true, yes) or no (0, false, no); None for any other cell."""
    word = cell.strip().casefold()
    return True if word in _TRUE else False if word in _FALSE else None


@redacted_as("a column of 0 and 1 holds other values")
def parse_flags(cells: "pd.Series[str]", file: Path) -> list[bool]:
    """Return whether each cell says yes.

    Raises:
        SetupError: a cell is blank or says something else. The message names the row.
    """
    flags = [as_flag(cell) for cell in cells]
    if None in flags:
        row = flags.index(None)
        cell = f"'{cells.iloc[row]}'" if cells.iloc[row].strip() else "blank"
        raise SetupError(
            f"{file}: column '{cells.name}' marks a label by 0 and 1, but {flags.count(None)} cells are "
            f"neither; the first is {cell} (row {row + 1})."
        )
    return [bool(flag) for flag in flags]
