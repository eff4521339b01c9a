"""Paints one creature before a blurred background, as a camera sees it."""

import cv2
import numpy as np

from creatures.bodies import BODIES
from creatures.species import Species

SIDE = 64  # pixels of a picture
_CANVAS = 3 * SIDE  # drawn larger, then reduced
_GROUNDS = (
    (128, 176, 214), (96, 138, 84), (186, 168, 122), (150, 150, 146), (206, 210, 206), (88, 104, 82),
    (120, 104, 86),
)  # fmt: skip
_SUBPIXEL = 4  # fractional bits of OpenCV's fixed-point coordinates


def paint(one: Species, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (SIDE, SIDE, 3) uint8 RGB."""
    canvas = _background(rng)
    turn, scale = np.radians(rng.normal(0, 9)), _CANVAS * rng.uniform(0.37, 0.47)
    flip = 1 if rng.random() < 0.5 else -1
    cos, sin = np.cos(turn), np.sin(turn)
    basis = scale * np.array([[flip * cos, flip * sin], [-sin, cos]]) * rng.uniform(0.88, 1.12, 2)[:, None]
    place = _CANVAS / 2 + rng.normal(0, 0.05 * _CANVAS, 2)
    inks = _inks(one, rng)
    marked = np.zeros((_CANVAS, _CANVAS), np.uint8)
    for name, outline in BODIES[one.kind](one, float(rng.normal(0, 0.8))):
        shaky = outline + rng.normal(0, 0.02, 2) + rng.normal(0, 0.006, outline.shape)
        points = np.rint((shaky @ basis + place) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(canvas, [points], inks[name], cv2.LINE_AA, _SUBPIXEL)
        cv2.fillPoly(marked, [points], 255 if name == "coat" else 0, cv2.LINE_AA, _SUBPIXEL)
    _mark(canvas, marked, one, inks["second"], place, rng)
    return _photograph(canvas, rng)


def _inks(one: Species, rng: np.random.Generator) -> dict[str, tuple[int, ...]]:
    """Return the colours of one animal, which differ a little within a species."""
    light = rng.normal(0, 12)
    shades = {"coat": one.coat, "second": one.second, "dark": (36, 32, 30), "pale": (232, 214, 160)}
    return {
        name: tuple(
            np.clip(np.rint(np.array(shade) + light + rng.normal(0, 8, 3)), 0, 255).astype(int).tolist()
        )
        for name, shade in shades.items()
    }


def _background(rng: np.random.Generator) -> np.ndarray:
    """Return blurred ground and sky, (_CANVAS, _CANVAS, 3) uint8."""
    upper, lower = (np.array(_GROUNDS[index]) for index in rng.choice(len(_GROUNDS), 2, replace=False))
    horizon = rng.uniform(0.3, 0.9)
    share = 1 / (1 + np.exp(-(np.linspace(0, 1, _CANVAS) - horizon) / rng.uniform(0.01, 0.2)))
    plain = upper + share[:, None, None] * (lower - upper)
    coarse = rng.normal(0, rng.uniform(2, 13), (int(rng.integers(4, 14)), int(rng.integers(4, 14)), 3))
    clutter = cv2.resize(
        coarse + coarse.mean(axis=2, keepdims=True), (_CANVAS, _CANVAS), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(np.broadcast_to(plain, clutter.shape) + clutter, 0, 255).astype(np.uint8)


def _mark(
    canvas: np.ndarray,
    marked: np.ndarray,
    one: Species,
    ink: tuple[int, ...],
    place: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Paint the marks of the species on the parts that the coat covers."""
    marks = np.zeros_like(marked)
    step = round(_CANVAS * (0.05 + 0.06 * one.grain) * rng.uniform(0.85, 1.15))
    if one.marking == "spots":
        for _ in range(round(0.9 * (_CANVAS / step) ** 2 / 2)):
            spot = rng.integers(0, _CANVAS, 2).tolist()
            cv2.circle(marks, spot, max(2, round(step * rng.uniform(0.2, 0.45))), 255, -1, cv2.LINE_AA)
    elif one.marking in ("stripes", "bars"):
        lean = round(rng.normal(0, 6))
        for at in range(int(rng.integers(0, step)), _CANVAS, 2 * step):
            ends = (
                ((at, 0), (at + lean, _CANVAS))
                if one.marking == "stripes"
                else ((0, at), (_CANVAS, at + lean))
            )
            cv2.line(marks, *ends, 255, max(2, round(0.7 * step)), cv2.LINE_AA)
    elif one.marking == "belly":
        marks[round(place[1] + 0.02 * _CANVAS) :] = 255
    elif one.marking == "saddle":
        centre = (round(place[0] + rng.normal(0, 4)), round(place[1] - 0.04 * _CANVAS))
        cv2.ellipse(marks, centre, (round(2.2 * step), round(1.4 * step)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    share = (cv2.min(marks, marked) / 255.0)[:, :, None] * rng.uniform(0.7, 0.95)
    canvas[:] = np.rint(canvas * (1 - share) + np.array(ink) * share).astype(np.uint8)


def _photograph(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduce the canvas; add something in front, uneven light, blur and noise."""
    if rng.random() < 0.3:  # a blade or a branch
        ends = rng.integers(0, _CANVAS, (2, 2))
        shade = tuple((np.array(_GROUNDS[int(rng.integers(len(_GROUNDS)))]) * 0.6).astype(int).tolist())
        cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), shade, int(rng.integers(4, 12)), cv2.LINE_AA)
    if rng.random() < 0.15:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(1.5, 3.5))
    picture = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    ramp = np.linspace(-1, 1, SIDE)
    light = rng.normal(0, 10) * ramp[:, None] + rng.normal(0, 10) * ramp[None, :] + rng.normal(0, 8)
    noisy = (
        picture * rng.uniform(0.85, 1.12)
        + light[:, :, None]
        + rng.normal(0, rng.uniform(1, 6), picture.shape)
    )
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
