"""Format untrusted text for prompts and messages."""

from collections.abc import Iterable, Iterator

_MAX_NAMES, _MAX_NAME_LENGTH = 30, 80


def sanitize(text: str, limit: int = _MAX_NAME_LENGTH) -> str:
    """Return one line of printable characters without `<` and `>`, cut to `limit` characters."""
    line = "".join(char if char.isprintable() and char not in "<>" else " " for char in text)
    return " ".join(line.split())[:limit]


def format_names(names: Iterable[object]) -> str:
    """Return the first names of tables or columns, separated by commas."""
    return ", ".join(_first_names(names))


def _first_names(names: Iterable[object]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number == _MAX_NAMES:
            yield "..."
            return
        yield sanitize(str(name))
