"""Colours: one palette per family of cultures, varied per picture."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]  # RGB, 0 to 255

# Two background colours (light, dark), then four inks.
PALETTES: dict[str, tuple[str, ...]] = {
    "slate": ("d9d4c7", "3d4a57", "7b2d26", "c9a24b", "2b3a4a", "ece5d3"),
    "rose": ("ecd9cf", "6d4650", "a8465a", "5f7f73", "d9b26f", "43323b"),
    "ochre": ("e4cf9c", "7a4f23", "a5451f", "2f5d62", "f0e2bd", "40291a"),
    "indigo": ("dfe3e2", "22345c", "2d4f9e", "c8b273", "7fa3c7", "1b2140"),
    "vermilion": ("ead7b5", "7e1f1d", "c8321f", "e3b23c", "24302f", "4c7a5b"),
    "forest": ("dcd8bd", "2c4633", "3f7a4b", "b3532b", "d9b44a", "24301f"),
    "umber": ("cf8f5a", "2a1c17", "1c1512", "e2b98a", "8c3b22", "f1dec0"),
    "turquoise": ("d5e4dc", "14535c", "1f8a8f", "c9563c", "e6c35c", "15323d"),
}
WALLS = ("e9e6df", "c9c6bf", "8f8d89", "5a5a5d", "2e2f33", "d8d2c4", "b7bfc4", "6b6259")

NATURAL = 0.75  # share of motifs painted close to their natural colour
_NATURAL_COLOURS = {
    "flowers": "d0527f",
    "trees": "3f7038",
    "birds": "3d6fa5",
    "faces": "dba67e",
    "leaves": "6a9440",
    "buildings": "b4593c",
    "horses": "6b4226",
    "boats": "8a5a34",
    "fish": "4c93ad",
    "vases": "35589c",
    "mountains": "717b8c",
    "sun": "efb928",
    "stars": "f2d85c",
    "crowns": "dca628",
    "moon": "e9e2b4",
    "butterflies": "e07d2b",
    "clouds": "eef1f4",
    "swords": "a9b2ba",
    "cups": "c8a040",
    "shields": "a32f33",
    "hearts": "c92a3a",
    "snakes": "4f8a35",
    "fans": "d9758a",
    "eyes": "f4efe4",
    "grapes": "6a3a80",
    "bells": "c99331",
    "keys": "8d8250",
    "rabbits": "c8b59c",
    "wheels": "75492c",
    "shells": "edc3ac",
    "feathers": "4f9c8c",
    "anchors": "39424d",
    "candles": "f3e6c2",
    "crosses": "b38a2e",
    "hats": "3b2f2b",
    "ladders": "9a6b3c",
}


@dataclass(frozen=True)
class Colours:
    """Colours of one picture."""

    ground: Colour
    inks: tuple[Colour, ...]  # inks in contrast to the background, most distinct first


def parse(code: str) -> np.ndarray:
    """Return the float RGB (3,) of a hexadecimal code."""
    return np.array([int(code[at : at + 2], 16) for at in (0, 2, 4)], dtype=np.float64)


def draw_colours(palette: str, rng: np.random.Generator) -> Colours:
    """Vary a palette: light or dark background, a common cast, and a small change per colour."""
    codes = PALETTES[palette]
    cast = rng.normal(0, 8, 3)
    light, dark, *inks = (parse(code) + cast + rng.normal(0, 7, 3) for code in codes)
    ground = light if rng.random() < 0.65 else dark
    inks.append(dark if ground is light else light)
    inks.sort(key=lambda ink: -float(np.abs(ink - ground).sum()))
    return Colours(to_colour(ground), tuple(to_colour(ink) for ink in inks[:4]))


def natural_colour(motif: str, ink: Colour, rng: np.random.Generator) -> Colour:
    """Mix the natural colour of a motif slightly with the ink."""
    own = parse(_NATURAL_COLOURS[motif]) + rng.normal(0, 10, 3)
    return to_colour(0.7 * own + 0.3 * np.array(ink))


def to_colour(values: np.ndarray) -> Colour:
    """Round and clip to a colour."""
    red, green, blue = np.clip(np.rint(values), 0, 255).astype(int).tolist()
    return red, green, blue
