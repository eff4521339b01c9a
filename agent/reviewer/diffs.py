"""What differs in the code of two revisions, as models are shown it."""

import difflib
from collections.abc import Mapping

Files = Mapping[str, str]


def code_diff(before: Files, after: Files, context: int = 3) -> str:
    """A unified diff of the Python files, with so many lines around every change."""
    names = sorted(name for name in {*before, *after} if name.endswith(".py"))
    lines: list[str] = []
    for name in names:
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        lines += difflib.unified_diff(old, new, name, name, n=context, lineterm="")
    return "\n".join(lines)
