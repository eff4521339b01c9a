"""Code diffs of two revisions for prompts."""

import difflib
from collections.abc import Mapping

Files = Mapping[str, str]


def code_diff(before: Files, after: Files, context: int = 3) -> str:
    """Return a unified diff of the Python files with `context` lines around every change."""
    names = sorted(name for name in {*before, *after} if name.endswith(".py"))
    lines: list[str] = []
    for name in names:
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        lines += difflib.unified_diff(old, new, name, name, n=context, lineterm="")
    return "\n".join(lines)
