"""Ageing, mounting and photographing of an object."""

import cv2
import numpy as np

from sample_parts.brush import fill, shade, trace
from sample_parts.palette import WALLS, parse, to_colour
from sample_parts.studio import Studio
from sample_parts.textures import piece_of

SIDE = 128  # pixels, width and height of a picture


def age(canvas: np.ndarray, studio: Studio, rng: np.random.Generator) -> None:
    """Fade the colours; stain, crack or damage some objects."""
    height, width = canvas.shape[:2]
    fade = rng.uniform(0, 0.25)
    grey = np.full_like(canvas, int(rng.integers(120, 190)))
    cv2.addWeighted(canvas, 1 - fade, grey, fade, 0, dst=canvas)
    if rng.random() < 0.15:
        lost = piece_of(studio.mottle, (height, width), rng, 180) > 128 + rng.uniform(45, 75)
        canvas[lost] = to_colour(parse("cfc6b4") + rng.normal(0, 14, 3))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.2 else 0):
        path = np.cumsum(rng.normal(0, 9, (7, 2)), axis=0) + rng.uniform(0, 1, 2) * (width, height)
        trace(canvas, path, (38, 30, 24), width=1, closed=False)


def photograph(
    canvas: np.ndarray, outline: np.ndarray, studio: Studio, rng: np.random.Generator
) -> np.ndarray:
    """Mount the object slightly askew under uneven light; add shadow, exposure and noise."""
    height, width = canvas.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    fill(mask, outline, 255)
    slack = np.maximum((SIDE - np.array([width, height])) / 2 - 4, 0)
    view = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 2.2), 1.0)
    view[:, 2] += (SIDE - np.array([width, height])) / 2 + rng.uniform(-0.6, 0.6, 2) * slack
    picture = np.empty((SIDE, SIDE, 3), np.uint8)
    picture[:] = to_colour(parse(str(rng.choice(WALLS))) + rng.normal(0, 4, 3))
    placed = cv2.warpAffine(mask, view, (SIDE, SIDE))
    below = view + np.array([[0, 0, 2.5], [0, 0, 3.5]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(mask, below, (SIDE, SIDE)), (0, 0), 2.6)
    picture = cv2.subtract(picture, cv2.merge([cv2.convertScaleAbs(shadow, alpha=0.28)] * 3))
    share = placed.astype(np.float32) / 255
    hung = cv2.warpAffine(canvas, view, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    picture = cv2.blendLinear(hung, picture, share, 1 - share)
    shade(picture, _light(rng), 1.0)
    shade(picture, piece_of(studio.grain, (SIDE, SIDE), rng, 180), rng.uniform(0.05, 0.22))
    if rng.random() < 0.15:
        picture = cv2.GaussianBlur(picture, (3, 3), 0)
    return picture


def _light(rng: np.random.Generator) -> np.ndarray:
    """Return exposure and one-sided light, (SIDE, SIDE) uint8, 128 is neutral."""
    across, down, exposure = rng.normal(0, 14), rng.normal(0, 14), rng.normal(0, 8)
    ramp = np.linspace(-1, 1, SIDE)
    light = 128 + exposure + across * ramp[None, :] + down * ramp[:, None]
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
