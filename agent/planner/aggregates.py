"""What is known of the rows to learn from, in few words: a line per column, not its keys again and again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

LENGTH = 6000  # characters
_COLUMNS = "columns"


@dataclass(frozen=True)
class Aggregates:
    """The text, and which columns it tells of with their roles."""

    text: str
    columns: frozenset[str]


def aggregates(eda: Mapping[str, object]) -> Aggregates:
    """The analysis as JSON, its columns as tables with a heading each; columns that find no room are counted.

    Names are JSON strings, so that none can begin a line of its own.
    """
    rest = _json({name: part for name, part in eda.items() if name != _COLUMNS})
    told = (
        rest if len(rest) <= LENGTH else f"{rest[:LENGTH]} [{len(rest) - LENGTH} further characters left out]"
    )
    columns = eda.get(_COLUMNS)
    tables: dict[tuple[str, ...], list[str]] = {}
    for name, facts in columns.items() if isinstance(columns, dict) else ():
        tables.setdefault(tuple(facts), []).append(name)
    lines, named, left = [told], set(), LENGTH - len(told)
    for keys, names in tables.items():
        lines.append("; ".join(("column", *keys)))
        left -= len(lines[-1])
        for name in names:
            line = "; ".join([_json(name), *(_value(columns[name][key]) for key in keys)])  # type: ignore[index]
            left -= len(line)
            if left >= 0:
                lines.append(line)
                named.add(name)
    left_out = sum(map(len, tables.values())) - len(named)
    if left_out:
        lines.append(f"({left_out} further columns left out)")
    return Aggregates("\n".join(lines), frozenset(named))


def _value(value: object) -> str:
    return value if isinstance(value, str) and value.isidentifier() else _json(value)


def _json(value: object) -> str:
    return json.dumps(_rounded(value), ensure_ascii=False)


def _rounded(value: object) -> object:
    """Four digits of every number; more cost tokens and tell nothing."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
