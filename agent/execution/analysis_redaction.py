"""A candidate's failure analysis without values of the data: words of the code and rounded numbers stay."""

import json
from collections.abc import Iterable, Mapping

from agent.execution.message_redaction import PLACEHOLDER, Known

MOST_PARTS = 40  # of one object or list
DEEPEST = 6
DIGITS = 3  # significant; a value of a row rarely survives the rounding


def redact_analysis(analysis: Mapping[str, object], code: Mapping[str, str], columns: Iterable[str]) -> str:
    """Return the analysis as JSON.

    Objects keep rounded numbers. Lists may hold values of rows, so only their lengths and tables of counts
    stay. Words stay if they stand in the code or name a column.
    """
    if not analysis:
        return ""
    return json.dumps(_part(analysis, Known.of(code, columns), 0), ensure_ascii=False)


def _part(value: object, known: Known, depth: int) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return (
            float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value if depth < 3 else PLACEHOLDER
        )
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, dict) and depth < DEEPEST:
        parts = list(value.items())[:MOST_PARTS]
        named = [(_text(str(name), known), _part(part, known, depth + 1)) for name, part in parts]
        return {
            f"{PLACEHOLDER}{number}" if PLACEHOLDER in name else name: part
            for number, (name, part) in enumerate(named, 1)
        }
    if isinstance(value, list):
        return value if _is_table_of_counts(value) else f"a list of {len(value)}"
    return PLACEHOLDER


def _is_table_of_counts(value: list[object]) -> bool:
    """Return whether the list is a square table of whole numbers, as a confusion matrix is."""
    return 1 < len(value) <= MOST_PARTS and all(
        isinstance(row, list)
        and len(row) == len(value)
        and all(isinstance(cell, int) and not isinstance(cell, bool) for cell in row)
        for row in value
    )


def _text(text: str, known: Known) -> str:
    if text in known.columns or all(word in known.words for word in text.split()):
        return text
    return PLACEHOLDER
