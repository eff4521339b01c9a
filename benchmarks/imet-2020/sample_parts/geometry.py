"""Polygons in unit space: x to the right, y down; motifs lie within [-1, 1]."""

import numpy as np

Points = np.ndarray  # (N, 2) float


def polygon(*points: tuple[float, float]) -> Points:
    """Return a polygon from its corners."""
    return np.array(points, dtype=np.float64)


def disc(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Points:
    """Return an ellipse, rotated by `turn` degrees."""
    return arc(x, y, rx, rx if ry is None else ry, 0, 360, turn)


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, turn: float = 0.0) -> Points:
    """Return an elliptic arc between two angles in degrees (0: right, 90: down), closed by its chord."""
    angles = np.radians(np.linspace(start, stop, 22))
    return moved(rotated(np.stack([rx * np.cos(angles), ry * np.sin(angles)], axis=1), turn), x, y)


def ribbon(width: float, *points: tuple[float, float]) -> Points:
    """Return a polyline of the given width as a polygon."""
    line = np.array(points, dtype=np.float64)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = along[:, ::-1] * (-width / 2, width / 2)
    return np.concatenate([line + side, (line - side)[::-1]])


def curve(width: float, x: float, y: float, rx: float, ry: float, start: float, stop: float) -> Points:
    """Return a stroke along an elliptic arc between two angles in degrees."""
    angles = np.radians(np.linspace(start, stop, 18))
    return ribbon(width, *zip(x + rx * np.cos(angles), y + ry * np.sin(angles), strict=True))


def star(points: int, outer: float, inner: float) -> Points:
    """Return a star around the origin with one ray upwards."""
    angles = np.arange(2 * points) * np.pi / points - np.pi / 2
    radii = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def petals(count: int, distance: float, length: float, width: float) -> list[Points]:
    """Return ellipses around the origin that point outwards."""
    turns = [360 * number / count for number in range(count)]
    return [rotated(disc(distance, 0, length, width), turn) for turn in turns]


def rotated(points: Points, turn: float) -> Points:
    """Rotate around the origin by `turn` degrees, clockwise on the screen."""
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return points @ np.array([[cos, sin], [-sin, cos]])


def moved(points: Points, x: float, y: float) -> Points:
    """Shift by (x, y)."""
    return points + np.array([x, y])


def mirrored(points: Points) -> Points:
    """Flip left to right."""
    return points * (-1, 1)
