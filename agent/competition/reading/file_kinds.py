"""Kinds of files by their first bytes."""

import json
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from agent.core.errors import SetupError


class FileKind(StrEnum):
    """What a file holds. The values complete the sentence 'the file is ...'."""

    TEXT = "a text table"
    PARQUET = "a Parquet file"
    ARROW = "a Feather or Arrow file"
    SPREADSHEET = "an Excel or OpenDocument file"
    JSON = "a JSON file"
    EMPTY = "empty"
    SQLITE = "an SQLite database"
    HDF5 = "an HDF5 file"
    PICKLE = "a pickle file"
    NUMPY = "a NumPy array"
    PNG = "a PNG picture"
    JPEG = "a JPEG picture"
    GIF = "a GIF picture"
    TIFF = "a TIFF picture"
    PDF = "a PDF document"
    RDATA = "an R data file"
    SAS = "a SAS file"
    STATA = "a Stata file"
    AVRO = "an Avro file"
    ORC = "an ORC file"
    SEVEN_ZIP = "a 7z archive"
    RAR = "a RAR archive"
    TAR = "a tar archive"
    EXECUTABLE = "a program"
    LFS = "a Git LFS pointer"
    HTML = "a web page"
    XML = "an XML document"
    BINARY = "binary data"


_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAR1", FileKind.PARQUET),
    (b"PARE", FileKind.PARQUET),
    (b"ARROW1", FileKind.ARROW),
    (b"FEA1", FileKind.ARROW),
    (b"\xff\xff\xff\xff", FileKind.ARROW),
    (b"PK\x03\x04", FileKind.SPREADSHEET),
    (b"\xd0\xcf\x11\xe0", FileKind.SPREADSHEET),
    (b"SQLite format 3\0", FileKind.SQLITE),
    (b"\x89HDF\r\n\x1a\n", FileKind.HDF5),
    (b"\x93NUMPY", FileKind.NUMPY),
    (b"\x80\x02", FileKind.PICKLE),
    (b"\x80\x03", FileKind.PICKLE),
    (b"\x80\x04", FileKind.PICKLE),
    (b"\x80\x05", FileKind.PICKLE),
    (b"\x89PNG\r\n", FileKind.PNG),
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"GIF8", FileKind.GIF),
    (b"II*\0", FileKind.TIFF),
    (b"MM\0*", FileKind.TIFF),
    (b"%PDF", FileKind.PDF),
    (b"RDX", FileKind.RDATA),
    (b"RDA", FileKind.RDATA),
    (b"X\n\0\0\0", FileKind.RDATA),
    (b"<stata_dta>", FileKind.STATA),
    (b"Obj\x01", FileKind.AVRO),
    (b"ORC", FileKind.ORC),
    (b"7z\xbc\xaf\x27\x1c", FileKind.SEVEN_ZIP),
    (b"Rar!", FileKind.RAR),
    (b"\x7fELF", FileKind.EXECUTABLE),
    (b"version https://git-lfs.github.com/spec/", FileKind.LFS),
)
_READABLE = {FileKind.TEXT, FileKind.PARQUET, FileKind.ARROW, FileKind.SPREADSHEET, FileKind.JSON}
_WHAT_TO_DO = {
    FileKind.LFS: "the table itself is not there; run `git lfs pull`",
    FileKind.HTML: "download the table itself; a login or error page may have been saved in its place",
    FileKind.TAR: "unpack it",
    FileKind.SEVEN_ZIP: "unpack it",
    FileKind.RAR: "unpack it",
}
_HEAD = 4096
_MAX_CONTROL = 0.01  # share of control characters in text


def kind_of(content: pa.Buffer, name: str) -> FileKind:
    """Return what the bytes hold. `name` decides only between text and JSON."""
    head = content.slice(0, min(_HEAD, content.size)).to_pybytes()
    if not head.strip(b" \t\r\n\xef\xbb\xbf\xff\xfe\0"):
        return FileKind.EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return FileKind.TAR
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return FileKind.HTML
    if text.startswith(b"<?xml"):
        return FileKind.XML
    if Path(name).suffix.lower() in (".json", ".jsonl", ".ndjson") or _starts_as_json(text):
        return FileKind.JSON
    if _is_binary(head):
        return FileKind.BINARY
    return FileKind.TEXT


def refuse_unreadable(kind: FileKind, file: Path) -> None:
    """Raise SetupError unless the kind is a table."""
    if kind is FileKind.EMPTY:
        raise SetupError(f"{file}: the file is empty.")
    if kind not in _READABLE:
        action = _WHAT_TO_DO.get(kind, "save the table as CSV or Parquet")
        raise SetupError(f"{file}: the file is {kind.value}, not a table; {action}.")


def _starts_as_json(text: bytes) -> bool:
    first = text.split(b"\n", 1)[0].strip()
    if first.startswith(b"{") and first.endswith(b"}"):
        try:
            return isinstance(json.loads(first), dict)
        except ValueError:
            return False
    return text[:1] == b"[" and text[1:].lstrip()[:1] == b"{"


def _is_binary(head: bytes) -> bool:
    """Return whether the bytes are neither text in UTF-8 or UTF-16 nor text of one byte per letter."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return False
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (even or odd) and not (even and odd):
        return False  # perhaps UTF-16
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            control = sum(0 < byte < 9 or 13 < byte < 32 for byte in head)
            return control > _MAX_CONTROL * len(head)
    return False
