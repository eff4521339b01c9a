"""Unpacking of compressed tables, with a limit on their size."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from agent.competition.reading.table_names import SUFFIXES, is_table_name, table_stem
from agent.core.errors import SetupError

MAX_UNPACKED = 8 * 2**30
_CHUNK = 2**22
_OFFICE = ("[Content_Types].xml", "mimetype", "xl/")


class _Stream(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def unpack(content: pa.Buffer, file: Path) -> tuple[pa.Buffer, str, tuple[str, ...]]:
    """Return the unpacked bytes, the file name without the suffix of the compression, and notes.

    Raises:
        SetupError: the file is damaged, too large, or an archive of several tables.
    """
    head = content.slice(0, min(8, content.size)).to_pybytes()
    raw = pa.BufferReader(content)
    inner = file.name[: -len(file.suffix)] if file.suffix.lower() in SUFFIXES else file.name
    try:
        if head.startswith(b"\x1f\x8b"):
            return _read_bounded(gzip.GzipFile(fileobj=raw), file), inner, ()
        if head.startswith(b"BZh"):
            return _read_bounded(bz2.BZ2File(raw), file), inner, ()
        if head.startswith(b"\xfd7zXZ\0"):
            return _read_bounded(lzma.LZMAFile(raw), file), inner, ()
        if head.startswith(b"\x28\xb5\x2f\xfd"):
            import zstandard

            return (
                _read_bounded(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True), file),
                inner,
                (),
            )
        if head.startswith(b"PK\x03\x04"):
            return _open_zip(content, file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise SetupError(
            f"{file}: the compressed file is damaged or cut off; copy or download it again."
        ) from error
    return content, file.name, ()


def _open_zip(content: pa.Buffer, file: Path) -> tuple[pa.Buffer, str, tuple[str, ...]]:
    """Return the only table of a zip archive. Excel files are zip archives too; they stay as they are."""
    with zipfile.ZipFile(pa.BufferReader(content)) as archive:
        members = [entry for entry in archive.infolist() if not entry.is_dir()]
        if any(entry.filename.startswith(_OFFICE) for entry in members):
            return content, file.name, ()
        chosen = _table_of(members, file)
        if chosen.flag_bits & 1:
            raise SetupError(f"{file}: the archive has a password; unpack it.")
        notes: tuple[str, ...] = ()
        if len(members) > 1:
            notes = (f"{file.name}: the table '{chosen.filename}' of the archive is read.",)
        with archive.open(chosen) as stream:
            return _read_bounded(stream, file), Path(chosen.filename).name, notes


def _table_of(members: list[zipfile.ZipInfo], file: Path) -> zipfile.ZipInfo:
    """Return the only member, the only table, or the table with the name of the archive."""
    files = [entry for entry in members if not Path(entry.filename).name.startswith(".")]
    files = [entry for entry in files if not entry.filename.startswith("__MACOSX/")]
    tables = [entry for entry in files if is_table_name(entry.filename)]
    stem = table_stem(file.name.removesuffix(file.suffix)).lower()
    named = [entry for entry in tables if table_stem(Path(entry.filename).name).lower() == stem]
    for choice in (files, tables, named):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(entry.filename for entry in tables[:5]) or "no table"
    raise SetupError(f"{file}: the archive holds {len(files)} files ({names}); unpack it and name one table.")


def _read_bounded(stream: _Stream, file: Path) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > MAX_UNPACKED:
            raise SetupError(
                f"{file}: the unpacked file takes more than {MAX_UNPACKED // 2**30} GiB; split the table."
            )
        sink.write(chunk)
    return sink.getvalue()
