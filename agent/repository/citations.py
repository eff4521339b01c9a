"""Citations of lessons in code comments, such as `# Cite Lesson 00003`."""

import re
from collections.abc import Iterable

# Also matches how models write citations, `# cite lessons 3 and 18`; only in comments.
_CITATION = re.compile(r"#[^\n]*?\bcite +lessons?\b[ :#]*(\d+(?:(?: *, *| +and +)#?\d+)*)", re.I)


def citation(lessons: Iterable[str]) -> str:
    """Return the trailing comment `  # Cite Lesson 00003, 00018`, or "" without lessons."""
    ids = ", ".join(lessons)
    return f"  # Cite Lesson {ids}" if ids else ""


def cited_in(code: str) -> tuple[str, ...]:
    """Return the ids (five digits) of the lessons that comments cite, each once, in order."""
    found = [number for match in _CITATION.finditer(code) for number in re.findall(r"\d+", match[1])]
    return tuple(dict.fromkeys(number.zfill(5) for number in found))
