"""Check that the images of rows can be used: one rule for missing, damaged and too large files."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.competition.pictures.decoding import (
    Header,
    decode_cut_jpeg,
    decode_stored,
    is_whole_jpeg,
    read_header,
)
from agent.competition.pictures.rendering import has_transparency
from agent.competition.preparation.media import MediaFiles
from agent.core.errors import SetupError, redacted_as
from agent.core.steps import counted_step

CHECK_ALL_UP_TO = 5_000
CHECK_SAMPLE = 1_000
MAX_DROPPED_SHARE, MAX_DROPPED = 0.10, 3
"""At most this share of the labelled rows is dropped; of small tables, at least this number may be."""

MAX_SUBSTITUTED_SHARE = 0.50  # of the rows to predict
THREADS = 4
_PARALLEL_PIXELS = 25_000_000  # larger pictures are decoded one at a time

_one_large_picture = threading.Lock()


class Use(Enum):
    """How an image is used."""

    KEEP = "keep"  # as it is
    RENDER = "render"  # as an 8-bit copy
    CUT = "cut"  # as a copy of the part that decodes
    MISSING = "missing"
    DAMAGED = "damaged"
    TOO_LARGE = "too large"

    @property
    def fault(self) -> str:
        """Return what is said of such images."""
        words = {
            Use.MISSING: "are missing",
            Use.DAMAGED: "cannot be decoded",
            Use.TOO_LARGE: "have too many pixels",
            Use.CUT: "are cut off",
        }
        return words.get(self, "are used")

    @property
    def is_usable(self) -> bool:
        """Return whether the row has pixels."""
        return self in (Use.KEEP, Use.RENDER, Use.CUT)


@dataclass(frozen=True)
class MediaCheck:
    """The use of the image of each row, and warnings for the user, one sentence each."""

    uses: list[Use]
    faults: tuple[str, ...]  # on images that cannot be used
    notes: tuple[str, ...]

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Mark the rows (N,) without a usable image."""
        return np.array([not use.is_usable for use in self.uses], dtype=np.bool_)


@redacted_as("some images are missing or cannot be read")
def check_media(media: MediaFiles, file: Path, seed: int, *, labelled: bool) -> MediaCheck:
    """Decide how the image of each row is used.

    All headers are read. Plain images are decoded too if they are up to 5,000; of more, a seeded sample of
    1,000 is. Images that need an 8-bit copy are all decoded.

    Raises:
        SetupError: More than 10 % (and more than 3) of the labelled rows, or more than half of the rows to
            predict, have no usable image.
    """
    uses = [Use.MISSING if missing else Use.KEEP for missing in media.missing]
    present = np.flatnonzero(~media.missing)
    decoded = present
    if len(present) > CHECK_ALL_UP_TO:
        decoded = np.random.default_rng(seed).choice(present, CHECK_SAMPLE, replace=False)
    to_decode, animated = set(decoded.tolist()), list[int]()
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, THREADS)) as pool:
        found = pool.map(lambda row: _inspect(media.files[row], row in to_decode), present.tolist())
        checked = counted_step("checking pictures", found, len(present))
        for row, (use, frames) in zip(present.tolist(), checked, strict=True):
            uses[row] = use
            if frames > 1:
                animated.append(row)
    rows = {kind: [row for row, use in enumerate(uses) if use is kind] for kind in Use}
    faults = [_count(media, rows[kind], kind.fault) for kind in Use if not kind.is_usable and rows[kind]]
    damaged = sum(uses[row] is not Use.KEEP and not uses[row].is_usable for row in to_decode)
    share = max(sum(not use.is_usable for use in uses) / max(len(uses), 1), damaged / max(len(to_decode), 1))
    _require_enough(uses, share, faults, media.hint if Use.MISSING in uses else "", file, labelled=labelled)
    notes = []
    if rows[Use.CUT]:
        notes.append(f"{_count(media, rows[Use.CUT], Use.CUT.fault)}; the part that can be read is used.")
    if animated:
        notes.append(f"{_count(media, animated, 'have several frames')}; the first frame is used.")
    faults, notes = ([f"{file.name}: {text}" for text in texts] for texts in (faults, notes))
    return MediaCheck(uses, tuple(faults), tuple(notes))


def hold_if_large(header: Header) -> "threading.Lock | _NoLock":
    """Return a context that only one thread enters with a large picture."""
    return _one_large_picture if header.pixels > _PARALLEL_PIXELS else _NoLock()


class _NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _inspect(file: str, decodes: bool) -> tuple[Use, int]:
    """Return how an image is used, and its number of frames."""
    header = read_header(file)
    if header is None:
        return Use.DAMAGED, 1
    if header.is_too_large:
        return Use.TOO_LARGE, header.frames
    with hold_if_large(header):
        return _inspect_pixels(file, header, decodes), header.frames


def _inspect_pixels(file: str, header: Header, decodes: bool) -> Use:
    plain = Use.RENDER if header.is_large else Use.KEEP
    if header.format == "JPEG":
        if decodes and not is_whole_jpeg(file):
            return Use.DAMAGED if decode_cut_jpeg(file, header) is None else Use.CUT
        return plain
    if header.is_plain and not decodes:
        return plain
    pixels = decode_stored(file, header)
    if pixels is None:
        return Use.DAMAGED
    if header.format in ("GIF", "TIFF"):
        return Use.RENDER  # other decoders differ on frames and tags
    agrees = pixels.dtype == np.uint8 and not has_transparency(pixels)
    return plain if agrees else Use.RENDER


def _count(media: MediaFiles, rows: list[int], fault: str) -> str:
    """Return a sentence without a full stop: how many images have the fault, and the first of them."""
    names = ", ".join(media.names[row] for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
    return f"{len(rows)} of {len(media.names)} images {fault} ({names})"


def _require_enough(
    uses: list[Use], share: float, faults: list[str], hint: str, file: Path, *, labelled: bool
) -> None:
    broken = sum(not use.is_usable for use in uses)
    limit = MAX_DROPPED_SHARE if labelled else MAX_SUBSTITUTED_SHARE
    few = labelled and broken <= MAX_DROPPED
    if broken < len(uses) and (share <= limit or few):
        return
    where = f" {hint}." if hint else ""
    what = "check the image path of competition.yaml" if Use.MISSING in uses else "get the images again"
    raise SetupError(
        f"{file}: {'; '.join(faults)}; at most {limit:.0%} of these rows may lack a usable image, "
        f"so {what}.{where}"
    )
