"""Standard output and standard error that any terminal, pipe or file accepts."""

import codecs
import contextlib
import os
import sys
from io import TextIOWrapper

_ERRORS = "mars-replace"  # name of the error handler of the streams

# What a terminal without the character shows instead; other characters become escapes such as \u6570.
_INSTEAD = {
    "±": "+-",
    "×": "x",
    "→": "->",
    "–": "-",
    "—": "-",
    "…": "...",
    "●": "o",
    "▲": "^",
    "✗": "x",
    "◦": ".",
    "★": "*",
    "├": "|",
    "└": "`",
    "│": "|",
    "─": "-",
    "━": "-",
    "╸": "-",
    "╺": "-",
    "•": "*",
    "’": "'",
    "“": '"',
    "”": '"',
    "\u00a0": " ",
}


def open_streams() -> None:
    """Replace what a stream cannot encode, and give a closed stream a place to write to."""
    codecs.register_error(_ERRORS, _replace)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (open until the end)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def close_streams() -> None:
    """Write what is left. A pipe that its reader has closed takes nothing more, and nothing is reported."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return the replacement of the characters that cannot be encoded, and where encoding goes on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    encoding = error.encoding
    shown = "".join(_shown(char, encoding) for char in error.object[error.start : error.end])
    return shown, error.end


def _shown(char: str, encoding: str) -> str:
    """Return a character as the encoding can write it."""
    for text in (char, _INSTEAD.get(char, "")):
        with contextlib.suppress(UnicodeEncodeError):
            if text and text.encode(encoding):
                return text
    return char.encode("ascii", "backslashreplace").decode("ascii")
