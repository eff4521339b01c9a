"""Pictures in zip and tar files: listing, and safe extraction of single members.

A member is written under a name that MARS chooses, so no entry can leave the target folder. Links and
encrypted entries are refused.
"""

import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.core.errors import SetupError
from agent.core.files import is_contained

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MAX_BYTES = 500 * 2**30
_MAX_FILES = 5_000_000
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(NotImplementedError, EOFError, ValueError, RuntimeError),
)
_CHUNK = 2**20
_HIDDEN = re.compile(r"(^|/)(\.(?!\.?/)|__MACOSX/)")


@dataclass(frozen=True)
class Member:
    """An entry of an archive."""

    entry: str  # name in the archive
    path: str  # with slashes
    size: int  # bytes, as declared


@dataclass(frozen=True, eq=False)
class PictureArchive:
    """An archive and its pictures, by the path that they would have below the folder if unpacked."""

    file: Path
    members: Mapping[str, Member]


def find_archives(folder: Path, is_picture: Callable[[str], bool]) -> tuple[list[PictureArchive], list[str]]:
    """Return the archives directly in a folder that hold pictures and are not unpacked beside it.

    Returns:
        The archives, and a sentence on each archive that is not read. Such an archive is damaged, or one of
        its pictures is a link, encrypted or outside of the folder.
    """
    found, faults = [], []
    for file in sorted(folder.iterdir()):
        stem = _archive_stem(file.name)
        if stem is None or file.name.startswith(".") or not file.is_file() or (folder / stem).exists():
            continue
        try:
            members = _list_members(file, is_picture)
        except SetupError as error:
            faults.append(str(error))
            continue
        if members:
            found.append(PictureArchive(file, _place_members(members, stem)))
    return found, faults


def extract(archive: PictureArchive, targets: Mapping[str, Path]) -> None:
    """Write members of an archive, given by their paths in `members`, to files.

    Raises:
        SetupError: The archive is damaged or too large for the disk.
    """
    wanted = {archive.members[name].entry: target for name, target in targets.items()}
    size = sum(archive.members[name].size for name in targets)
    if not wanted:
        return
    free = shutil.disk_usage(next(iter(targets.values())).parent).free
    if size > min(free, _MAX_BYTES) or len(wanted) > _MAX_FILES:
        raise SetupError(
            f"{archive.file}: its {len(wanted)} pictures need {size / 2**30:.1f} GiB, but "
            f"{free / 2**30:.1f} GiB are free; free some space."
        )
    sizes = {archive.members[name].entry: archive.members[name].size for name in targets}
    with _translate_damage(archive.file):
        for entry, stream in _read_entries(archive.file, wanted):
            _copy(stream, wanted[entry], sizes[entry])


def _archive_stem(name: str) -> str | None:
    """Return a file name without the ending of an archive; None if it has none."""
    ending = next((one for one in reversed(ARCHIVE_SUFFIXES) if name.lower().endswith(one)), None)
    return None if ending is None else name[: -len(ending)]


def _place_members(members: list[Member], stem: str) -> dict[str, Member]:
    """Return members by their paths below the folder: in a folder named like the archive."""
    wrapped = all(member.path.startswith(f"{stem}/") for member in members)
    return {member.path if wrapped else f"{stem}/{member.path}": member for member in members}


def _list_members(file: Path, is_picture: Callable[[str], bool]) -> list[Member]:
    members = []
    with _translate_damage(file):
        for name, size, fault in _list_zip(file) if _is_zip(file) else _list_tar(file):
            path = name.replace("\\", "/").removeprefix("./")  # some programs on Windows write backslashes
            if not is_picture(path) or _HIDDEN.search(path):
                continue
            if not is_contained(path):
                fault = "leaves the folder"
            if fault:
                raise SetupError(f"{file}: the entry {name!r} {fault}; unpack the archive and check it.")
            members.append(Member(name, path, size))
    if len(members) > _MAX_FILES:
        raise SetupError(f"{file}: the archive holds more than {_MAX_FILES} pictures.")
    return members


def _is_zip(file: Path) -> bool:
    return file.name.lower().endswith(".zip")


def _list_zip(file: Path) -> Iterator[tuple[str, int, str]]:
    """Yield name, size and fault of each entry that is no folder."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir():
                continue
            fault = "is a link" if kind not in (0, stat.S_IFREG) else ""
            yield entry.orig_filename, entry.file_size, "is encrypted" if entry.flag_bits & 1 else fault


def _list_tar(file: Path) -> Iterator[tuple[str, int, str]]:
    with tarfile.open(file) as archive:
        for entry in archive:
            if not entry.isdir():
                yield entry.name, entry.size, "" if entry.isreg() else "is a link"


def _read_entries(file: Path, wanted: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the wanted entries with their content, in the order of the archive."""
    names = set(wanted)
    if _is_zip(file):
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.orig_filename in names:
                    with archive.open(entry) as stream:
                        yield entry.orig_filename, stream
        return
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.name in names and member.isreg() else None
            if content is not None:
                yield member.name, content


def _copy(stream: IO[bytes], target: Path, size: int) -> None:
    """Copy at most `size` bytes: an entry that holds more than it declares is cut."""
    with target.open("wb") as out:
        while size > 0 and (chunk := stream.read(min(_CHUNK, size))):
            out.write(chunk)
            size -= len(chunk)


@contextmanager
def _translate_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise SetupError(
            f"{file}: the archive is damaged or of an unsupported kind; pack it again."
        ) from error
