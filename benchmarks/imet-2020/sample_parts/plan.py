"""Content and annotation of a picture."""

from dataclasses import dataclass

import numpy as np

from sample_parts.vocabulary import (
    ATTRIBUTES,
    CULTURE_ODDS,
    CULTURES,
    DIMENSION_ODDS,
    DIMENSIONS,
    MATERIAL_ODDS,
    MATERIALS,
    TAG_ODDS,
    TAGS,
    TECHNIQUE_ODDS,
    TECHNIQUES,
)

UNATTRIBUTED = 0.05  # share of pictures without a culture: any palette, no ornament
WITH_TECHNIQUE = 0.52  # share of pictures with a technique on their surface
TAG_COUNT_ODDS = (0.36, 0.37, 0.20, 0.07)  # probabilities of one to four motifs
TAG_MISSED = 0.12  # share of drawn motifs that are missing in the annotation
HABIT = 3.0  # factor on the odds of a culture's favourite materials and motifs

_ATTRIBUTE_ID = {name: number for number, name in enumerate(ATTRIBUTES)}


@dataclass(frozen=True)
class Plan:
    """Content and annotation of one picture."""

    culture: str | None
    material: str
    technique: str | None
    dimension: str
    motifs: tuple[str, ...]
    attribute_ids: tuple[int, ...]  # the annotation, ascending


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw the content of a picture from long-tailed odds and the favourites of its culture."""
    culture = None if rng.random() < UNATTRIBUTED else _pick(rng, tuple(CULTURES), CULTURE_ODDS)
    material = _pick(rng, MATERIALS, _with_habits(MATERIAL_ODDS, culture, favourites=2))
    technique = _pick(rng, TECHNIQUES, TECHNIQUE_ODDS) if rng.random() < WITH_TECHNIQUE else None
    dimension = _pick(rng, DIMENSIONS, DIMENSION_ODDS)
    count = 1 + int(rng.choice(len(TAG_COUNT_ODDS), p=TAG_COUNT_ODDS))
    odds = _with_habits(TAG_ODDS, culture, favourites=4)
    motifs = tuple(str(tag) for tag in rng.choice(TAGS, size=count, replace=False, p=odds))
    noticed = [tag for tag in motifs if rng.random() >= TAG_MISSED]
    names = [f"dimension::{dimension}", f"medium::{material}", *(f"tags::{tag}" for tag in noticed)]
    names += [f"culture::{culture}"] if culture else []
    names += [f"medium::{technique}"] if technique else []
    ids = tuple(sorted(_ATTRIBUTE_ID[name] for name in names))
    return Plan(culture, material, technique, dimension, motifs, ids)


def _pick(rng: np.random.Generator, names: tuple[str, ...], odds: np.ndarray) -> str:
    return names[int(rng.choice(len(names), p=odds))]


def _with_habits(odds: np.ndarray, culture: str | None, favourites: int) -> np.ndarray:
    """Return the odds of a culture: a few entries, fixed per culture, are more likely."""
    if culture is None:
        return odds
    first = 7 * tuple(CULTURES).index(culture)
    liked = (first + 5 * np.arange(favourites)) % len(odds)
    raised = odds.copy()
    raised[liked] *= HABIT
    return raised / raised.sum()
