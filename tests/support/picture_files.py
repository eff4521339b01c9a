"""Pictures of many kinds as file contents, and what a viewer shows of them, with Pillow as the reference."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

HEIGHT, WIDTH = 48, 64
ORIENTATION = 0x0112  # EXIF tag


def smooth(seed: int = 0) -> NDArray[np.uint8]:
    """A picture (48, 64, 3) RGB without sharp edges, so that lossy formats keep it."""
    coarse = np.random.default_rng(seed).integers(20, 235, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _transparent() -> Image.Image:
    picture = Image.fromarray(smooth()).convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1))))
    return picture


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def picture_files() -> dict[str, bytes]:
    rgb = Image.fromarray(smooth())
    other = Image.new("RGB", rgb.size)
    return {
        "rgb.png": encode(rgb, "PNG"),
        "grey.png": encode(rgb.convert("L"), "PNG"),
        "palette.png": encode(rgb.quantize(32), "PNG"),
        "one-bit.png": encode(rgb.convert("1"), "PNG"),
        "one-bit.tif": encode(rgb.convert("1"), "TIFF", compression="group4"),
        "alpha.png": encode(_transparent(), "PNG"),
        "alpha.webp": encode(_transparent(), "WEBP", lossless=True),
        "grey-alpha.png": encode(_transparent().convert("LA"), "PNG"),
        "palette-alpha.png": encode(_transparent().quantize(32), "PNG"),
        "one-colour-clear.png": encode(rgb, "PNG", transparency=tuple(map(int, smooth()[0, 0]))),
        "alpha.gif": encode(_transparent(), "GIF"),
        "animated.gif": encode(rgb.quantize(32), "GIF", save_all=True, append_images=[other.quantize(32)]),
        "pages.tif": encode(rgb, "TIFF", save_all=True, append_images=[other]),
        "cmyk.jpg": encode(rgb.convert("CMYK"), "JPEG", quality=98),
        "grey.jpg": encode(rgb.convert("L"), "JPEG", quality=98),
        "progressive.jpg": encode(rgb, "JPEG", quality=98, progressive=True),
        "picture.bmp": encode(rgb, "BMP"),
        "picture.webp": encode(rgb, "WEBP", lossless=True),
        "picture.jp2": encode(rgb, "JPEG2000"),
        **{f"turned-{i}.jpg": encode(rgb, "JPEG", exif=with_orientation(i), quality=98) for i in range(1, 9)},
        **{f"turned-{i}.png": encode(_transparent(), "PNG", exif=with_orientation(i)) for i in range(1, 9)},
        "turned.webp": encode(rgb, "WEBP", exif=with_orientation(6), lossless=True),
        "turned.tif": encode(rgb, "TIFF", tiffinfo={ORIENTATION: 6}),
    }


def as_shown(content: bytes, ground: int = 255) -> NDArray[np.int64]:
    """What Pillow shows of the first frame on a ground: (H, W, 3) RGB."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    layer = picture.convert("RGBA")
    canvas = Image.new("RGBA", layer.size, (ground, ground, ground, 255))
    return np.asarray(Image.alpha_composite(canvas, layer).convert("RGB")).astype(np.int64)
