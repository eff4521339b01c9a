"""The encoding of a text file, decided from its bytes, and its text in UTF-8."""

import codecs
import re
from pathlib import Path

import pyarrow as pa

from agent.core.errors import SetupError

_CHUNK = 2**24
_HEAD = 2**16
_SAMPLE = 2**20
_MIN_ZERO_SHARE = 0.01  # UTF-16 text has zero bytes: those of separators, digits and line ends
_MAX_DAMAGE = 0.05  # of the characters beyond ASCII: a file with more wrong bytes is not UTF-8
_MIN_HIGH = 60  # bytes in runs that allow a guess of the language
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")
_HIGH = re.compile(rb"[\x80-\xff]")
_BAD_BYTE = re.compile("[\udc80-\udcff]")


def to_utf8(content: pa.Buffer, file: Path, given: str | None) -> tuple[pa.Buffer, str, tuple[str, ...]]:
    """Return the text in UTF-8 without a byte order mark, the name of its encoding, and notes.

    Raises:
        SetupError: the bytes are not text, or not text in the encoding of the specification.
    """
    encoding = given or decide_encoding(content)
    if encoding is None:
        raise SetupError(
            f"{file}: the file holds zero bytes (first in line {_line_of(content, bytes(1))}), so it is "
            "damaged or no text table; copy it again, or save the table as CSV."
        )
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise SetupError(f"{file}: `csv: encoding` names no known encoding: {encoding}.") from error
    if name in ("utf-8", "utf-8-sig", "ascii"):
        if is_utf8(content):
            return _without_mark(content), "utf-8", ()
        if given:
            raise SetupError(f"{file}: the file is not text in {given}; correct or remove `csv: encoding`.")
        return _mended(content, file)
    return _without_mark(_transcode(content, name, file, given)), encoding, ()


def decide_encoding(content: pa.Buffer) -> str | None:
    """Return the encoding, or None for bytes that are no text.

    A byte order mark decides first, then zero bytes (UTF-16), then valid UTF-8, then the high bytes.
    """
    head = content.slice(0, min(_HEAD, content.size)).to_pybytes()
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd >= _MIN_ZERO_SHARE * len(head) and (even == 0 or odd == 0) and content.size % 2 == 0:
        return "utf-16-be" if even else "utf-16-le"
    if any(b"\0" in bytes(part) for part in _parts(content)):
        return None
    return "utf-8" if is_utf8(content) or _is_damaged_utf8(content) else _one_byte_encoding(content)


def is_utf8(content: pa.Buffer) -> bool:
    """Return whether all bytes are valid UTF-8."""
    return _fits(content, "utf-8")


def _parts(content: pa.Buffer) -> list[memoryview]:
    view = memoryview(content)
    return [view[start : start + _CHUNK] for start in range(0, len(view), _CHUNK)]


def _fits(content: pa.Buffer, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for part in _parts(content):
            if decoder.getstate()[0] or not bytes(part).isascii():
                decoder.decode(part)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(content: pa.Buffer) -> bool:
    """Return whether the text is UTF-8 but for a few bytes (a cut end, a cell pasted from elsewhere)."""
    text = _high_sample(content).decode("utf-8", errors="surrogateescape")
    wrong = len(_BAD_BYTE.findall(text))
    beyond = sum(not character.isascii() for character in text)
    return wrong <= _MAX_DAMAGE * beyond


def _one_byte_encoding(content: pa.Buffer) -> str:
    """Return cp1252 (or latin-1, if a byte has no meaning there) for Western texts, else a detected encoding.

    In Western texts most high bytes stand alone between ASCII letters; in others they form whole words.
    """
    sample = _high_sample(content)
    in_runs = sum(len(run) for run in _HIGH_RUN.findall(sample))
    if in_runs > max(0.5 * len(_HIGH.findall(sample)), _MIN_HIGH):
        from charset_normalizer import from_bytes

        best = from_bytes(sample[:_HEAD]).best()
        if best is not None and _fits(content, best.encoding):
            return str(best.encoding)
    return "cp1252" if _fits(content, "cp1252") else "latin-1"


def _high_sample(content: pa.Buffer) -> bytes:
    """Return lines with high bytes, so that a few foreign letters in a large file count."""
    lines: list[bytes] = []
    size = 0
    for part in _parts(content):
        raw = bytes(part)
        if raw.isascii():
            continue
        for line in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", raw):
            lines.append(line[0][:_HEAD])
            size += len(lines[-1])
            if size > _SAMPLE:
                return b"".join(lines)
    return b"".join(lines)


def _mended(content: pa.Buffer, file: Path) -> tuple[pa.Buffer, str, tuple[str, ...]]:
    """Return UTF-8 text whose wrong bytes are read as cp1252."""
    raw = content.to_pybytes()
    text = raw.decode("utf-8", errors="surrogateescape")
    first = _BAD_BYTE.search(text)
    assert first is not None
    mended, count = _BAD_BYTE.subn(lambda match: _from_cp1252(match[0]), text)
    line = text.count("\n", 0, first.start()) + 1
    note = (
        f"{file.name}: {count} bytes are not UTF-8, the first in line {line}; they are read as "
        "Western letters (cp1252)."
    )
    return _without_mark(pa.py_buffer(mended.encode())), "utf-8", (note,)


def _from_cp1252(escaped: str) -> str:
    return bytes([ord(escaped) - 0xDC00]).decode("cp1252", errors="replace")


def _transcode(content: pa.Buffer, name: str, file: Path, given: str | None) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for part in _parts(content):
            sink.write(decoder.decode(part).encode())
        sink.write(decoder.decode(b"", True).encode())
    except (UnicodeError, LookupError) as error:
        advice = "correct or remove `csv: encoding`" if given else "it is damaged; copy it again"
        raise SetupError(f"{file}: the file is not text in {name}; {advice}.") from error
    return sink.getvalue()


def _without_mark(text: pa.Buffer) -> pa.Buffer:
    while text.slice(0, min(3, text.size)).to_pybytes() == codecs.BOM_UTF8:
        text = text.slice(3)
    return text


def _line_of(content: pa.Buffer, wanted: bytes) -> int:
    lines = 1
    for part in _parts(content):
        raw = bytes(part)
        place = raw.find(wanted)
        if place >= 0:
            return lines + raw.count(b"\n", 0, place)
        lines += raw.count(b"\n")
    return lines
