"""Decoding of pictures as a viewer shows them: the one decoder of preparation and exploratory analysis.

OpenCV decodes. Pillow reads the header, so that the size is known before memory is taken.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.core.errors import SetupError

MAX_PIXELS = 300_000_000
"""More pixels are not decoded, unless the format allows a reduced decode (JPEG)."""

MAX_JPEG_PIXELS = 2**30
LARGE_PIXELS = 50_000_000
"""Pictures with more pixels are stored reduced."""

LARGE_SIDE = 4096  # pixels, the longer side of a reduced picture
_PNG_DEPTH = 24  # position of the byte with the bits per channel
_ORIENTATION = 0x0112  # EXIF tag
_END_OF_JPEG = b"\xff\xd9"

Pixels = NDArray[np.generic]


@dataclass(frozen=True)
class Header:
    """What the first bytes of a picture say."""

    format: str  # Pillow's name, such as PNG
    width: int  # as stored, before the orientation
    height: int
    orientation: int  # EXIF, 1 to 8
    frames: int
    is_grey: bool
    plain: bool  # 8 bit, no alpha: decoders agree on its pixels

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return self.width * self.height

    @property
    def shown_size(self) -> tuple[int, int]:
        """Return height and width as a viewer shows them."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)

    @property
    def is_large(self) -> bool:
        """Return whether the picture is stored reduced."""
        return self.pixels > LARGE_PIXELS

    @property
    def is_too_large(self) -> bool:
        """Return whether the picture has too many pixels to decode."""
        return self.pixels > (MAX_JPEG_PIXELS if self.format == "JPEG" else MAX_PIXELS)


def require_decoder() -> None:
    """Raise SetupError if OpenCV or Pillow is not installed."""
    try:
        import cv2  # noqa: F401  (an extra: only competitions with images need them)
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        raise SetupError("Images need OpenCV and Pillow; run `pip install 'mars-search[image]'`.") from error


def read_header(file: str | Path) -> Header | None:
    """Return the header of a picture; None if the file is missing or no picture."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `Header.is_too_large` limits the pixels; Pillow only reads headers here
    try:
        with open(file, "rb") as stream, Image.open(stream) as picture:
            # For a PNG file without EXIF, Pillow would decode all pixels to look for it behind them.
            has_exif = picture.format != "PNG" or "exif" in picture.info
            orientation = picture.getexif().get(_ORIENTATION, 1) if has_exif else 1
            first = os.pread(stream.fileno(), 32, 0)
            return Header(
                format=picture.format or "",
                width=picture.width,
                height=picture.height,
                orientation=orientation if orientation in range(1, 9) else 1,
                frames=1 if picture.format == "JPEG" else getattr(picture, "n_frames", 1),
                is_grey=picture.mode in ("1", "L"),
                plain=_is_plain(picture.format or "", picture.mode, "transparency" in picture.info, first),
            )
    except Exception:  # Pillow's readers of damaged headers raise whatever their parsing raises
        return None


def decode(file: str | Path) -> Pixels | None:
    """Return the pixels of a file as they are stored, or None for an invalid file.

    Returns:
        (H, W) or (H, W, C) in OpenCV's channel order (blue, green, red, alpha), of the file's own type. The
        orientation is applied. Of several frames, the first.
    """
    header = read_header(file)
    if header is None or header.is_too_large:
        return None
    return decode_stored(file, header)


def decode_stored(file: str | Path, header: Header) -> Pixels | None:
    """Return the pixels of a file whose header is known; see `decode`. Large JPEG files are reduced."""
    import cv2

    if header.format == "JPEG":
        factor = reduction(header, LARGE_SIDE) if header.is_large else 1
        return _imdecode(file, _reduced_flag(factor, grey=header.is_grey))
    pixels = _imdecode(file, cv2.IMREAD_UNCHANGED)
    # OpenCV applies the orientation to TIFF files always, to others only if it drops alpha.
    if pixels is None or header.format == "TIFF":
        return pixels
    return _orient(pixels, header.orientation)


def decode_cut_jpeg(file: str | Path, header: Header) -> Pixels | None:
    """Return the pixels of a JPEG file that was cut off; the lost part is grey.

    Pillow decodes, since OpenCV's decoder prints its own warnings.
    """
    from PIL import Image, ImageOps

    try:
        content = Path(file).read_bytes() + _END_OF_JPEG
        with Image.open(io.BytesIO(content)) as picture:
            if header.is_large:
                factor = reduction(header, LARGE_SIDE)
                picture.draft(None, (header.width // factor, header.height // factor))
            shown = ImageOps.exif_transpose(picture).convert("RGB")
            return np.ascontiguousarray(np.asarray(shown)[:, :, ::-1])
    except (OSError, ValueError, SyntaxError, MemoryError):
        return None


def is_whole_jpeg(file: str | Path) -> bool:
    """Return whether all of a JPEG file decodes; little memory is used."""
    return _imdecode(file, _reduced_flag(8, grey=True)) is not None


def decode_reduced(file: str | Path, side: int) -> tuple[Header, Pixels] | None:
    """Return a header and pixels, reduced while decoding if the format allows.

    The longer side keeps at least `side` pixels.
    """
    header = read_header(file)
    if header is None or header.is_too_large:
        return None
    if header.format != "JPEG":
        pixels = decode_stored(file, header)
    else:
        pixels = _imdecode(file, _reduced_flag(reduction(header, side), grey=header.is_grey))
    return None if pixels is None else (header, pixels)


def reduction(header: Header, side: int) -> int:
    """Return the largest factor of 1, 2, 4 and 8 that leaves `side` pixels on the longer side."""
    longer = max(header.width, header.height)
    return next((factor for factor in (8, 4, 2) if longer // factor >= side), 1)


def _is_plain(kind: str, mode: str, has_transparency: bool, first: bytes) -> bool:
    """Return whether all decoders give the same 8-bit pixels."""
    if kind == "JPEG":
        return True
    if kind not in ("PNG", "BMP", "WEBP") or mode not in ("1", "L", "P", "RGB") or has_transparency:
        return False
    return kind != "PNG" or first[_PNG_DEPTH] <= 8  # the mode of Pillow hides 16 bits


def _reduced_flag(factor: int, *, grey: bool) -> int:
    """Return OpenCV's flag for a picture with 8 bits per channel, reduced by the factor and oriented."""
    import cv2

    if grey:
        flags = {
            1: cv2.IMREAD_GRAYSCALE,
            2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
            4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        }
        return flags.get(factor, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    return flags.get(factor, cv2.IMREAD_REDUCED_COLOR_8)


def _imdecode(file: str | Path, flag: int) -> Pixels | None:
    import cv2

    try:
        pixels: Pixels | None = cv2.imdecode(np.fromfile(file, dtype=np.uint8), flag)
    except (OSError, MemoryError, cv2.error):
        return None
    return None if pixels is None or pixels.size == 0 else pixels


def _orient(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels turned and mirrored as the EXIF orientation (1 to 8) says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (H, W) or (H, W, 3), in OpenCV's channel order, as the bytes of a PNG file."""
    import cv2

    return cv2.imencode(".png", pixels)[1].tobytes()
