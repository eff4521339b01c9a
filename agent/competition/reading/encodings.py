"""The encoding of a text file, decided from its bytes."""

import codecs
from pathlib import Path

import pyarrow as pa

from agent.core.errors import SetupError

_CHUNK = 2**24
_SAMPLE = 2**16


def to_utf8(content: pa.Buffer, file: Path, given: str | None) -> tuple[pa.Buffer, str]:
    """Return the text in UTF-8 without a byte order mark, and the name of its encoding.

    Raises:
        SetupError: the encoding of the specification is unknown or does not fit the bytes.
    """
    encoding = given or decide_encoding(content)
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise SetupError(f"{file}: `csv: encoding` names no known encoding: {encoding}.") from error
    if name in ("utf-8", "utf-8-sig", "ascii"):
        _require_utf8(content, file, given)
        start = 3 if content.slice(0, min(3, content.size)).to_pybytes() == codecs.BOM_UTF8 else 0
        return content.slice(start), "utf-8"
    sink = pa.BufferOutputStream()
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for start in range(0, content.size, _CHUNK):
            part = content.slice(start, min(_CHUNK, content.size - start)).to_pybytes()
            sink.write(decoder.decode(part).encode())
        sink.write(decoder.decode(b"", True).encode())
    except UnicodeError as error:
        raise SetupError(
            f"{file}: the file is not text in {encoding}; correct or remove `csv: encoding`."
            if given
            else f"{file}: the file looks like {encoding} but is damaged; save it in UTF-8."
        ) from error
    text = sink.getvalue()
    if text.size >= 3 and text.slice(0, 3).to_pybytes() == codecs.BOM_UTF8:
        text = text.slice(3)
    return text, encoding


def decide_encoding(content: pa.Buffer) -> str:
    """Return the encoding: a byte order mark, then UTF-16 by its zero bytes, then UTF-8, then one-byte."""
    head = content.slice(0, min(_SAMPLE, content.size)).to_pybytes()
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > 0.2 * len(head) / 2:
        return "utf-16-be" if even > odd else "utf-16-le"
    if is_utf8(content):
        return "utf-8"
    return "cp1252" if _fits(content, "cp1252") else "latin-1"


def is_utf8(content: pa.Buffer) -> bool:
    """Return whether all bytes are valid UTF-8."""
    return _fits(content, "utf-8")


def _fits(content: pa.Buffer, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, content.size, _CHUNK):
            decoder.decode(content.slice(start, min(_CHUNK, content.size - start)).to_pybytes())
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _require_utf8(content: pa.Buffer, file: Path, given: str | None) -> None:
    if given is not None and not is_utf8(content):
        raise SetupError(f"{file}: the file is not text in {given}; correct or remove `csv: encoding`.")
