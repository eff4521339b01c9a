"""Templates with alternatives: `[a|b] c` becomes `a c` or `b c`."""

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
Item = TypeVar("Item")


def pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Return one of the items, all equally likely."""
    return items[int(rng.integers(len(items)))]


def vary(template: str, rng: np.random.Generator) -> str:
    """Return the template with one alternative of every bracket."""
    return _ALTERNATIVES.sub(lambda found: pick(found[1].split("|"), rng), template)


def as_sentence(text: str) -> str:
    """Return the text with a capital at the beginning and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
