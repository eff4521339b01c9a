"""Templates with alternatives: `[a|b] c` becomes `a c` or `b c`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Concept:
    """How one language asks for a concept, and says what fits the concept or offends it."""

    asks: tuple[str, ...]
    good: tuple[str, ...]
    poor: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """The templates of one language. `{topic}` is one of `topics`."""

    topics: tuple[str, ...]
    system: tuple[str, ...]
    fillers: tuple[str, ...]
    evasions: tuple[str, ...]
    concepts: dict[str, Concept]


def pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Return one of the items, all equally likely."""
    return items[int(rng.integers(len(items)))]


def vary(template: str, topic: str, rng: np.random.Generator) -> str:
    """Return the template with one alternative of every bracket, about a topic."""
    return _ALTERNATIVES.sub(lambda found: pick(found[1].split("|"), rng), template).replace("{topic}", topic)
