"""The 8-bit form of pictures with more bits or with transparency, decided once for a data set.

Values of more than 8 bits are mapped by the range of the data. So a detector with 12 bits
fills the 8 bits, as one with 16 bits does. One range for all pictures of a type keeps their brightness
comparable. Transparent pictures lie on one ground: white, or black if most of what they show is white.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.competition.pictures.decoding import Pixels, decode

WHITE, GREY, BLACK = 255, 128, 0
_PICTURES_SURVEYED = 200
_PIXELS_SURVEYED = 20_000  # per picture
_TAIL_PERCENT = 0.01  # hot and dead pixels do not set the range
_OPAQUE = 255
_NEAR_WHITE, _NEAR_BLACK = 224, 32  # brightness
_MANY, _SOME = 0.5, 0.1  # shares of what transparent pictures show


@dataclass(frozen=True)
class Rendering:
    """The ground of transparent pictures, and the values that become black and white per type of pixels."""

    ground: int = WHITE
    ranges: tuple[tuple[str, float, float], ...] = ()  # type of pixels, black, white
    shows_ground: bool = False  # some pictures are transparent

    @property
    def notes(self) -> list[str]:
        """Return what was decided, one sentence each, for the user."""
        names = {WHITE: "white", GREY: "grey", BLACK: "black"}
        notes = [
            f"Pictures with more than 8 bits ({name}) are stored with 8: {low:g} is black, {high:g} is white."
            for name, low, high in self.ranges
        ]
        if self.shows_ground:
            notes.append(f"Transparent pictures are stored on a {names.get(self.ground, 'grey')} ground.")
        return notes

    def to_8_bit(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Return pixels (H, W) or (H, W, C) of any type as (H, W) or (H, W, 3) uint8."""
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        scaled = pixels if pixels.dtype == np.uint8 else self._scale(pixels)
        if scaled.ndim == 2:
            return np.ascontiguousarray(scaled, dtype=np.uint8)
        if scaled.shape[2] == 4:
            return self._lay_on_ground(scaled, _is_transparent(pixels))
        colour = scaled[:, :, :3] if scaled.shape[2] >= 3 else scaled[:, :, 0]
        return np.ascontiguousarray(colour, dtype=np.uint8)

    def _scale(self, pixels: Pixels) -> NDArray[np.uint8]:
        known = [(low, high) for name, low, high in self.ranges if name == pixels.dtype.name]
        low, high = known[0] if known else _range_of([_tails(_colours(pixels))])
        values = np.nan_to_num(pixels.astype(np.float32), nan=low, posinf=high, neginf=low)
        scaled = np.clip((values - low) * (255 / (high - low)), 0, 255)
        if pixels.ndim == 3 and pixels.shape[2] == 4:  # transparency has the full range of its type
            scaled[:, :, 3] = values[:, :, 3] * (255 / _full_alpha(pixels))
        rounded: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
        return rounded

    def _lay_on_ground(self, pixels: Pixels, transparent: bool) -> NDArray[np.uint8]:
        colour = pixels[:, :, :3].astype(np.float32)
        if not transparent:
            return np.ascontiguousarray(pixels[:, :, :3], dtype=np.uint8)
        alpha = pixels[:, :, 3:].astype(np.float32) / _OPAQUE
        laid = colour * alpha + self.ground * (1 - alpha)
        return np.rint(laid).astype(np.uint8)


def choose_rendering(files: Sequence[str], seed: int) -> Rendering:
    """Decide the ground and the ranges from up to 200 of the pictures that need a rendering."""
    chosen = np.random.default_rng(seed).permutation(len(files))[:_PICTURES_SURVEYED]
    tails: dict[str, list[tuple[float, float]]] = {}
    white = black = shown = 0.0
    for number in sorted(chosen):
        pixels = decode(files[number])
        if pixels is None:
            continue
        if pixels.dtype != np.uint8:
            tails.setdefault(pixels.dtype.name, []).append(_tails(_colours(pixels)))
        elif pixels.ndim == 3 and pixels.shape[2] == 4 and _is_transparent(pixels):
            brightness, alpha = pixels[:, :, :3].mean(axis=2), pixels[:, :, 3].astype(np.float64)
            total = alpha.sum()  # each picture counts the same
            white += float(alpha[brightness >= _NEAR_WHITE].sum() / total)
            black += float(alpha[brightness <= _NEAR_BLACK].sum() / total)
            shown += 1
    ground = WHITE
    if shown and white / shown > _MANY:
        ground = GREY if black / shown > _SOME else BLACK
    ranges = tuple((name, *_range_of(found)) for name, found in sorted(tails.items()))
    return Rendering(ground, ranges, shown > 0)


def has_transparency(pixels: Pixels) -> bool:
    """Return whether a viewer shows a ground through some pixels."""
    return pixels.ndim == 3 and pixels.shape[2] == 4 and _is_transparent(pixels)


def _is_transparent(pixels: Pixels) -> bool:
    """Return whether some pixels let the ground through. Alpha that is zero everywhere was never set."""
    alpha = pixels[:, :, 3]
    return bool(alpha.min() < _full_alpha(pixels)) and bool(alpha.any())


def _full_alpha(pixels: Pixels) -> float:
    return {"uint8": 255.0, "int8": 127.0, "uint16": 65_535.0, "int16": 32_767.0}.get(pixels.dtype.name, 1.0)


def _colours(pixels: Pixels) -> Pixels:
    return pixels[:, :, :3] if pixels.ndim == 3 else pixels


def _tails(pixels: Pixels) -> tuple[float, float]:
    """Return the value below which and above which 0.01 % of the finite pixels lie."""
    flat = pixels.reshape(-1).astype(np.float64)
    finite = flat[np.isfinite(flat)]
    if not len(finite):
        return 0.0, 0.0
    finite = finite[:: max(1, len(finite) // _PIXELS_SURVEYED)]
    low, high = np.percentile(finite, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return float(low), float(high)


def _range_of(tails: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the values of black and white: the outer tails without one picture in fifty.

    Black stays zero if the values start near zero, and fractions of one keep their range.
    """
    lows, highs = np.array(tails, dtype=np.float64).T
    low, high = float(np.percentile(lows, 2)), float(np.percentile(highs, 98))
    if 0 <= low < high / 4:
        low = 0.0
    if low == 0.0 and 0.5 < high <= 1.0:
        high = 1.0
    return low, high if high > low else low + 1.0
