"""Motifs of man-made things, in the form of `motifs_nature`."""

import numpy as np

from sample_parts.geometry import arc, curve, disc, mirrored, moved, polygon, ribbon, rotated
from sample_parts.motifs_nature import Motif


def _box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _buildings() -> Motif:
    windows = [(2, _box(x, 0.05, x + 0.2, 0.35)) for x in (-0.58, 0.38)]
    return [
        (0, _box(-0.75, -0.2, 0.75, 0.9)),
        (1, polygon((-1, -0.2), (0, -0.95), (1, -0.2))),
        *windows,
        (2, np.concatenate([arc(0, 0.4, 0.2, 0.25, 180, 360), polygon((0.2, 0.9), (-0.2, 0.9))])),
    ]


def _boats() -> Motif:
    return [
        (0, polygon((-1, 0.35), (1, 0.35), (0.65, 0.85), (-0.65, 0.85))),
        (2, ribbon(0.09, (0, 0.4), (0, -1))),
        (1, polygon((0.08, -0.9), (0.8, 0.2), (0.08, 0.2))),
        (1, polygon((-0.08, -0.7), (-0.6, 0.2), (-0.08, 0.2))),
    ]


def _faces() -> Motif:
    eyes = [(2, disc(x, -0.1, 0.13, 0.08)) for x in (-0.28, 0.28)]
    return [
        (2, disc(0, -0.25, 0.74, 0.72)),
        (0, disc(0, 0.05, 0.6, 0.85)),
        *eyes,
        (2, ribbon(0.07, (0, 0), (0.1, 0.28), (-0.04, 0.32))),
        (1, disc(0, 0.55, 0.24, 0.09)),
    ]


def _vases() -> Motif:
    half = polygon((0, -1), (0.4, -1), (0.25, -0.65), (0.7, -0.1), (0.6, 0.4), (0.28, 0.8), (0.4, 1), (0, 1))
    return [
        (0, half),
        (0, mirrored(half)),
        (1, polygon((-0.67, 0), (0.67, 0), (0.63, 0.22), (-0.63, 0.22))),
        (2, ribbon(0.08, (-0.3, -0.66), (0.3, -0.66))),
    ]


def _crowns() -> Motif:
    points = polygon((-0.9, -0.6), (-0.5, 0), (0, -0.85), (0.5, 0), (0.9, -0.6), (0.75, 0.7), (-0.75, 0.7))
    jewels = [(2, disc(x, 0.48, 0.11)) for x in (-0.42, 0, 0.42)]
    return [
        (0, points),
        (1, _box(-0.75, 0.3, 0.75, 0.68)),
        *jewels,
        *((1, disc(x, y, 0.12)) for x, y in points[[0, 2, 4]]),
    ]


def _swords() -> Motif:
    return [
        (0, polygon((0, -1), (0.14, -0.75), (0.12, 0.45), (-0.12, 0.45), (-0.14, -0.75))),
        (1, _box(-0.48, 0.4, 0.48, 0.54)),
        (2, _box(-0.08, 0.54, 0.08, 0.85)),
        (1, disc(0, 0.9, 0.14)),
    ]


def _shields() -> Motif:
    half = polygon((0, -0.9), (0.75, -0.75), (0.72, 0.1), (0.4, 0.65), (0, 0.98))
    return [
        (0, half),
        (0, mirrored(half)),
        (1, polygon((0, -0.9), (0.75, -0.75), (0.73, -0.05), (0, -0.05))),
        (1, mirrored(polygon((0, -0.05), (0.73, -0.05), (0.4, 0.65), (0, 0.98)))),
        (2, disc(0, 0, 0.16)),
    ]


def _cups() -> Motif:
    bowl = np.concatenate([polygon((-0.62, -0.8), (0.62, -0.8)), arc(0, -0.8, 0.62, 0.95, 0, 180)])
    return [
        (0, bowl),
        (1, _box(-0.62, -0.8, 0.62, -0.6)),
        (0, _box(-0.09, 0, 0.09, 0.8)),
        (0, disc(0, 0.85, 0.45, 0.13)),
    ]


def _keys() -> Motif:
    return [
        (0, curve(0.2, 0, -0.6, 0.3, 0.3, 0, 360)),
        (0, _box(-0.09, -0.25, 0.09, 1)),
        (0, _box(0, 0.5, 0.38, 0.64)),
        (0, _box(0, 0.8, 0.42, 0.96)),
        (1, disc(0, -0.6, 0.12)),
    ]


def _fans() -> Motif:
    sheet = np.concatenate([arc(0, 0.6, 1, 1.4, 200, 340), arc(0, 0.6, 0.4, 0.55, 340, 200)])
    folds = [
        (2, moved(rotated(ribbon(0.04, (0, -1.3), (0, 0)), turn), 0, 0.6)) for turn in range(-50, 51, 20)
    ]
    return [(0, sheet), (1, curve(0.12, 0, 0.6, 0.95, 1.33, 203, 337)), *folds, (1, disc(0, 0.6, 0.1))]


def _bells() -> Motif:
    half = polygon((0, -0.8), (0.32, -0.7), (0.45, -0.1), (0.55, 0.35), (0.8, 0.6), (0, 0.6))
    return [
        (1, disc(0, 0.68, 0.2)),
        (2, curve(0.1, 0, -0.85, 0.14, 0.14, 0, 360)),
        (0, half),
        (0, mirrored(half)),
        (1, _box(-0.55, 0.25, 0.55, 0.38)),
    ]


def _wheels() -> Motif:
    spokes = [(1, rotated(ribbon(0.09, (-0.8, 0), (0.8, 0)), turn)) for turn in (0, 45, 90, 135)]
    return [*spokes, (0, curve(0.2, 0, 0, 0.82, 0.82, 0, 360)), (2, disc(0, 0, 0.2))]


def _anchors() -> Motif:
    return [
        (0, ribbon(0.16, (0, -0.6), (0, 0.85))),
        (0, curve(0.17, 0, 0.15, 0.72, 0.72, 10, 170)),
        (0, polygon((0.55, 0.3), (0.98, 0.3), (0.75, -0.05))),
        (0, polygon((-0.55, 0.3), (-0.98, 0.3), (-0.75, -0.05))),
        (1, ribbon(0.14, (-0.4, -0.4), (0.4, -0.4))),
        (1, curve(0.12, 0, -0.78, 0.17, 0.17, 0, 360)),
    ]


def _crosses() -> Motif:
    upright = polygon((-0.24, -1), (0.24, -1), (0.14, 0), (0.24, 1), (-0.24, 1), (-0.14, 0))
    beam = polygon((-0.75, -0.5), (0, -0.38), (0.75, -0.5), (0.75, -0.02), (0, -0.14), (-0.75, -0.02))
    return [(0, upright), (0, beam), (1, disc(0, -0.26, 0.2))]


def _eyes() -> Motif:
    lashes = [(2, rotated(ribbon(0.07, (0, -0.55), (0, -0.85)), turn)) for turn in (-40, -14, 14, 40)]
    almond = np.concatenate([arc(0, 0.35, 1, 0.85, 200, 340), arc(0, -0.35, 1, 0.85, 20, 160)])
    return [*lashes, (0, almond), (1, disc(0, 0, 0.36)), (2, disc(0, 0, 0.17))]


def _candles() -> Motif:
    flame = np.concatenate([polygon((0, -1)), arc(0, -0.55, 0.18, 0.2, -30, 210)])
    return [
        (1, flame),
        (0, _box(-0.2, -0.2, 0.2, 0.65)),
        (2, ribbon(0.05, (0, -0.2), (0, -0.4))),
        (2, polygon((-0.55, 0.65), (0.55, 0.65), (0.4, 0.85), (-0.4, 0.85))),
        (2, curve(0.09, 0.62, 0.75, 0.16, 0.14, 0, 360)),
    ]


def _ladders() -> Motif:
    rails = [(0, ribbon(0.13, (x, -1), (1.15 * x, 1))) for x in (-0.4, 0.4)]
    return [*((1, ribbon(0.11, (-0.42, y), (0.42, y))) for y in (-0.7, -0.3, 0.1, 0.5, 0.85)), *rails]


def _hats() -> Motif:
    return [
        (0, disc(0, 0.45, 1, 0.24)),
        (0, np.concatenate([arc(0, -0.45, 0.5, 0.3, 180, 360), polygon((0.56, 0.42), (-0.56, 0.42))])),
        (1, polygon((-0.55, 0.15), (0.55, 0.15), (0.57, 0.4), (-0.57, 0.4))),
        (2, disc(0.35, 0.15, 0.12, 0.34, 20)),
    ]


THINGS = {
    "buildings": _buildings,
    "boats": _boats,
    "faces": _faces,
    "vases": _vases,
    "crowns": _crowns,
    "swords": _swords,
    "shields": _shields,
    "cups": _cups,
    "keys": _keys,
    "fans": _fans,
    "bells": _bells,
    "wheels": _wheels,
    "anchors": _anchors,
    "crosses": _crosses,
    "eyes": _eyes,
    "candles": _candles,
    "ladders": _ladders,
    "hats": _hats,
}
