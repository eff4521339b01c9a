"""The species: a genus gives the proportions, a species of it colours and markings.

All of them are invented, and equal for every seed of the sample. A new species has sisters of the same genus
among the known ones, as a new breed has.
"""

from dataclasses import dataclass

import numpy as np

KINDS = ("bird", "dog", "reptile")
NEW_KINDS = ("fish", "butterfly")  # occur only among the pictures to predict
SPECIES = 29  # known ones of each kind: 87 subclasses
NEW_SPECIES = 10  # further ones of each kind, and all of a new kind
GENERA = 9  # of each kind

MARKINGS = ("plain", "spots", "stripes", "bars", "belly", "saddle")
# Fur, feathers and scales, RGB.
_COATS = (
    (38, 34, 32), (226, 220, 208), (120, 78, 44), (178, 120, 66), (214, 176, 116), (132, 130, 126),
    (92, 58, 40), (196, 92, 44), (84, 112, 58), (56, 92, 136), (170, 52, 46), (210, 178, 50),
)  # fmt: skip


@dataclass(frozen=True)
class Species:
    """How a species looks; proportions lie between 0 and 1."""

    kind: str
    length: float  # of the body
    height: float
    neck: float
    tail: float
    limbs: float
    head: float
    form: float  # of beak, ears, shell or fins
    coat: tuple[float, ...]  # RGB
    second: tuple[float, ...]  # of wings, ears, limbs and markings
    marking: str
    grain: float  # size of the marks


def species_of(kind: str, number: int) -> Species:
    """Return a species of a kind; the known ones come first."""
    kind_number = (*KINDS, *NEW_KINDS).index(kind)
    genus = np.random.default_rng([1, kind_number, number % GENERA]).uniform(0, 1, 7)
    own = np.random.default_rng([2, kind_number, number])
    proportions = np.clip(genus + own.normal(0, 0.08, 7), 0, 1)
    coat, second = own.choice(len(_COATS), 2, replace=False)
    shades = [tuple(np.array(_COATS[colour]) + own.normal(0, 9, 3)) for colour in (coat, second)]
    return Species(kind, *proportions.tolist(), *shades, str(own.choice(MARKINGS)), float(own.uniform(0, 1)))
