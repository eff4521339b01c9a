"""Images of rows: lookup by path or by name, and the images of archives."""

import os
import stat
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.pictures.archives import PictureArchive, extract
from agent.competition.pictures.index import PictureFile, PictureIndex, build_index
from agent.competition.spec import InputColumn
from agent.competition.tables import require_columns
from agent.core.errors import SetupError, redacted_as
from agent.core.files import is_contained, link_limit

MEDIA = "media"
ANY_FOLDERS = "**/"
ANY_ENDING = ".*"
_MISSING = -1


@dataclass(frozen=True)
class MediaFiles:
    """One image per row of a table: relative path, resolved file and size in bytes."""

    names: list[str]
    files: list[str]  # blank for a missing image and for one that is still in an archive
    sizes: NDArray[np.int64]  # (N,) bytes; -1 for a missing file
    archived: Mapping[int, PictureFile] = field(default_factory=dict)  # by row
    hint: str = ""  # for messages on missing files: files that exist

    @property
    def missing(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.sizes == _MISSING
        return mask

    def take(self, rows: NDArray[np.intp]) -> "MediaFiles":
        """Return the images of the given rows; images of archives must be unpacked."""
        assert not self.archived
        return MediaFiles(
            [self.names[row] for row in rows], [self.files[row] for row in rows], self.sizes[rows]
        )

    def unpack(self, scratch: Path) -> "MediaFiles":
        """Return the images with those of archives written to an empty folder.

        Raises:
            SetupError: An archive is damaged or too large for the disk.
        """
        if not self.archived:
            return self
        files, targets = list(self.files), dict[PictureArchive, dict[str, Path]]()
        for row, picture in self.archived.items():
            assert picture.archive is not None
            members = targets.setdefault(picture.archive, {})
            files[row] = str(members.setdefault(picture.name, scratch / f"{row:09}"))
        for archive, members in targets.items():
            extract(archive, members)
        return replace(self, files=files, archived={})


@redacted_as("the images are not where the path pattern says")
def find_media(
    folder: Path,
    image: InputColumn,
    table: pd.DataFrame,
    split: str,
    file: Path,
    index: PictureIndex | None = None,
) -> MediaFiles:
    """Find the image of each row of a table.

    Args:
        folder: the folder of the competition.
        image: the image input, with the path pattern.
        table: the rows.
        split: "train" or "test", which fills {split} in the pattern.
        file: the file of the table, for messages.
        index: the images of the folder, if they are listed already.

    Raises:
        SetupError: a path is outside the folder, the pattern names a column that the table lacks, or a cell
            may mean several images.
    """
    pattern = image.path or f"{{{image.name}}}"
    if is_lookup(pattern):
        return _look_up(index or build_index(folder), folder, pattern, table, split, file)
    media = _find_exactly(folder, pattern, table, split, file)
    if not media.missing.any():
        return media
    return _find_in_archives(media, index or build_index(folder), pattern)


def is_lookup(pattern: str) -> bool:
    """Return whether a path pattern finds images by name: with '**/' (any folders) or '.*' (any ending)."""
    return "*" in pattern


def _find_exactly(folder: Path, pattern: str, table: pd.DataFrame, split: str, file: Path) -> MediaFiles:
    names = fill_pattern(pattern, table, split, file)
    base = os.path.realpath(folder)
    files = [f"{base}/{name}" for name in names]
    sizes = np.full(len(names), _MISSING, dtype=np.int64)
    safe_parents: set[str] = set()
    for row, name in enumerate(names):
        if not name:  # a blank cell
            continue
        if not is_contained(name):
            raise SetupError(
                f"{_outside_message(name, file, row)} Write `path: '{ANY_FOLDERS}{pattern}'` in "
                "competition.yaml to find images by their names."
            )
        parent = os.path.dirname(files[row])
        if parent not in safe_parents:
            safe_parents.add(_require_inside(parent, base, file, row))
        try:
            status = os.lstat(files[row])
            if stat.S_ISLNK(status.st_mode):
                _require_inside(files[row], base, file, row)
                files[row] = os.path.realpath(files[row], strict=True)
                status = os.stat(files[row])
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISREG(status.st_mode):
            sizes[row] = status.st_size
    return MediaFiles(names, files, sizes)


def _find_in_archives(media: MediaFiles, index: PictureIndex, pattern: str) -> MediaFiles:
    """Add the missing images that archives hold at the same path, and a hint on the others."""
    members = {picture.name: picture for picture in index.files if picture.archive is not None}
    sizes, archived = media.sizes.copy(), dict[int, PictureFile]()
    for row in np.flatnonzero(media.missing):
        picture = members.get(media.names[row])
        if picture is not None and picture.archive is not None:
            archived[int(row)] = picture
            sizes[row] = picture.archive.members[picture.name].size
    hint = _hint(index)
    still = np.flatnonzero(sizes == _MISSING)
    similar = index.find(media.names[still[0]]) if len(still) else []
    if similar:
        name, _, rest = pattern.rpartition("/")
        lookup = (f"{name}/" if name else "") + ANY_FOLDERS + os.path.splitext(rest)[0] + ANY_ENDING
        hint = f"{similar[0].name} has a similar name: `path: '{lookup}'` finds files with any ending"
    return replace(media, sizes=sizes, archived=archived, hint=hint)


def _look_up(
    index: PictureIndex, folder: Path, pattern: str, table: pd.DataFrame, split: str, file: Path
) -> MediaFiles:
    root_pattern, rest = _split_lookup(pattern)
    roots = fill_pattern(root_pattern, table, split, file)
    cells = fill_pattern(rest, table, split, file)
    names, files = list(cells), [""] * len(cells)
    sizes = np.full(len(cells), _MISSING, dtype=np.int64)
    archived: dict[int, PictureFile] = {}
    base = os.path.realpath(folder)
    for row, (root, cell) in enumerate(zip(roots, cells, strict=True)):
        found = index.find(cell, root)
        if ANY_FOLDERS not in pattern:
            place = cell.rpartition("/")[0]
            found = [picture for picture in found if picture.name.rpartition("/")[0] == place]
        if len(found) > 1:
            raise SetupError(
                f"{file}: row {row + 1}: {cell!r} may mean {found[0].name} or {found[1].name}; "
                "write a path into competition.yaml that names one of them."
            )
        for picture in found:
            names[row] = picture.name
            if picture.archive is not None:
                archived[row] = picture
                sizes[row] = picture.archive.members[picture.name].size
                continue
            _require_inside(f"{base}/{picture.name}", base, file, row)
            files[row] = os.path.realpath(f"{base}/{picture.name}")
            sizes[row] = os.stat(files[row]).st_size
    return MediaFiles(names, files, sizes, archived, _hint(index))


def _split_lookup(pattern: str) -> tuple[str, str]:
    """Return the pattern of the folder and the pattern of the name; without '**/' the folder is blank."""
    shortened = pattern.removesuffix(ANY_ENDING)
    root, mark, rest = shortened.partition(ANY_FOLDERS)
    if not mark:
        root, rest = "", shortened
    if "*" in root + rest or (root and not root.endswith("/")):
        raise SetupError(
            f"The image path {pattern!r} may hold '{ANY_FOLDERS}' once, for any folders, and end in "
            f"'{ANY_ENDING}', for any ending; correct competition.yaml."
        )
    return root, rest


def _hint(index: PictureIndex) -> str:
    """Return the files that exist, and archives that are not read; without a full stop."""
    return " ".join([*index.faults, f"The folder has {index.describe()}"])


def fill_pattern(pattern: str, table: pd.DataFrame, split: str, file: Path) -> list[str]:
    """Fill a pattern such as '{split}/{id}.png' for every row. Names other than {split} are columns."""
    filled = pd.Series("", index=table.index, dtype=str)
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise SetupError(
            f"The image path {pattern!r} is not a valid pattern: {error}; correct competition.yaml."
        ) from error
    for literal, name, format_spec, conversion in parts:
        filled = filled + literal
        if name is None:
            continue
        name += (f"!{conversion}" if conversion else "") + (f":{format_spec}" if format_spec else "")
        if name not in {"split", *table.columns} and (format_spec or conversion or not name):
            raise SetupError(
                f"The image path {pattern!r} may hold only plain names in braces, such as {{id}}."
            )
        if name != "split":
            require_columns(table, [name], file)
        filled = filled + (split if name == "split" else table[name])
    return filled.tolist()


def _require_inside(path: str, base: str, file: Path, row: int) -> str:
    """Return the path; links may lead into the parent of the folder, as those of tables may."""
    limit = str(link_limit(Path(base)))
    if os.path.commonpath([limit, os.path.realpath(path)]) != limit:
        raise SetupError(_outside_message(path, file, row))
    return path


def _outside_message(name: str, file: Path, row: int) -> str:
    return f"{file}: the image {name!r} of row {row + 1} is outside the folder of the competition."
