"""An index of the picture files of a folder, and the lookup of a file by the cell of a table.

A cell names a picture in many ways: by its stem, by a path of another machine, without zeros or in another
case. The lookup accepts each of them if exactly one file fits. It returns only files of the index, so no cell
can lead out of the folder.
"""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from agent.competition.pictures.archives import PictureArchive, find_archives
from agent.core.files import link_limit

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".jp2", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".dcm", ".svg", ".psd", ".dng", ".cr2", ".nef", ".raw", ".nii"}
)
"""Endings of pictures that are not read."""

ANSWERS_FOLDER = "answers"  # hidden from everything but `mars grade`
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"\0\0\0\x0cjP")
_DRIVE = re.compile(r"^[A-Za-z]:")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_LISTED_NAMES = 3


@dataclass(frozen=True)
class PictureFile:
    """A picture below a folder: its path there, and the archive that holds it, if one does."""

    name: str
    archive: PictureArchive | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the folders of the path in normal form, the innermost first."""
        return tuple(normal_name(part) for part in reversed(self.name.split("/")[:-1]))


@dataclass
class PictureIndex:
    """All pictures below a folder, by their names in four forms from strict to lenient."""

    files: list[PictureFile]
    archives: list[PictureArchive]
    faults: list[str] = field(default_factory=list)  # on files that are not read, one sentence each
    _forms: list[dict[str, list[PictureFile]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._forms = [defaultdict(list) for _ in _name_forms("a")]
        for picture in self.files:
            for form, name in zip(self._forms, _name_forms(picture.name.rpartition("/")[2]), strict=True):
                form[name].append(picture)

    def find(self, cell: str, root: str = "") -> list[PictureFile]:
        """Return the pictures that a cell may mean: none, one, or several if the cell is ambiguous.

        Args:
            cell: A file name, a stem or a path, with slashes or backslashes.
            root: Only files below this folder count.
        """
        parts = split_path(cell)
        if not parts:
            return []
        folders = tuple(normal_name(part) for part in reversed(parts[:-1]))
        below = f"{root.rstrip('/')}/" if root.strip("/") else ""
        for form, name in zip(self._forms, _name_forms(parts[-1]), strict=True):
            found = [one for one in form.get(name, ()) if one.name.startswith(below)]
            if found:
                return _with_longest_tail(found, folders)
        return []

    def describe(self) -> str:
        """Return some names of the index for messages."""
        if not self.files:
            return "no images"
        names = [picture.name for picture in self.files[:_LISTED_NAMES]]
        return ", ".join(names) + (", ..." if len(self.files) > _LISTED_NAMES else "")


def build_index(folder: Path) -> PictureIndex:
    """List the pictures below a folder, and those in its archives that are not unpacked beside them."""
    unread = Counter[str]()
    files = [PictureFile(name) for name in _picture_names(folder, unread)]
    archives, faults = find_archives(folder, is_picture_name)
    faults += [
        f"{folder}: MARS does not read its {count} files with the ending {suffix}; convert them to PNG."
        for suffix, count in sorted(unread.items())
    ]
    for archive in archives:
        files += [PictureFile(name, archive) for name in archive.members]
    return PictureIndex(files, archives, faults)


def is_picture_name(name: str) -> bool:
    """Return whether a file name has the ending of a picture or no ending at all."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PICTURE_SUFFIXES or not path.suffix


def normal_name(name: str) -> str:
    """Return a name in composed Unicode, without case."""
    return unicodedata.normalize("NFC", name).casefold()


def split_path(cell: str) -> list[str]:
    """Return the parts of a path of any system: no drive, no root and no dots."""
    parts = _DRIVE.sub("", cell.strip()).replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".", "..")]


def without_suffix(name: str) -> str:
    """Return a file name without the ending of a picture; other endings belong to the name."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in PICTURE_SUFFIXES else name


def _name_forms(name: str) -> tuple[str, str, str, str]:
    """Return a file name as it is, without case, without ending, and without leading zeros."""
    composed = unicodedata.normalize("NFC", name)
    stem = without_suffix(composed.casefold())
    return composed, composed.casefold(), stem, _LEADING_ZEROS.sub("", stem)


def _with_longest_tail(found: list[PictureFile], folders: tuple[str, ...]) -> list[PictureFile]:
    """Return the pictures whose innermost folders agree with most of the cell's folders."""
    lengths = [_common_length(picture.folders, folders) for picture in found]
    return [one for one, length in zip(found, lengths, strict=True) if length == max(lengths)]


def _common_length(first: Iterable[str], second: Iterable[str]) -> int:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def _picture_names(folder: Path, unread: Counter[str]) -> Iterator[str]:
    """Yield the paths of pictures below a folder, sorted in each folder. Hidden entries do not count.

    Endings of pictures that are not read are counted in `unread`.
    """
    base = os.path.realpath(folder)
    limit = str(link_limit(Path(base)))
    pending, seen = [""], {base, os.path.join(base, ANSWERS_FOLDER)}
    while pending:
        below = pending.pop(0)
        for entry in sorted(os.scandir(os.path.join(folder, below)), key=lambda entry: entry.name):
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith((".", "__MACOSX")):
                continue
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real not in seen and os.path.commonpath([limit, real]) == limit:
                    seen.add(real)
                    pending.append(name)
            elif os.path.splitext(entry.name)[1].lower() in UNREAD_SUFFIXES:
                unread[os.path.splitext(entry.name)[1].lower()] += 1
            elif entry.is_file() and _is_picture(entry):
                yield name


def _is_picture(entry: "os.DirEntry[str]") -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix in PICTURE_SUFFIXES:
        return True
    if suffix and not suffix[1:].isdecimal():
        return False
    try:
        with open(entry.path, "rb") as stream:
            return stream.read(12).startswith(_SIGNATURES)
    except OSError:
        return False
