"""Images of rows: lookup, check that they decode, and copies under opaque names."""

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

from agent.competition.spec import InputColumn
from agent.competition.tables import require_columns
from agent.core.errors import SetupError, redacted_as
from agent.core.files import is_contained, link_or_copy
from agent.core.steps import counted_step

MEDIA = "media"
CHECK_ALL_UP_TO = 5_000
CHECK_SAMPLE = 1_000
MAX_MISSING_SHARE = 0.50
MAX_CORRUPT_SHARE = 0.01
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_MISSING = -1


@dataclass(frozen=True)
class MediaFiles:
    """One image per row of a table: relative path, resolved file and size in bytes."""

    names: list[str]
    files: list[str]
    sizes: NDArray[np.int64]  # (N,) bytes; -1 for a missing file

    @property
    def missing(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.sizes == _MISSING
        return mask

    def take(self, rows: NDArray[np.intp]) -> "MediaFiles":
        """Return the images of the given rows."""
        return MediaFiles(
            [self.names[row] for row in rows], [self.files[row] for row in rows], self.sizes[rows]
        )


@redacted_as("the images are not where the path pattern says")
def find_media(folder: Path, image: InputColumn, table: pd.DataFrame, split: str, file: Path) -> MediaFiles:
    """Find the image of each row of a table.

    Args:
        folder: the folder of the competition.
        image: the image input, with the path pattern.
        table: the rows.
        split: "train" or "test", which fills {split} in the pattern.
        file: the file of the table, for messages.

    Raises:
        SetupError: a path is outside the folder, or the pattern names a column that the table lacks.
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
            raise SetupError(_outside_message(name, file, row))
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


def fill_pattern(pattern: str, table: pd.DataFrame, split: str, file: Path) -> list[str]:
    """Fill a pattern such as '{split}/{id}.png' for every row. Names other than {split} are columns."""
    filled = pd.Series("", index=table.index, dtype=str)
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise SetupError(
            f"The image path {pattern!r} is not a valid pattern: {error}; correct competition.yaml."
        ) from error
    for literal, field, format_spec, conversion in parts:
        filled = filled + literal
        if field is None:
            continue
        if format_spec or conversion or not field:
            raise SetupError(
                f"The image path {pattern!r} may hold only plain names in braces, such as {{id}}."
            )
        if field != "split":
            require_columns(table, [field], file)
        filled = filled + (split if field == "split" else table[field])
    return filled.tolist()


@redacted_as("some images are missing or cannot be read")
def find_broken_media(media: MediaFiles, file: Path, seed: int) -> tuple[NDArray[np.bool_], list[str]]:
    """Find rows without a readable image, and warnings for the user.

    Up to 5,000 images are all decoded; of more images, a seeded sample of 1,000 is decoded.

    Returns:
        A mask (N,) of rows to drop, and one warning per kind of fault.

    Raises:
        SetupError: more than 50 % of the files are missing, or more than 1 % of the checked ones are corrupt.
    """
    missing, warnings = media.missing, []
    if missing.any():
        example = _first_names(media, np.flatnonzero(missing))
        message = f"{file}: {missing.sum()} of {len(missing)} images are missing ({example})"
        if missing.mean() > MAX_MISSING_SHARE:
            raise SetupError(f"{message}; check the image path of competition.yaml.")
        warnings.append(message)
    present = np.flatnonzero(~missing)
    if len(present) > CHECK_ALL_UP_TO:
        present = np.sort(np.random.default_rng(seed).choice(present, CHECK_SAMPLE, replace=False))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        decoded = pool.map(_decodes, [media.files[row] for row in present])
        readable = np.array(list(counted_step("checking pictures", decoded, len(present))), dtype=bool)
    corrupt = present[~readable]
    broken = missing.copy()
    if len(corrupt):
        example = _first_names(media, corrupt)
        message = f"{file}: {len(corrupt)} of {len(present)} checked images cannot be decoded ({example})"
        if len(corrupt) > MAX_CORRUPT_SHARE * len(present):
            raise SetupError(
                f"{message}; more than {MAX_CORRUPT_SHARE:.0%} are damaged, so download the data again."
            )
        warnings.append(message)
        broken[corrupt] = True
    return broken, warnings


def place_media(media: MediaFiles, opaque: Sequence[str], target: Path) -> list[str]:
    """Link existing images as `media/<opaque><suffix>` below `target`; return the names per row."""
    (target / MEDIA).mkdir(parents=True, exist_ok=True)
    names = []
    for row, (source, name) in enumerate(zip(media.files, opaque, strict=True)):
        suffix = os.path.splitext(media.names[row])[1].lower()
        names.append(f"{MEDIA}/{name}{suffix if _SUFFIX.fullmatch(suffix) else ''}")
        if media.sizes[row] != _MISSING:
            link_or_copy(source, f"{target}/{names[-1]}")
    return names


def require_decoder() -> None:
    """Raise SetupError if OpenCV is not installed."""
    try:
        import cv2  # noqa: F401  (an extra: only competitions with images need OpenCV)
    except ModuleNotFoundError as error:
        raise SetupError("Images need OpenCV; run `pip install 'mars-search[image]'`.") from error


def decode(file: str | Path) -> NDArray[np.generic] | None:
    """Return an image (H, W) or (H, W, C) in OpenCV's channel order, or None for an invalid file."""
    import cv2

    try:
        content = np.fromfile(file, dtype=np.uint8)
        image_array: NDArray[np.generic] | None = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except (FileNotFoundError, cv2.error):
        return None
    return image_array


def _decodes(file: str) -> bool:
    return decode(file) is not None


def _require_inside(path: str, base: str, file: Path, row: int) -> str:
    if os.path.commonpath([base, os.path.realpath(path)]) != base:
        raise SetupError(_outside_message(path, file, row))
    return path


def _outside_message(name: str, file: Path, row: int) -> str:
    return f"{file}: the image {name!r} of row {row + 1} is outside the folder of the competition."


def _first_names(media: MediaFiles, rows: NDArray[np.intp]) -> str:
    return ", ".join(media.names[row] for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
