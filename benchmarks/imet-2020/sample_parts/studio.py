"""Resources shared by all pictures."""

from dataclasses import dataclass

import numpy as np

from sample_parts.motifs_nature import NATURE
from sample_parts.motifs_things import THINGS
from sample_parts.textures import make_textures, noise


@dataclass(frozen=True)
class Studio:
    """Textures and noise, painted once and used for every picture."""

    motifs: dict[str, list[tuple[int, np.ndarray]]]
    textures: dict[str, np.ndarray]  # (ATLAS, ATLAS) uint8 each
    mottle: np.ndarray  # (ATLAS, ATLAS) uint8, soft noise for backgrounds, stains and damage
    grain: np.ndarray  # (ATLAS, ATLAS) uint8, camera noise


def open_studio() -> Studio:
    """Prepare motifs and textures; the result is always the same."""
    rng = np.random.default_rng(2020)
    mottle = noise(rng, 9) + 0.5 * noise(rng, 20)
    grain = rng.standard_normal(mottle.shape)
    as_bytes = [np.clip(np.rint(128 + 40 * field), 0, 255).astype(np.uint8) for field in (mottle, grain)]
    motifs = {name: draw() for name, draw in {**NATURE, **THINGS}.items()}
    return Studio(motifs, make_textures(), *as_bytes)
