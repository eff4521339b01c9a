"""Motifs from nature. A motif is a list of (ink, polygon) in painting order; ink 0 main, 1 accent, 2 dark."""

import numpy as np

from sample_parts.geometry import (
    Points,
    arc,
    curve,
    disc,
    mirrored,
    moved,
    petals,
    polygon,
    ribbon,
    rotated,
    star,
)

Motif = list[tuple[int, Points]]


def _flowers() -> Motif:
    return [*((0, petal) for petal in petals(6, 0.6, 0.4, 0.26)), (1, disc(0, 0, 0.3)), (2, disc(0, 0, 0.12))]


def _trees() -> Motif:
    crown = [(0, disc(x, y, 0.42, 0.38)) for x, y in ((-0.38, -0.2), (0.38, -0.2), (0, -0.58), (0, -0.12))]
    return [(2, polygon((-0.13, 0), (0.13, 0), (0.2, 1), (-0.2, 1))), *crown]


def _birds() -> Motif:
    return [
        (0, disc(0, 0.1, 0.55, 0.34, -15)),
        (0, polygon((-0.4, 0.1), (-1, 0.35), (-0.95, 0.6), (-0.3, 0.35))),
        (0, disc(0.52, -0.3, 0.25)),
        (1, polygon((0.72, -0.4), (1, -0.25), (0.72, -0.2))),
        (1, disc(-0.1, 0.05, 0.36, 0.17, 15)),
        (2, disc(0.57, -0.36, 0.06)),
        (2, ribbon(0.08, (0, 0.4), (0.05, 0.9))),
        (2, ribbon(0.08, (0.2, 0.4), (0.27, 0.9))),
    ]


def _leaves() -> Motif:
    blade = polygon((0, -1), (0.35, -0.6), (0.5, -0.1), (0.35, 0.35), (0, 0.65))
    veins = [(1, ribbon(0.06, (0, y), (side * 0.32, y - 0.22))) for y in (-0.3, 0, 0.3) for side in (-1, 1)]
    return [(0, blade), (0, mirrored(blade)), (1, ribbon(0.08, (0, -0.8), (0, 0.3), (0.08, 1))), *veins]


def _fish() -> Motif:
    return [
        (0, polygon((-0.45, 0), (-1, -0.45), (-0.85, 0), (-1, 0.45))),
        (0, disc(0.15, 0, 0.75, 0.38)),
        (1, polygon((0, -0.33), (0.3, -0.62), (0.45, -0.3))),
        (1, curve(0.07, 0.25, 0, 0.2, 0.3, -80, 80)),
        (2, disc(0.6, -0.08, 0.07)),
    ]


def _horses() -> Motif:
    legs = [
        (0, polygon((x, 0.1), (x + 0.17, 0.1), (x + 0.12, 0.95), (x, 0.95))) for x in (-0.6, -0.35, 0.2, 0.4)
    ]
    return [
        *legs,
        (0, disc(-0.05, 0.05, 0.62, 0.3)),
        (0, polygon((0.25, -0.05), (0.55, -0.85), (0.8, -0.75), (0.6, 0.15))),
        (0, polygon((0.5, -0.9), (0.72, -0.95), (1, -0.5), (0.88, -0.4), (0.6, -0.6))),
        (2, polygon((0.22, -0.1), (0.48, -0.95), (0.56, -0.8), (0.36, -0.02))),
        (2, polygon((-0.6, -0.1), (-0.95, 0.1), (-0.9, 0.65), (-0.75, 0.2))),
    ]


def _butterflies() -> Motif:
    wings = [disc(0.45, -0.35, 0.5, 0.36, -35), disc(0.36, 0.35, 0.36, 0.28, 40)]
    spots = [disc(0.5, -0.38, 0.18), disc(0.38, 0.36, 0.13)]
    return [
        *((0, side) for wing in wings for side in (wing, mirrored(wing))),
        *((1, side) for spot in spots for side in (spot, mirrored(spot))),
        (2, disc(0, 0, 0.09, 0.6)),
        (2, ribbon(0.05, (0, -0.5), (0.22, -0.95))),
        (2, ribbon(0.05, (0, -0.5), (-0.22, -0.95))),
    ]


def _snakes() -> Motif:
    x = np.linspace(-0.9, 0.75, 26)
    body = ribbon(0.22, *zip(x, 0.42 * np.sin(5.2 * x), strict=True))
    return [
        (0, body),
        (0, disc(0.78, -0.32, 0.24, 0.16, 25)),
        (2, disc(0.82, -0.37, 0.06)),
        (1, ribbon(0.06, (0.97, -0.26), (1, -0.05))),
    ]


def _mountains() -> Motif:
    return [
        (0, polygon((-1, 0.7), (-0.35, -0.45), (0.2, 0.7))),
        (0, polygon((-0.3, 0.7), (0.35, -0.85), (1, 0.7))),
        (1, polygon((0.16, -0.38), (0.35, -0.85), (0.55, -0.38), (0.4, -0.22), (0.3, -0.4))),
        (1, polygon((-0.49, -0.2), (-0.35, -0.45), (-0.23, -0.2), (-0.36, -0.08))),
    ]


def _clouds() -> Motif:
    puffs = ((-0.55, 0.15, 0.36), (-0.1, -0.15, 0.45), (0.4, 0, 0.4), (0.7, 0.22, 0.28))
    return [
        *((0, disc(x, y, radius)) for x, y, radius in puffs),
        (0, polygon((-0.6, 0.1), (0.7, 0.1), (0.7, 0.5), (-0.6, 0.5))),
        (1, curve(0.08, -0.1, 0, 0.25, 0.25, 150, 330)),
        (1, curve(0.08, 0.4, 0.15, 0.2, 0.2, 160, 340)),
    ]


def _sun() -> Motif:
    rays = [(1, rotated(polygon((0.55, -0.12), (1, 0), (0.55, 0.12)), 30 * turn)) for turn in range(12)]
    return [*rays, (0, disc(0, 0, 0.48)), (2, curve(0.06, 0, 0, 0.3, 0.3, 20, 160))]


def _moon() -> Motif:
    outer, inner = arc(0, 0, 0.9, 0.9, 50, 310), arc(0.32, 0, 0.72, 0.72, 300, 60)
    return [(0, np.concatenate([outer, inner])), (1, disc(-0.55, 0, 0.1))]


def _stars() -> Motif:
    return [(0, star(5, 1, 0.42)), (1, star(5, 0.5, 0.2))]


def _shells() -> Motif:
    ribs = [
        (2, moved(rotated(ribbon(0.06, (0, 0), (0, -1.45)), turn), 0, 0.75)) for turn in range(-34, 35, 17)
    ]
    fan = np.concatenate([arc(0, -0.05, 0.95, 0.85, 155, 385), polygon((0.2, 0.85), (-0.2, 0.85))])
    return [(0, fan), *ribs, (1, polygon((-0.35, 0.75), (0.35, 0.75), (0.25, 0.98), (-0.25, 0.98)))]


def _grapes() -> Motif:
    rows = ((-0.25, 4), (0.08, 3), (0.41, 2), (0.74, 1))
    berries = [(0, disc(0.36 * (k - (n - 1) / 2), y, 0.2)) for y, n in rows for k in range(n)]
    shine = [(1, disc(0.36 * (k - (n - 1) / 2) - 0.05, y - 0.06, 0.06)) for y, n in rows for k in range(n)]
    return [
        (2, ribbon(0.09, (0, -0.4), (0.1, -1))),
        (1, disc(0.38, -0.65, 0.32, 0.18, -20)),
        *berries,
        *shine,
    ]


def _rabbits() -> Motif:
    return [
        (0, disc(-0.15, 0.4, 0.6, 0.45)),
        (0, disc(0.42, -0.05, 0.33, 0.28)),
        (0, disc(0.28, -0.58, 0.13, 0.42, -12)),
        (0, disc(0.55, -0.55, 0.12, 0.4, 14)),
        (1, disc(0.28, -0.56, 0.06, 0.28, -12)),
        (1, disc(-0.78, 0.35, 0.17)),
        (2, disc(0.52, -0.1, 0.06)),
    ]


def _feathers() -> Motif:
    barbs = [
        (1, ribbon(0.05, (0, y), (side * 0.26, y - 0.2))) for y in (-0.5, -0.2, 0.1, 0.4) for side in (-1, 1)
    ]
    return [(0, disc(0, -0.2, 0.3, 0.78)), *barbs, (2, ribbon(0.07, (0, -0.95), (0.02, 0.2), (0.1, 1)))]


def _hearts() -> Motif:
    half = np.concatenate([polygon((0, 0.9), (0, -0.35)), arc(0.46, -0.36, 0.46, 0.46, 180, 380)])
    return [(0, half), (0, mirrored(half)), (1, disc(-0.42, -0.42, 0.14))]


NATURE = {
    "flowers": _flowers,
    "trees": _trees,
    "birds": _birds,
    "leaves": _leaves,
    "fish": _fish,
    "horses": _horses,
    "butterflies": _butterflies,
    "snakes": _snakes,
    "mountains": _mountains,
    "clouds": _clouds,
    "sun": _sun,
    "moon": _moon,
    "stars": _stars,
    "shells": _shells,
    "grapes": _grapes,
    "rabbits": _rabbits,
    "feathers": _feathers,
    "hearts": _hearts,
}
