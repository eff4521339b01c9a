"""The two things that all painting is made of: filling a shape, and shading by a field."""

import cv2
import numpy as np

from sample_parts.palette import Colour

_SUBPIXEL = 4  # OpenCV's fixed point: bits behind the point


def fixed(points: np.ndarray) -> np.ndarray:
    """Pixels as OpenCV's fixed-point numbers."""
    return np.rint(points * 2**_SUBPIXEL).astype(np.int32)


def fill(canvas: np.ndarray, points: np.ndarray, colour: Colour | int) -> None:
    """Fills the polygon of (N, 2) pixels in place, with smooth edges."""
    cv2.fillPoly(canvas, [fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL)


def trace(canvas: np.ndarray, points: np.ndarray, colour: Colour, width: int, closed: bool) -> None:
    """Draws the line through (N, 2) pixels in place, with smooth edges."""
    cv2.polylines(canvas, [fixed(points)], closed, colour, width, cv2.LINE_AA, _SUBPIXEL)


def shade(canvas: np.ndarray, field: np.ndarray, strength: float) -> None:
    """Lightens and darkens in place by a field with 128 as neutral, at the given strength."""
    change = cv2.merge([field] * 3)
    cv2.addWeighted(canvas, 1.0, change, strength, -128.0 * strength, dst=canvas)
