"""Bodies from the side, as polygons in unit space, [-1, 1]: x to the right (heads look right), y down."""

from collections.abc import Callable

import numpy as np

from creatures.species import Species

Points = np.ndarray  # (N, 2) float
Part = tuple[
    str, Points
]  # "coat", "second", "dark" or "pale", and the outline; later parts cover earlier ones


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Points:
    """Return an ellipse, rotated by `turn` degrees."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    across, down = rx * np.cos(angles), ry * np.sin(angles)
    return np.stack([x + cos * across - sin * down, y + sin * across + cos * down], axis=1)


def limb(points: list[tuple[float, float]], first: float, last: float) -> Points:
    """Return a band along the points whose width goes from `first` to `last`."""
    line = np.array(points, dtype=float)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = along[:, ::-1] * (-1, 1) * np.linspace(first, last, len(line))[:, None] / 2
    return np.concatenate([line + side, (line - side)[::-1]])


def bird(one: Species, sway: float) -> list[Part]:
    long, high = 0.36 + 0.2 * one.length, 0.2 + 0.14 * one.height
    neck, size = 0.12 + 0.42 * one.neck, 0.12 + 0.08 * one.head
    top = (0.62 * long + 0.1, -high * 0.5 - neck)
    root, tip = top[0] + size * 0.7, (top[0] + size + 0.1 + 0.34 * one.form, top[1] + 0.05)  # of the beak
    back = -long - 0.1 - 0.36 * one.tail
    legs = [
        limb([(x, high * 0.6), (x + 0.04 * sway, high + 0.08 + 0.45 * one.limbs)], 0.05, 0.04)
        for x in (-0.06, 0.1)
    ]
    return [
        *(("dark", leg) for leg in legs),
        (
            "second",
            np.array([(-long * 0.6, -0.08), (back, -0.1 + 0.1 * sway), (back, 0.12), (-long * 0.6, 0.14)]),
        ),
        ("coat", limb([(long * 0.5, 0.0), (long * 0.7, -neck * 0.6), top], 0.3 * high + 0.16, size * 1.5)),
        ("coat", ellipse(0, 0, long, high, -12)),
        ("second", ellipse(-0.08, -0.02, long * 0.7, high * 0.55, 8 + 8 * sway)),
        ("coat", ellipse(*top, size, size * 0.95)),
        (
            "pale" if one.grain > 0.5 else "dark",
            np.array([(root, top[1] - 0.06), tip, (root, top[1] + 0.08)]),
        ),
        ("dark", ellipse(top[0] + size * 0.3, top[1] - size * 0.2, 0.03, 0.03)),
    ]


def dog(one: Species, sway: float) -> list[Part]:
    long, high = 0.4 + 0.2 * one.length, 0.17 + 0.12 * one.height
    leg, size = 0.22 + 0.34 * one.limbs, 0.15 + 0.08 * one.head
    head = (long + 0.12, -high - 0.12 - 0.22 * one.neck)
    muzzle = 0.12 + 0.22 * one.tail
    step = 0.08 * sway
    places = (-long * 0.75 - step, -long * 0.6 + step, long * 0.6 - step, long * 0.75 + step)
    legs = [limb([(place * 0.95, 0.05), (place, high * 0.6 + leg)], 0.15, 0.1) for place in places]
    drop = 0.28 * one.form - 0.16  # of the ears: upright to hanging
    root = head[0] - size * 0.9
    ear = [
        (root, head[1] - size * 0.5),
        (root, head[1] - size * 0.6 + 2 * drop),
        (head[0] - size * 0.1, head[1] - size * 0.6),
    ]
    up = -0.1 - 0.4 * one.neck + 0.15 * sway
    return [
        (
            "second",
            limb([(-long, -0.1), (-long - 0.16, up), (-long - 0.2 - 0.14 * one.tail, up - 0.15)], 0.12, 0.05),
        ),
        *(("second" if number % 2 else "coat", one_leg) for number, one_leg in enumerate(legs)),
        ("coat", ellipse(0, 0, long + 0.06, high)),
        ("coat", limb([(long * 0.75, -0.02), head], 0.3, size * 1.4)),
        ("coat", ellipse(*head, size, size * 0.9)),
        (
            "coat",
            ellipse(head[0] + size * 0.5 + muzzle / 2, head[1] + 0.05, size * 0.4 + muzzle / 2, size * 0.5),
        ),
        ("second", np.array(ear)),
        ("dark", ellipse(head[0] + size * 0.8 + muzzle, head[1] + 0.03, 0.045, 0.04)),
        ("dark", ellipse(head[0] + size * 0.25, head[1] - size * 0.2, 0.03, 0.03)),
    ]


def reptile(one: Species, sway: float) -> list[Part]:
    """Snakes, turtles and lizards, as the form says."""
    if one.form < 0.3:
        at = np.linspace(-0.85, 0.8, 16)
        wave = (0.14 + 0.2 * one.height) * np.sin(at * (4 + 4 * one.length) + sway)
        line = list(zip(at.tolist(), wave.tolist(), strict=True))
        thick = 0.12 + 0.14 * one.limbs
        return [
            ("coat", limb(line, 0.03, thick)),
            ("coat", ellipse(line[-1][0] + 0.06, line[-1][1], 0.1 + 0.06 * one.head, 0.07 + 0.04 * one.head)),
            ("dark", ellipse(line[-1][0] + 0.1, line[-1][1] - 0.03, 0.025, 0.025)),
        ]
    long, high = 0.32 + 0.2 * one.length, 0.1 + 0.1 * one.height
    tail = [
        (-long * 0.8, 0.06),
        (-long - 0.2, 0.1 + 0.08 * sway),
        (-long - 0.25 - 0.35 * one.tail, 0.02 - 0.16 * sway),
    ]
    head = (long + 0.14 + 0.1 * one.neck, -0.05 - 0.15 * one.neck)
    reach = 0.14 + 0.2 * one.limbs
    places = [(-long * 0.6, -0.1), (long * 0.6, 0.1)]
    legs = [limb([(x, 0.05), (x + lean + 0.06 * sway, 0.1 + reach)], 0.12, 0.07) for x, lean in places]
    parts: list[Part] = [
        ("second", limb(tail, 0.9 * high + 0.08, 0.02)),
        *(("second", leg) for leg in legs),
        ("coat", limb([(long * 0.7, 0.02), head], high + 0.08, 0.14)),
        ("coat", ellipse(*head, 0.13 + 0.1 * one.head, 0.08 + 0.04 * one.head)),
        ("dark", ellipse(head[0] + 0.05, head[1] - 0.04, 0.025, 0.025)),
    ]
    if one.form < 0.55:
        dome = ellipse(0, 0.06, long, 0.24 + 0.22 * one.height)
        return [*parts, ("coat", np.minimum(dome, (9, 0.12)))]
    return [*parts, ("coat", ellipse(0, 0.04, long, high + 0.05))]


def fish(one: Species, sway: float) -> list[Part]:
    long, high = 0.45 + 0.2 * one.length, 0.15 + 0.26 * one.height
    back, spread = -long - 0.12 - 0.22 * one.tail, 0.14 + 0.24 * one.limbs
    fin = 0.1 + 0.25 * one.form
    return [
        (
            "second",
            np.array(
                [
                    (-long * 0.8, 0.0),
                    (back, -spread + 0.1 * sway),
                    (back + 0.1, 0.0),
                    (back, spread + 0.1 * sway),
                ]
            ),
        ),
        ("second", np.array([(-long * 0.4, -high * 0.8), (-0.1, -high - fin), (long * 0.4, -high * 0.8)])),
        ("coat", ellipse(0, 0, long, high)),
        ("second", np.array([(0.1, 0.05), (-0.15, 0.1 + fin), (0.2, 0.12)])),
        ("pale", ellipse(long * 0.65, -high * 0.2, 0.06, 0.06)),
        ("dark", ellipse(long * 0.66, -high * 0.2, 0.03, 0.03)),
    ]


def butterfly(one: Species, sway: float) -> list[Part]:
    wide, high = 0.34 + 0.16 * one.length, 0.26 + 0.16 * one.height
    low, open_ = 0.2 + 0.16 * one.tail, 0.85 + 0.15 * sway
    parts: list[Part] = []
    for side in (-1, 1):
        parts.append(("coat", ellipse(side * wide * open_, -0.22, wide, high, side * (-35 + 20 * one.form))))
        parts.append(("second", ellipse(side * wide * 0.7 * open_, 0.32, wide * 0.7, low, side * 30)))
    return [
        *parts,
        ("dark", ellipse(0, 0.02, 0.06, 0.34 + 0.1 * one.neck)),
        ("dark", ellipse(0, -0.36, 0.08, 0.08)),
    ]


BODIES: dict[str, Callable[[Species, float], list[Part]]] = {
    "bird": bird,
    "dog": dog,
    "reptile": reptile,
    "fish": fish,
    "butterfly": butterfly,
}
