"""Paints one picture: a photographed museum object on its mat."""

import cv2
import numpy as np

from sample_parts.afterlife import age, photograph
from sample_parts.brush import fill, shade, trace
from sample_parts.geometry import disc, polygon
from sample_parts.ornaments import along_edge
from sample_parts.palette import NATURAL, PALETTES, Colours, draw_colours, natural_colour, parse, to_colour
from sample_parts.plan import Plan
from sample_parts.studio import Studio
from sample_parts.textures import piece_of
from sample_parts.vocabulary import CULTURES

# Effect of a material on painted colours: its own colour, and the share that shows through.
_TINTS = {
    "gold": ("d8a93a", 0.40),
    "bronze": ("6e6b45", 0.40),
    "terracotta": ("b8683f", 0.30),
    "marble": ("e6e4e0", 0.30),
    "porcelain": ("f2f4f6", 0.22),
    "wood": ("8d6238", 0.28),
    "glass": ("a8cdd0", 0.25),
}


def paint(plan: Plan, studio: Studio, rng: np.random.Generator) -> np.ndarray:
    """Return the picture of a plan, (SIDE, SIDE, 3) uint8 RGB."""
    palette = CULTURES[plan.culture].palette if plan.culture else str(rng.choice(list(PALETTES)))
    colours = draw_colours(palette, rng)
    width, height = _size(plan.dimension, rng)
    outline = _outline(plan.dimension, width, height)
    canvas = np.full((height, width, 3), colours.ground, np.uint8)
    shade(canvas, piece_of(studio.mottle, (height, width), rng, 180), rng.uniform(0.1, 0.35))
    band = _border(canvas, plan, outline, colours, rng)
    _compose(canvas, plan, band, studio, colours, rng)
    _surface(canvas, plan, studio, rng)
    age(canvas, studio, rng)
    return photograph(canvas, outline, studio, rng)


def _size(dimension: str, rng: np.random.Generator) -> tuple[int, int]:
    """Return width and height of the object in pixels."""
    if dimension == "miniature":
        long, aspect = rng.uniform(46, 66), rng.uniform(0.78, 1.28)
    elif dimension in ("tall", "wide"):
        long, aspect = rng.uniform(90, 116), rng.uniform(1.28, 2.0)
    else:
        long, aspect = rng.uniform(78, 110), rng.uniform(0.86, 1.16)
    short = long / max(aspect, 1 / aspect)
    wide = dimension == "wide" or (dimension != "tall" and aspect > 1)
    width, height = (long, short) if wide else (short, long)
    return round(width), round(height)


def _outline(dimension: str, width: int, height: int) -> np.ndarray:
    """Return the corners of the object (N, 2), clockwise, in canvas pixels."""
    if dimension == "tondo":
        return disc((width - 1) / 2, (height - 1) / 2, (width - 1) / 2, (height - 1) / 2)[:-1]
    return polygon((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))


def _border(
    canvas: np.ndarray, plan: Plan, outline: np.ndarray, colours: Colours, rng: np.random.Generator
) -> float:
    """Paint the ornament of the culture; return the border width in pixels."""
    band = float(rng.uniform(8.0, 11.5)) * (0.75 if plan.dimension == "miniature" else 1.0)
    ink, second = rng.permutation(3)[:2].tolist()
    if plan.culture is None:
        return band
    style = CULTURES[plan.culture]
    if rng.random() < 0.5:
        trace(canvas, outline, colours.inks[second], width=int(2 * band + 2), closed=True)
        ink = 3 if second != 3 else ink
    worn = rng.random() < 0.3
    for cells in along_edge(style.ornament, outline, 1.0, band):
        kept = cells[rng.random(len(cells)) < 0.7] if worn else cells
        for cell in kept:
            fill(canvas, cell, colours.inks[ink])
    return band + 2


def _compose(
    canvas: np.ndarray, plan: Plan, band: float, studio: Studio, colours: Colours, rng: np.random.Generator
) -> None:
    """Place the motifs and a few unlabelled shapes inside the border."""
    height, width = canvas.shape[:2]
    inner = np.array([width, height]) - 2 * band
    middle = np.array([width, height]) / 2
    reach = inner / 2 * (0.72 if plan.dimension == "tondo" else 0.9)
    for _ in range(int(rng.integers(0, 4))):
        blot = (
            rng.normal(0, 1, (int(rng.integers(3, 6)), 2)) * rng.uniform(2, 6)
            + middle
            + rng.uniform(-1, 1, 2) * reach
        )
        fill(canvas, blot, colours.inks[int(rng.integers(3))])
    room = np.sqrt(inner.prod() / (len(plan.motifs) + 0.4)) / 2
    taken: list[np.ndarray] = []
    for name in plan.motifs:
        radius = min(room * rng.uniform(0.85, 1.15), 0.54 * float(inner.min()))
        spots = middle + rng.uniform(-1, 1, (12, 2)) * np.maximum(reach - 0.75 * radius, 0)
        gaps = [min((float(np.linalg.norm(spot - other)) for other in taken), default=0.0) for spot in spots]
        spot = spots[int(np.argmax(gaps))]
        taken.append(spot)
        _motif(canvas, name, studio, spot, radius, colours, rng)


def _motif(
    canvas: np.ndarray,
    name: str,
    studio: Studio,
    spot: np.ndarray,
    radius: float,
    colours: Colours,
    rng: np.random.Generator,
) -> None:
    """Paint one motif with random colours, rotation, stretch and jitter."""
    turn = np.radians(rng.normal(0, 12))
    stretch = radius * rng.uniform(0.82, 1.12, 2) * (1 if rng.random() < 0.5 else -1, 1)
    cos, sin = np.cos(turn), np.sin(turn)
    basis = np.diag(stretch) @ np.array([[cos, sin], [-sin, cos]])
    basis[1, 0] += radius * rng.normal(0, 0.1)
    inks = [colours.inks[number] for number in _ink_order(rng)]
    if rng.random() < NATURAL:
        inks[0] = natural_colour(name, inks[0], rng)
    for ink, shape in studio.motifs[name]:
        unsteady = shape + rng.normal(0, 0.035, 2) + rng.normal(0, 0.007, shape.shape)
        fill(canvas, unsteady @ basis + spot, inks[ink])


def _ink_order(rng: np.random.Generator) -> list[int]:
    """Return three different inks; the main ink is one of the two most distinct."""
    main = int(rng.integers(0, 2))
    others = [number for number in range(4) if number != main]
    return [main, *rng.permutation(others)[:2].tolist()]


def _surface(canvas: np.ndarray, plan: Plan, studio: Studio, rng: np.random.Generator) -> None:
    """Let the material show through, and apply the technique to the surface."""
    size = canvas.shape[:2]
    if plan.material in _TINTS:
        code, share = _TINTS[plan.material]
        share *= rng.uniform(0.6, 1.2)
        tint = np.empty_like(canvas)
        tint[:] = to_colour(parse(code) + rng.normal(0, 6, 3))
        cv2.addWeighted(canvas, 1 - share, tint, share, 0, dst=canvas)
    shade(canvas, piece_of(studio.textures[plan.material], size, rng, 14), rng.uniform(0.24, 0.5))
    if plan.technique:
        shade(canvas, piece_of(studio.textures[plan.technique], size, rng, 20), rng.uniform(0.28, 0.58))
