"""Attributes, their intended frequencies, and the looks of cultures."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """Look of a culture. Palettes and ornaments are shared; their combination is unique to a culture."""

    palette: str
    ornament: str


# Ordered by frequency, here and below. The names follow iMet's style; the looks are invented.
CULTURES: dict[str, Style] = {
    "american": Style("slate", "stripes"),
    "french": Style("rose", "beads"),
    "british": Style("slate", "dentils"),
    "italian": Style("ochre", "beads"),
    "japanese": Style("indigo", "waves"),
    "chinese": Style("vermilion", "key"),
    "egyptian": Style("ochre", "lozenges"),
    "german": Style("forest", "dentils"),
    "greek": Style("umber", "key"),
    "dutch": Style("indigo", "dentils"),
    "iranian": Style("turquoise", "scales"),
    "roman": Style("umber", "waves"),
    "indian": Style("vermilion", "petals"),
    "spanish": Style("vermilion", "lozenges"),
    "turkish": Style("turquoise", "petals"),
    "korean": Style("rose", "waves"),
    "peruvian": Style("forest", "steps"),
    "byzantine": Style("indigo", "crosslets"),
    "tibetan": Style("turquoise", "steps"),
    "edo peoples": Style("umber", "stripes"),
}
MATERIALS = (
    "canvas",
    "paper",
    "silk",
    "wood",
    "terracotta",
    "porcelain",
    "marble",
    "wool",
    "bronze",
    "gold",
    "glass",
)
TECHNIQUES = (
    "oil paint",
    "etching",
    "watercolor",
    "woodcut",
    "embroidery",
    "stipple engraving",
    "cross-hatching",
    "mosaic",
)
DIMENSIONS = ("square", "tall", "wide", "tondo", "miniature")
TAGS = (
    "flowers",
    "trees",
    "birds",
    "faces",
    "leaves",
    "buildings",
    "horses",
    "boats",
    "fish",
    "vases",
    "mountains",
    "sun",
    "stars",
    "crowns",
    "moon",
    "butterflies",
    "clouds",
    "swords",
    "cups",
    "shields",
    "hearts",
    "snakes",
    "fans",
    "eyes",
    "grapes",
    "bells",
    "keys",
    "rabbits",
    "wheels",
    "shells",
    "feathers",
    "anchors",
    "candles",
    "crosses",
    "hats",
    "ladders",
)

ATTRIBUTES: tuple[str, ...] = (
    *sorted(f"culture::{name}" for name in CULTURES),
    *sorted(f"dimension::{name}" for name in DIMENSIONS),
    *sorted(f"medium::{name}" for name in (*MATERIALS, *TECHNIQUES)),
    *sorted(f"tags::{name}" for name in TAGS),
)
"""Names in class order: the position is the attribute id; groups and names are sorted as in iMet."""


def long_tail(count: int, ratio: float) -> np.ndarray:
    """Return probabilities (count,) that fall geometrically; the first is `ratio` times the last."""
    weights = ratio ** -np.linspace(0, 1, count)
    return weights / weights.sum()


CULTURE_ODDS = long_tail(len(CULTURES), 22)
MATERIAL_ODDS = long_tail(len(MATERIALS), 14)
TECHNIQUE_ODDS = long_tail(len(TECHNIQUES), 7)
DIMENSION_ODDS = np.array([0.31, 0.26, 0.21, 0.13, 0.09])
TAG_ODDS = long_tail(len(TAGS), 22)
