"""Lessons that code cites: a comment `# Cite Lesson 00003` says what the line rests on."""

import re
from collections.abc import Iterable

# As models write it too: `# cite lessons 3 and 18`; only behind a `#`.
_CITATION = re.compile(r"#[^\n]*?\bcite +lessons?\b[ :#]*(\d+(?:(?: *, *| +and +)#?\d+)*)", re.I)


def citation(lessons: Iterable[str]) -> str:
    """The comment for the end of a line, `  # Cite Lesson 00003, 00018`; nothing for no lesson."""
    ids = ", ".join(lessons)
    return f"  # Cite Lesson {ids}" if ids else ""


def cited_in(code: str) -> tuple[str, ...]:
    """The ids (five digits) of the lessons that comments of the code cite, each once, in their order."""
    found = [number for match in _CITATION.finditer(code) for number in re.findall(r"\d+", match[1])]
    return tuple(dict.fromkeys(number.zfill(5) for number in found))
