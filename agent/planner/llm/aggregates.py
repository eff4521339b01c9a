"""Formats training-data statistics for prompts, one line per column.

Columns with the same keys share one heading line, so that the keys are not repeated for every column.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

LENGTH = 6000  # characters
_COLUMNS = "columns"


@dataclass(frozen=True)
class Aggregates:
    """Statistics as text, and the columns that the text describes."""

    text: str
    columns: frozenset[str]


def aggregates(eda: Mapping[str, object], length: int = LENGTH) -> Aggregates:
    """Format the analysis as JSON, followed by tables of columns with one heading each.

    Column names are JSON strings, so that a name cannot start a new line.

    Args:
        eda: The analysis of the training rows.
        length: Most characters.

    Returns:
        At most about `length` characters; the last line counts the columns that did not fit.
    """
    rest = _json({name: part for name, part in eda.items() if name != _COLUMNS})
    summary = (
        rest if len(rest) <= length else f"{rest[:length]} [{len(rest) - length} further characters left out]"
    )
    columns = eda.get(_COLUMNS)
    tables: dict[tuple[str, ...], list[str]] = {}
    for name, facts in columns.items() if isinstance(columns, dict) else ():
        tables.setdefault(tuple(facts), []).append(name)
    lines, described, left = [summary], set(), length - len(summary)
    for keys, names in tables.items():
        lines.append("; ".join(("column", *keys)))
        left -= len(lines[-1])
        for name in names:
            line = "; ".join([_json(name), *(_value(columns[name][key]) for key in keys)])  # type: ignore[index]
            left -= len(line)
            if left >= 0:
                lines.append(line)
                described.add(name)
    left_out = sum(map(len, tables.values())) - len(described)
    if left_out:
        lines.append(f"({left_out} further columns left out)")
    return Aggregates("\n".join(lines), frozenset(described))


def _value(value: object) -> str:
    return value if isinstance(value, str) and value.isidentifier() else _json(value)


def _json(value: object) -> str:
    return json.dumps(_rounded(value), ensure_ascii=False)


def _rounded(value: object) -> object:
    """Round every number to four significant digits; further digits cost tokens and add nothing."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
