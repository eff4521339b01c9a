"""Text that a record, a file and a terminal can hold."""


def without_surrogates(text: str) -> str:
    """Return the text with `?` for lone surrogates and NUL, which files and databases refuse."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def plain_text(text: str, limit: int | None = None) -> str:
    """Return the text with `?` for lone surrogates and control characters.

    Args:
        text: any text, for example of a candidate.
        limit: largest number of characters kept.
    """
    kept = text if limit is None else text[:limit]
    if kept.isascii() and kept.isprintable():
        return kept
    signs = without_surrogates(kept)
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in signs)
