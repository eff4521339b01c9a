"""Drawing primitives: fill a shape, draw a line, shade by a field."""

import cv2
import numpy as np

from sample_parts.palette import Colour

_SUBPIXEL = 4  # fractional bits of OpenCV's fixed-point coordinates


def fixed(points: np.ndarray) -> np.ndarray:
    """Convert pixels to OpenCV's fixed-point numbers."""
    return np.rint(points * 2**_SUBPIXEL).astype(np.int32)


def fill(canvas: np.ndarray, points: np.ndarray, colour: Colour | int) -> None:
    """Fill the polygon of (N, 2) pixels in place, with smooth edges."""
    cv2.fillPoly(canvas, [fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL)


def trace(canvas: np.ndarray, points: np.ndarray, colour: Colour, width: int, closed: bool) -> None:
    """Draw the line through (N, 2) pixels in place, with smooth edges."""
    cv2.polylines(canvas, [fixed(points)], closed, colour, width, cv2.LINE_AA, _SUBPIXEL)


def shade(canvas: np.ndarray, field: np.ndarray, strength: float) -> None:
    """Lighten and darken in place by a field (128 is neutral) at the given strength."""
    change = cv2.merge([field] * 3)
    cv2.addWeighted(canvas, 1.0, change, strength, -128.0 * strength, dst=canvas)
