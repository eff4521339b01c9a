"""Pictures of rows: where they are, whether they can be read, and their opaque copies."""

import os
import re
import stat
import string
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.files import is_contained, link_or_copy
from agent.competition.spec import InputColumn
from agent.competition.tables import require_columns
from agent.errors import SetupError

MEDIA = "media"
CHECK_ALL_UP_TO = 5_000
CHECK_SAMPLE = 1_000
MISSING_AT_MOST = 0.50
CORRUPT_AT_MOST = 0.01
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_MISSING = -1


@dataclass(frozen=True)
class MediaFiles:
    """One picture a row of a table: path below the folder as the table means it, the real file, its size."""

    names: list[str]
    files: list[str]
    sizes: NDArray[np.int64]  # bytes; -1: no such file

    @property
    def missing(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.sizes == _MISSING
        return mask

    def take(self, rows: NDArray[np.intp]) -> "MediaFiles":
        """The pictures of some rows."""
        return MediaFiles(
            [self.names[row] for row in rows], [self.files[row] for row in rows], self.sizes[rows]
        )


def find_media(folder: Path, image: InputColumn, table: pd.DataFrame, split: str, file: Path) -> MediaFiles:
    """Finds the picture of each row of `table` (read from `file`); `split` is train or test.

    Raises:
        SetupError: a pattern or cell that names a path outside the folder, or a column the table lacks.
    """
    names = fill_pattern(image.path or f"{{{image.name}}}", table, split, file)
    base = os.path.realpath(folder)
    files = [f"{base}/{name}" for name in names]
    sizes = np.full(len(names), _MISSING, dtype=np.int64)
    safe_parents: set[str] = set()
    for row, name in enumerate(names):
        if not name:  # a blank cell
            continue
        if not is_contained(name):
            raise SetupError(_outside(name, file, row))
        parent = os.path.dirname(files[row])
        if parent not in safe_parents:
            safe_parents.add(_require_below(parent, base, file, row))
        try:
            status = os.lstat(files[row])
            if stat.S_ISLNK(status.st_mode):
                _require_below(files[row], base, file, row)
                files[row] = os.path.realpath(files[row], strict=True)
                status = os.stat(files[row])
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISREG(status.st_mode):
            sizes[row] = status.st_size
    return MediaFiles(names, files, sizes)


def fill_pattern(pattern: str, table: pd.DataFrame, split: str, file: Path) -> list[str]:
    """Fills '{split}/{id}.png' for every row: {split} is given, any other name is a column of the table."""
    filled = pd.Series("", index=table.index, dtype=str)
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise SetupError(f"The image path {pattern!r} is no valid pattern: {error}.") from error
    for literal, field, form, conversion in parts:
        filled = filled + literal
        if field is None:
            continue
        if form or conversion or not field:
            raise SetupError(f"The image path {pattern!r} may hold plain names in braces only.")
        if field != "split":
            require_columns(table, [field], file)
        filled = filled + (split if field == "split" else table[field])
    return filled.tolist()


def broken_media(media: MediaFiles, file: Path, seed: int) -> tuple[NDArray[np.bool_], list[str]]:
    """Which rows have no readable picture, and a warning for each kind of fault.

    Every picture of a small table is decoded, of a larger one a seeded sample of 1,000.

    Raises:
        SetupError: more than half of the files are missing, or more than 1 % of those decoded are corrupt.
    """
    missing, warnings = media.missing, []
    if missing.any():
        example = _some(media, np.flatnonzero(missing))
        sentence = f"{file}: {missing.sum()} of {len(missing)} pictures are missing ({example})"
        if missing.mean() > MISSING_AT_MOST:
            raise SetupError(f"{sentence}; check the image path of competition.yaml.")
        warnings.append(sentence)
    present = np.flatnonzero(~missing)
    if len(present) > CHECK_ALL_UP_TO:
        present = np.sort(np.random.default_rng(seed).choice(present, CHECK_SAMPLE, replace=False))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        readable = np.array(list(pool.map(_decodes, [media.files[row] for row in present])), dtype=bool)
    corrupt = present[~readable]
    broken = missing.copy()
    if len(corrupt):
        example = _some(media, corrupt)
        sentence = f"{file}: {len(corrupt)} of {len(present)} checked pictures cannot be decoded ({example})"
        if len(corrupt) > CORRUPT_AT_MOST * len(present):
            raise SetupError(f"{sentence}; more than {CORRUPT_AT_MOST:.0%} are bad, so get the data again.")
        warnings.append(sentence)
        broken[corrupt] = True
    return broken, warnings


def place_media(media: MediaFiles, opaque: Sequence[str], target: Path) -> list[str]:
    """Links every picture that exists as `media/<opaque><suffix>` below `target`; returns all these names."""
    (target / MEDIA).mkdir(parents=True, exist_ok=True)
    names = []
    for row, (source, name) in enumerate(zip(media.files, opaque, strict=True)):
        suffix = os.path.splitext(media.names[row])[1].lower()
        names.append(f"{MEDIA}/{name}{suffix if _SUFFIX.fullmatch(suffix) else ''}")
        if media.sizes[row] != _MISSING:
            link_or_copy(source, f"{target}/{names[-1]}")
    return names


def require_decoder() -> None:
    """Raises SetupError where OpenCV is not installed."""
    try:
        import cv2  # noqa: F401  (an extra: only competitions with pictures need it)
    except ModuleNotFoundError as error:
        raise SetupError("Pictures need OpenCV; install MARS with its extra: mars-search[image].") from error


def decode(file: str | Path) -> NDArray[np.generic] | None:
    """The picture as (H, W) or (H, W, C) in OpenCV's channel order, None if it cannot be decoded."""
    import cv2

    try:
        content = np.fromfile(file, dtype=np.uint8)
        picture: NDArray[np.generic] | None = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except (FileNotFoundError, cv2.error):
        return None
    return picture


def _decodes(file: str) -> bool:
    return decode(file) is not None


def _require_below(path: str, base: str, file: Path, row: int) -> str:
    if os.path.commonpath([base, os.path.realpath(path)]) != base:
        raise SetupError(_outside(path, file, row))
    return path


def _outside(name: str, file: Path, row: int) -> str:
    return f"{file}: the picture {name!r} of row {row + 1} is outside the competition's folder."


def _some(media: MediaFiles, rows: NDArray[np.intp]) -> str:
    return ", ".join(media.names[row] for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
