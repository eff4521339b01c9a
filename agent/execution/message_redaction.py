"""Redaction of one error message: what is static text stays, what may be a value of the data goes.

Static are the literals of the library that raised the error, words of the candidate's own code, names of
columns, and words and counts that are usual in messages of compiled code.
"""

import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.execution.library_text import StaticText, library_roots
from agent.execution.message_words import (
    COMMON_WORDS,
    MEASURES,
    OUT_OF_BOUNDS,
    SHAPE_MESSAGES,
    TYPE_NAMES,
)

MAX_MESSAGE_CHARS = 1500
PLACEHOLDER = "…"  # replaces redacted text

_EXCEPTIONS = frozenset(name for name in dir(builtins) if name.endswith(("Error", "Warning")))
_TOKEN = re.compile(r"\d(?:[\w.+-]*\w)?|\w+|\s+|[^\w\s]")
WORD = re.compile(r"[A-Za-z_]\w*")
# Text between quotation marks. An apostrophe within a word, as in `doesn't`, is not a quotation mark.
_QUOTED_SPAN = re.compile(
    r"(?<!\w)'(?:[^'\\\n]|\\.|(?<=\w)'(?=\w))*(?:'|$)|\"(?:[^\"\\\n]|\\.)*(?:\"|$)",  # its end may be cut off
    re.MULTILINE,
)


@dataclass(frozen=True)
class Known:
    """What may stay because it stands in the code or in the schema."""

    words: frozenset[str]
    """Words of the candidate's code."""
    columns: frozenset[str] = frozenset()
    """Names of columns, which may hold blanks."""

    @classmethod
    def of(cls, code: Mapping[str, str], columns: Iterable[str] = ()) -> "Known":
        words = (word for text in (*code.values(), *columns) for word in WORD.findall(text))
        return cls(frozenset(words), frozenset(columns))


def redact_message(message: str, known: Known, static: StaticText, by_library: bool) -> str:
    """Return the message without anything that may be a value of the data.

    Args:
        message: The message, of one or several lines.
        known: Words of the code and of the schema.
        static: Literals of the library that raised the error.
        by_library: Whether a library raised it, so that counts and shapes are no values of the data.

    Returns:
        The message; "" if no word is left.
    """
    message = _without_machine_paths(message[:MAX_MESSAGE_CHARS])
    if by_library and any(pattern.fullmatch(message.strip()) for pattern in SHAPE_MESSAGES):
        return message.strip()
    kept = bytearray(len(message))
    for start, end in _static_spans(message, static):
        kept[start:end] = b"\1" * (end - start)
    if by_library:
        for start, end in _measures(message):
            kept[start:end] = b"\1" * (end - start)
    quoted = bytearray(len(message))
    for span in _QUOTED_SPAN.finditer(message):
        quoted[span.start() : span.end()] = b"\1" * (span.end() - span.start())
        if span[0].strip("'\"") in known.columns:
            kept[span.start() : span.end()] = b"\1" * (span.end() - span.start())
    loose = known.words | COMMON_WORDS | TYPE_NAMES | _EXCEPTIONS | static.words
    strict = known.words | TYPE_NAMES
    redacted, end = "", 0
    for token in _TOKEN.finditer(message):
        redacted += PLACEHOLDER if token.start() > end else ""
        end = token.end()
        words = strict if quoted[token.start()] else loose
        stays = all(kept[token.start() : end]) or not _is_word_or_number(token[0]) or token[0] in words
        starts_sentence = by_library and not quoted[token.start()] and token[0].lower() in COMMON_WORDS
        redacted += token[0] if stays or starts_sentence else PLACEHOLDER
    return _tidy(redacted)


def _static_spans(message: str, static: StaticText) -> list[tuple[int, int]]:
    """Return where literal parts of the library stand in the message, at borders of words."""
    found = []
    for phrase in static.phrases:
        start = message.find(phrase)
        while start >= 0:
            end = start + len(phrase)
            if not _splits_word(message, start) and not _splits_word(message, end):
                found.append((start, end))
            start = message.find(phrase, end)
    return found


def _splits_word(message: str, at: int) -> bool:
    return 0 < at < len(message) and _in_word(message[at - 1]) and _in_word(message[at])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _measures(message: str) -> list[tuple[int, int]]:
    """Return where shapes, sizes and counts stand in the message of a library."""
    if bounds := OUT_OF_BOUNDS.search(message):
        return [bounds.span(1)]
    return [
        match.span(name)
        for match in MEASURES.finditer(message)
        for name in ("first", "second", "ranked", "count")
        if match[name] is not None
    ]


def _without_machine_paths(message: str) -> str:
    for root in library_roots():
        message = message.replace(root, "")
    return message


def _tidy(text: str) -> str:
    """Merge neighbouring placeholders, and drop lines without a word."""
    merged = re.sub(rf"{PLACEHOLDER}(?:[^\S\n]*[,;.:/-]?[^\S\n]*{PLACEHOLDER})+", PLACEHOLDER, text)
    lines = [line.rstrip() for line in merged.splitlines()]
    return "\n".join(line for line in lines if WORD.search(line)).strip()


def _is_word_or_number(token: str) -> bool:
    return token[0].isalnum() or token[0] == "_" or not token.isascii()
