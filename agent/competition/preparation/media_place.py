"""Placing of images under opaque names: copies of plain files, 8-bit copies, and substitutes.

People store pictures class by class, and labelled ones apart from others. The numbers and times of files show
that order, and a solution that reads them would know the answers. So each picture is a new file, all files
have one time, and they are made in the order of their opaque names.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.competition.pictures.decoding import (
    LARGE_SIDE,
    decode_cut_jpeg,
    decode_reduced,
    decode_stored,
    encode_png,
    read_header,
)
from agent.competition.pictures.rendering import Rendering, choose_rendering
from agent.competition.preparation.media import MEDIA, MediaFiles
from agent.competition.preparation.media_check import THREADS, MediaCheck, Use, hold_if_large
from agent.core.errors import SetupError
from agent.core.files import copy_timeless, link_or_copy, set_timeless

PutFile = Callable[[Path, Path], None]
"""Puts a file at a second place: (file, second place)."""

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_SUFFIX_OF_FORMAT = {"JPEG": ".jpg", "PNG": ".png", "BMP": ".bmp", "WEBP": ".webp"}
_COPY = ".png"
_SURVEYED = 64  # pictures for the mean colour
_SURVEY_SIDE = 64
_SUBSTITUTE_SIDE = 512
_GREY = 128.0
_FREE_SHARE = 0.5  # of the disk that copies of pictures may take
_GIB = 2**30


@dataclass(frozen=True)
class Placement:
    """What holds for the images of all rows: their 8-bit form, and the picture of rows without one."""

    rendering: Rendering
    substitute: bytes  # PNG


def plan_placement(media: Sequence[MediaFiles], checks: Sequence[MediaCheck], seed: int) -> Placement:
    """Decide the 8-bit form from all images that need one.

    The substitute has the mean colour of the first table's images.
    """
    used = [
        list(zip(files.files, check.uses, strict=True)) for files, check in zip(media, checks, strict=True)
    ]
    rendered = [file for rows in used for file, use in rows if use is Use.RENDER]
    rendering = choose_rendering(rendered, seed)
    usable = [file for file, use in used[0] if use in (Use.KEEP, Use.RENDER)]
    return Placement(rendering, _substitute(usable, rendering, seed))


@dataclass(frozen=True)
class PictureTable:
    """The images of a table's rows, the use of each, and their opaque names."""

    media: MediaFiles
    check: MediaCheck
    opaque: Sequence[str]


def place_media(
    tables: Sequence[PictureTable], placement: Placement, target: Path, put: PutFile = copy_timeless
) -> list[list[str]]:
    """Place the images as `media/<opaque><suffix>` below `target`; return the names per row of each table.

    Each row gets a file: a row without a usable image gets the substitute.
    """
    (target / MEDIA).mkdir(parents=True, exist_ok=True)

    def place(table: PictureTable, row: int) -> str:
        name, use = f"{MEDIA}/{table.opaque[row]}", table.check.uses[row]
        file = table.media.files[row]
        if use is Use.KEEP:
            name += _suffix(table.media.names[row], file)
            put(Path(file), target / name)
            return name
        name += _COPY
        content = placement.substitute
        if use.is_usable:
            content = encode_png(_render(file, use, placement.rendering))
        (target / name).write_bytes(content)
        set_timeless(target / name)
        return name

    places = [(number, row) for number, table in enumerate(tables) for row in range(len(table.opaque))]
    places.sort(key=lambda place: tables[place[0]].opaque[place[1]])
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, THREADS)) as pool:
        names = pool.map(lambda at: place(tables[at[0]], at[1]), places)
        found = dict(zip(places, names, strict=True))
    return [[found[number, row] for row in range(len(table.opaque))] for number, table in enumerate(tables)]


def choose_put(tables: Sequence[MediaFiles], folder: Path) -> tuple[PutFile, str]:
    """Return how to put images into a folder, and a warning if its disk has no room for copies; else ""."""
    needed = sum(int(files.sizes[files.sizes > 0].sum()) for files in tables)
    free = shutil.disk_usage(folder).free
    if needed <= _FREE_SHARE * free:
        return copy_timeless, ""
    return link_or_copy, (
        f"The pictures are linked, since copies take {needed / _GIB:.1f} of the {free / _GIB:.1f} GiB that "
        "are free. The numbers and times of linked files may tell code that reads them the classes. Free "
        "some space and run again, or read the code of a solution that scores too well."
    )


def _render(file: str, use: Use, rendering: Rendering) -> NDArray[np.uint8]:
    import cv2

    header = read_header(file)
    if header is not None:
        with hold_if_large(header):
            pixels = decode_cut_jpeg(file, header) if use is Use.CUT else decode_stored(file, header)
            if pixels is not None:
                shown = rendering.to_8_bit(pixels)
                factor = LARGE_SIDE / max(shown.shape[:2])
                if not header.is_large or factor >= 1:
                    return shown
                smaller = cv2.resize(shown, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
                return smaller.astype(np.uint8, copy=False)
    raise SetupError(f"{file}: the image changed while MARS prepared the data; run again.")


def _suffix(name: str, file: str) -> str:
    """Return the ending of an image; of a file without one, the usual ending of its format."""
    suffix = os.path.splitext(name)[1].lower()
    if _SUFFIX.fullmatch(suffix) and not suffix[1:].isdecimal():
        return suffix
    header = read_header(file)
    return _SUFFIX_OF_FORMAT.get(header.format, "") if header else ""


def _substitute(usable: Sequence[str], rendering: Rendering, seed: int) -> bytes:
    """Return a picture of the mean colour and the median size of some usable images."""
    chosen = np.random.default_rng(seed).permutation(len(usable))[:_SURVEYED]
    colours, sizes = [[_GREY] * 3], [(_SURVEY_SIDE, _SURVEY_SIDE)]
    found = [one for number in sorted(chosen) if (one := decode_reduced(usable[number], _SURVEY_SIDE))]
    if found:
        shown = [rendering.to_8_bit(pixels) for _, pixels in found]
        colours = [np.broadcast_to(one.mean(axis=(0, 1)), 3).tolist() for one in shown]
        sizes = [header.shown_size for header, _ in found]
    height, width = np.clip(np.median(sizes, axis=0), 1, _SUBSTITUTE_SIDE).astype(int)
    mean = np.rint(np.mean(colours, axis=0)).astype(np.uint8)
    return encode_png(np.full((height, width, 3), mean, dtype=np.uint8))
