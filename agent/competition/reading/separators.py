"""The separator of a text table, decided from its first rows."""

import csv
from collections import Counter
from dataclasses import dataclass

USUAL = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", " ": "blank"}


@dataclass(frozen=True)
class _Fit:
    separator: str
    columns: int
    share: float  # of the rows with the width of the header


def name_of(separator: str) -> str:
    """Return the name of a separator for messages."""
    return _NAMES.get(separator, repr(separator))


def decide_separator(lines: list[str]) -> str:
    """Return the separator of the records that start with the header.

    The separator with the most columns wins among those that give every row the width of the header.
    """
    fits = [fit for separator in (*USUAL, " ") if (fit := _fit(lines, separator)) is not None]
    usual = [fit for fit in fits if fit.separator != " "]
    exact = [fit for fit in usual if fit.share == 1.0] or [fit for fit in fits if fit.share == 1.0]
    if exact:
        return max(exact, key=lambda fit: fit.columns).separator
    near = [fit for fit in usual if fit.share >= 0.5]
    return max(near, key=lambda fit: (fit.share, fit.columns)).separator if near else ","


def _fit(lines: list[str], separator: str) -> _Fit | None:
    widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    if not widths or max(widths) < 2:
        return None
    header, counts = widths[0], Counter(widths[1:])
    if not counts:
        return _Fit(separator, header, 1.0) if header > 1 else None
    # Rows one cell wider than the header: row names of R, or a separator at the end of each row.
    right = max(counts[header], counts[header + 1] if header > 1 else 0)
    return _Fit(separator, header, right / sum(counts.values()))
