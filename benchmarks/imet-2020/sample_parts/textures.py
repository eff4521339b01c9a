"""Surface textures of materials and techniques.

Every texture is one field (ATLAS, ATLAS) uint8, 128 is neutral, made once. A picture shows a crop at a random
place, angle and scale.
"""

from collections.abc import Callable

import cv2
import numpy as np

ATLAS = 320  # pixels
Field = np.ndarray  # (ATLAS, ATLAS) float, about -1 to 1

_Y, _X = np.mgrid[:ATLAS, :ATLAS].astype(np.float64)


def noise(rng: np.random.Generator, columns: int, rows: int | None = None) -> Field:
    """Return smooth noise of unit spread, with about the given numbers of hills across and down."""
    coarse = rng.standard_normal((rows or columns, columns))
    field = cv2.resize(coarse, (ATLAS, ATLAS), interpolation=cv2.INTER_CUBIC)
    return field / field.std()


def _marks(
    rng: np.random.Generator, count: int, length: tuple[int, int], angles: tuple[float, float], width: int
) -> Field:
    """Return straight light and dark strokes; sizes in pixels, angles in degrees."""
    canvas = np.full((ATLAS, ATLAS), 128, np.uint8)
    ends = rng.integers(0, ATLAS, (count, 2))
    turns = np.radians(rng.uniform(*angles, count))
    reach = np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(*length, (count, 1))
    shades = rng.integers(20, 236, count)
    for start, stop, shade in zip(ends, np.rint(ends + reach).astype(int), shades, strict=True):
        cv2.line(canvas, start.tolist(), stop.tolist(), int(shade), width, cv2.LINE_AA)
    return canvas / 128.0 - 1


def _dots(rng: np.random.Generator, count: int, radii: tuple[float, float], shade: float) -> Field:
    canvas = np.zeros((ATLAS, ATLAS), np.float32)
    centres, sizes = rng.uniform(0, ATLAS, (count, 2)), rng.uniform(*radii, count)
    for (x, y), radius in zip(centres, sizes, strict=True):
        cv2.circle(canvas, (int(x * 8), int(y * 8)), int(radius * 8), shade, -1, cv2.LINE_AA, shift=3)
    return canvas.astype(np.float64)


def _cell_edges(rng: np.random.Generator, cells: int) -> Field:
    """Return the distance to the border between the nearest two of `cells` random points, in pixels."""
    seeds = rng.uniform(0, ATLAS, (cells, 2))
    nearest, second = np.full((2, ATLAS, ATLAS), np.inf)
    for x, y in seeds:
        square = (_X[0] - x) ** 2 + (_Y[:, :1] - y) ** 2
        np.minimum(second, np.maximum(nearest, square), out=second)
        np.minimum(nearest, square, out=nearest)
    return np.sqrt(second) - np.sqrt(nearest)


def _canvas(rng: np.random.Generator) -> Field:
    return np.sin(_X * 1.5 + 0.3 * noise(rng, 12)) * np.sin(_Y * 1.5) * 0.8 + 0.2 * noise(rng, 90, 20)


def _paper(rng: np.random.Generator) -> Field:
    return 0.35 * _marks(rng, 900, (4, 11), (0, 180), 1) + 0.3 * np.sin(_Y * 0.9)


def _silk(rng: np.random.Generator) -> Field:
    moire = np.sin((_X - _Y) * 0.12 + 2.2 * noise(rng, 5))
    return 0.35 * np.sin((_X + _Y) * 1.25) + 0.6 * moire


def _wood(rng: np.random.Generator) -> Field:
    rings = np.sin(_Y * 0.42 + 2.4 * noise(rng, 3, 9))
    return 0.75 * rings + 0.3 * noise(rng, 12, 150)


def _terracotta(rng: np.random.Generator) -> Field:
    return _dots(rng, 700, (0.7, 1.9), -0.9) + _dots(rng, 250, (0.6, 1.4), 0.8) + 0.2 * noise(rng, 40)


def _porcelain(rng: np.random.Generator) -> Field:
    crackle = -1.1 * (_cell_edges(rng, 190) < 1.3)
    return crackle + 0.25 * noise(rng, 6)


def _marble(rng: np.random.Generator) -> Field:
    drift = noise(rng, 7) + 0.5 * noise(rng, 16)
    vein = np.exp(-np.abs(np.sin(0.035 * (_X + 0.6 * _Y) + 1.1 * drift)) * 9)
    return 0.4 * noise(rng, 9) - 1.5 * vein


def _wool(rng: np.random.Generator) -> Field:
    knit = np.sin(_Y * 0.9 + 1.6 * np.abs(np.sin(_X * 0.45)))
    return 0.8 * knit + 0.25 * noise(rng, 110)


def _bronze(rng: np.random.Generator) -> Field:
    patina = noise(rng, 22) + 0.6 * noise(rng, 60)
    return 0.9 * np.tanh(2.5 * (patina - 0.3)) + 0.1


def _gold(rng: np.random.Generator) -> Field:
    dents = np.minimum(_cell_edges(rng, 420) / 7.0, 1.0)
    return 1.3 * (dents - 0.5) + 0.8 * np.maximum(0, np.sin((_X + _Y) * 0.045))


def _glass(rng: np.random.Generator) -> Field:
    bubbles = _dots(rng, 110, (2.0, 5.0), 0.55) + _dots(rng, 160, (0.8, 1.6), 1.0)
    return bubbles + 0.7 * (np.sin((_X - 0.5 * _Y) * 0.07) > 0.72) - 0.2


def _oil_paint(rng: np.random.Generator) -> Field:
    return 0.9 * _marks(rng, 1500, (8, 20), (10, 60), 4)


def _etching(rng: np.random.Generator) -> Field:
    lines = np.sin((_X * 0.6 + _Y) * 1.15 + 0.9 * noise(rng, 9))
    return -1.2 * np.clip(lines - 0.25 + 0.35 * noise(rng, 8), 0, 1)


def _watercolor(rng: np.random.Generator) -> Field:
    level = noise(rng, 8) + 0.35 * noise(rng, 24)
    rims = np.exp(-np.abs(level - 0.2) * 14) + np.exp(-np.abs(level + 0.9) * 14)
    return 0.55 * np.tanh(2 * level) - 1.0 * rims


def _woodcut(rng: np.random.Generator) -> Field:
    gouge = np.sin(_Y * 0.62 + 1.5 * noise(rng, 4) + 0.25 * noise(rng, 40))
    return np.where(gouge > 0.35 + 0.4 * noise(rng, 14, 30), 1.0, -0.35)


def _embroidery(rng: np.random.Generator) -> Field:
    row = np.floor(_Y / 5)
    stitch = np.sin(_X * 0.55 + row * 2.1 + 0.3 * noise(rng, 20))
    return np.where(np.mod(_Y, 5) < 3.4, np.where(stitch > -0.35, 0.75, -0.9), -0.8)


def _stipple(rng: np.random.Generator) -> Field:
    crowd = noise(rng, 6)
    return np.maximum(_dots(rng, 5200, (0.6, 1.15), -1.4) * np.clip(crowd + 0.8, 0, 1), -1.2)


def _cross_hatching(rng: np.random.Generator) -> Field:
    bend = 0.5 * noise(rng, 7)
    one, two = np.sin((_X + _Y) * 0.95 + bend), np.sin((_X - _Y) * 0.95 + bend)
    return -1.1 * np.clip(np.maximum(one, two) - 0.45, 0, 1) * 1.8


def _mosaic(rng: np.random.Generator) -> Field:
    row = np.floor(_Y / 7)
    shifted = _X + 3.5 * np.mod(row, 2)
    tile = rng.uniform(-0.55, 0.55, (ATLAS, ATLAS))[row.astype(int), np.floor(shifted / 7).astype(int)]
    return np.where((np.mod(_Y, 7) < 1.4) | (np.mod(shifted, 7) < 1.4), -1.2, tile)


_TEXTURES: dict[str, Callable[[np.random.Generator], Field]] = {
    "canvas": _canvas,
    "paper": _paper,
    "silk": _silk,
    "wood": _wood,
    "terracotta": _terracotta,
    "porcelain": _porcelain,
    "marble": _marble,
    "wool": _wool,
    "bronze": _bronze,
    "gold": _gold,
    "glass": _glass,
    "oil paint": _oil_paint,
    "etching": _etching,
    "watercolor": _watercolor,
    "woodcut": _woodcut,
    "embroidery": _embroidery,
    "stipple engraving": _stipple,
    "cross-hatching": _cross_hatching,
    "mosaic": _mosaic,
}


def make_textures() -> dict[str, np.ndarray]:
    """Return every texture by material or technique; the result is always the same."""
    fields = {
        name: make(np.random.default_rng([2020, number]))
        for number, (name, make) in enumerate(_TEXTURES.items())
    }
    return {
        name: np.clip(np.rint(128 + 90 * field), 0, 255).astype(np.uint8) for name, field in fields.items()
    }


def piece_of(atlas: np.ndarray, size: tuple[int, int], rng: np.random.Generator, turn: float) -> np.ndarray:
    """Return a random crop (height, width) at a random scale, rotated by up to `turn` degrees."""
    height, width = size
    middle = rng.uniform(0.3 * ATLAS, 0.7 * ATLAS, 2)
    view = cv2.getRotationMatrix2D(tuple(middle.tolist()), rng.uniform(-turn, turn), rng.uniform(0.8, 1.35))
    view[:, 2] += np.array([width / 2, height / 2]) - middle
    return cv2.warpAffine(atlas, view, (width, height), borderMode=cv2.BORDER_REFLECT_101)
