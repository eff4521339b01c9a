"""Words of others, for sentences that a model or a user reads."""

from collections.abc import Iterable, Iterator

_NAMES, _NAME_LENGTH = 30, 80


def plain(text: str, limit: int = _NAME_LENGTH) -> str:
    """One line of printable characters without marks of sections, cut to the limit."""
    line = "".join(char if char.isprintable() and char not in "<>" else " " for char in text)
    return " ".join(line.split())[:limit]


def names(of: Iterable[object]) -> str:
    """The first of some tables' or columns' names, for a sentence."""
    return ", ".join(_first(of))


def _first(of: Iterable[object]) -> Iterator[str]:
    for number, name in enumerate(of):
        if number == _NAMES:
            yield "..."
            return
        yield plain(str(name))
