"""The decimal mark and the thousands mark of a table, decided over all its cells."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from agent.competition.spec import CsvForm

Decimal = Literal[".", ","]
_GAPS = {"", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a", "#na", "inf", "-inf"}
_CLOTHES = re.compile(
    r"^[\s(+\-\u2212]*(?:[A-Z]{3}\s?|[$€£¥₹]\s?)?[+\-\u2212]?|\s?(?:[%‰$€£¥₹]|[A-Z]{3})?[\s)\-]*$"
)
_BLANKS = " \xa0\u202f\u2009"
_GROUPS = "'\u2019_" + _BLANKS
_FORM = re.compile(rf"\d[\d.,{_GROUPS}]*(?:[eE][-+]?\d+)?|[.,]\d+(?:[eE][-+]?\d+)?")
_PROBE = 400  # cells that decide whether a column holds numbers
# Most cells with a mark, per column and over all columns:
_MOST_CELLS, _MOST_CELLS_OF_ALL = 20_000, 2_000_000  # another mark than a point
_MOST_POINTS, _MOST_POINTS_OF_ALL = 1_000, 50_000
_MIN_NUMBERS = 0.8
_MIN_GROUPED = 10  # cells that make a lone group of three digits a thousand


@dataclass
class _Evidence:
    """Numbers of cells, or of columns, that speak for each mark."""

    decimal: Counter[str] = field(default_factory=Counter)
    thousands: Counter[str] = field(default_factory=Counter)
    unclear: Counter[str] = field(default_factory=Counter)
    """Cells with one mark before exactly three digits, by mark."""

    small: int = 0
    """Whole numbers below 1000 without a mark."""

    large: int = 0
    """Whole numbers from 1000 without a mark."""


def decide_marks(
    cells: pd.DataFrame, separator: str, form: CsvForm, file_name: str, *, may_hold_separator: bool = True
) -> tuple[Decimal, str | None, tuple[str, ...]]:
    """Return the decimal mark, the thousands mark (None without one) and notes.

    Clear cells decide (`1.234,5`, `0,5`); a cell such as `1,234` follows the clear cells of all columns.

    Args:
        cells: the table.
        separator: the separator of the file.
        form: marks that are known already.
        file_name: for notes.
        may_hold_separator: whether a cell may hold the separator.
    """
    if form.decimal is not None and form.thousands is not None:
        return form.decimal, form.thousands, ()
    columns = _evidence_of_columns(cells, "" if may_hold_separator else separator)
    clear = {name: found for name, found in columns.items() if found.decimal or found.thousands}
    decimal: Decimal | None = form.decimal
    notes: list[str] = []
    if decimal is None:
        decimal, conflict = _clear_decimal(clear)
        if conflict:
            notes.append(f"{file_name}: {conflict}")
    grouped = Counter(mark for found in clear.values() for mark in found.thousands)
    unclear = {name: found for name, found in columns.items() if found.unclear and name not in clear}
    if decimal is None:
        decimal, note = _decide_unclear(unclear, grouped, separator)
        if note:
            notes.append(f"{file_name}: {note}")
    for found in columns.values():
        for mark in found.unclear:
            if mark != decimal:
                grouped[mark] += 1
    del grouped[decimal]
    thousands = form.thousands or (grouped.most_common(1)[0][0] if grouped else None)
    return decimal, None if thousands == decimal else thousands, tuple(notes)


def _evidence_of_columns(cells: pd.DataFrame, impossible: str) -> dict[str, _Evidence]:
    """Return the evidence of each column that holds numbers with marks."""
    marks = [mark for mark in f".,{_GROUPS}" if mark != impossible]
    rare = "[" + "".join(mark for mark in marks if mark != ".") + "]"
    count = max(len(cells.columns), 1)
    probe = min(_PROBE, max(20, 100_000 // count))
    most_cells = min(_MOST_CELLS, max(200, _MOST_CELLS_OF_ALL // count))
    most_points = min(_MOST_POINTS, max(10, _MOST_POINTS_OF_ALL // count))
    found = {}
    for place, name in enumerate(cells.columns):
        column = cells.iloc[:, place]
        step = max(1, len(column) // probe)
        probed = column.iloc[::step].tolist()
        if not _holds_numbers(probed):
            continue
        evidence = _Evidence()
        array = pa.array(column, pa.large_string())
        holding = array.filter(pc.match_substring_regex(array, rare)).slice(0, most_cells).to_pylist()
        if impossible == ",":  # a point can only be the decimal mark, unless a cell has several
            holding += [cell for cell in probed if cell.count(".") > 1]
        elif "." in marks:
            holding += array.filter(pc.match_substring(array, ".")).slice(0, most_points).to_pylist()
        for cell in set(holding):
            for mark in marks:
                if mark in cell:
                    _add(evidence, cell, mark)
        if evidence.unclear:
            _count_whole(evidence, probed)
        if evidence.decimal or evidence.thousands or evidence.unclear:
            found[str(name)] = evidence
    return found


def _holds_numbers(cells: list[str]) -> bool:
    present = [bare for cell in cells if (bare := _undressed(cell)).lower() not in _GAPS]
    if not present:
        return False
    return sum(_FORM.fullmatch(cell) is not None for cell in present) >= _MIN_NUMBERS * len(present)


def _undressed(cell: str) -> str:
    """Return a cell without sign, currency and percent."""
    return _CLOTHES.sub("", cell.strip())


def _add(evidence: _Evidence, cell: str, mark: str) -> None:
    """Add what a cell with the mark says of it. A cell with several marks is seen once for each."""
    bare = _undressed(cell)
    if _FORM.fullmatch(bare) is None:
        return
    bare = re.sub(r"[eE][-+]?\d+$", "", bare)
    used = [other for other in f".,{_GROUPS}" if other in bare]
    if mark not in used:
        return
    last = max(used, key=bare.rfind)
    groups = bare.split(mark)
    is_grouped = len(groups[0]) in (1, 2, 3) and all(re.match(r"\d{3}(?!\d)", group) for group in groups[1:])
    if mark in _GROUPS:
        if is_grouped and groups[0].isdigit():
            evidence.thousands[mark] += 1
    elif len(used) > 1 and any(other in ".," and other != mark for other in used):
        if mark == last and bare.count(mark) == 1:
            evidence.decimal[mark] += 1
        elif is_grouped:
            evidence.thousands[mark] += 1
    elif bare.count(mark) > 1:
        if is_grouped and not groups[0].startswith("0"):
            evidence.thousands[mark] += 1
    elif len(used) > 1 or not is_grouped or groups[0].startswith("0") or len(groups[1]) != 3:
        evidence.decimal[mark] += 1
    else:
        evidence.unclear[mark] += 1


def _count_whole(evidence: _Evidence, cells: list[str]) -> None:
    for cell in cells:
        bare = _undressed(cell)
        if bare.isdigit():
            evidence.small += len(bare) <= 3
            evidence.large += len(bare) > 3


def _clear_decimal(clear: dict[str, _Evidence]) -> tuple[Decimal | None, str]:
    """Return the decimal mark of most columns with clear cells, and a note if columns differ."""
    points = [name for name, found in clear.items() if _prefers(found, ".")]
    commas = [name for name, found in clear.items() if _prefers(found, ",")]
    if points and commas:
        chosen: Decimal = "." if len(points) >= len(commas) else ","
        other = commas if chosen == "." else points
        names = ", ".join(f"'{name}'" for name in other[:3])
        mark = "," if chosen == "." else "."
        return chosen, f"most columns have the decimal mark '{chosen}', but {names} has '{mark}'."
    if points or commas:
        return ("." if points else ","), ""
    return None, ""


def _prefers(found: _Evidence, mark: str) -> bool:
    other = "," if mark == "." else "."
    return found.decimal[mark] + found.thousands[other] > found.decimal[other] + found.thousands[mark]


def _decide_unclear(
    unclear: dict[str, _Evidence], grouped: Counter[str], separator: str
) -> tuple[Decimal, str]:
    """Return the decimal mark if every number with a mark looks like `1,234` or `1.234`, and a note."""
    if not unclear:
        return ("," if grouped["."] else "."), ""
    names = ", ".join(f"'{name}'" for name in list(unclear)[:3])
    total: Counter[str] = sum((found.unclear for found in unclear.values()), Counter())
    small = any(found.small and not found.large for found in unclear.values())
    many = max(total.values()) >= _MIN_GROUPED
    if total[","] and total["."]:
        return ".", f"cells of {names} may mean thousands or decimals; the point is read as the decimal mark."
    if total[","]:
        if separator == ";" and not (small and many):
            return ",", f"cells of {names} such as 1,234 are read as decimals; `csv: decimal` changes that."
        return ".", f"cells of {names} such as 1,234 are read as thousands; `csv: decimal` changes that."
    if separator != "," and small and many:
        return ",", f"cells of {names} such as 1.234 are read as thousands; `csv: decimal` changes that."
    return ".", ""
