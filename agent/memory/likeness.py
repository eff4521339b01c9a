"""How much two texts are about the same, by their words: TF-IDF, and the cosine between the two.

Plain Python on purpose: decisions rest on it, so it must come out the same on every machine and with every
version of a library.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

Likeness = Callable[[str, Sequence[str]], list[float]]
"""How alike a text and each of some others are, about 0 (unrelated) to 1 (the same)."""

_WORD = re.compile(r"[^\W\d_]{3,}")
# They stand in every text; among few texts they would count as if they were rare.
_COMMON = frozenset(
    _WORD.findall(
        "about all and any are but can did does for from had has have into its more most not one only other "
        "over some such than that the their then these they this those too two under was were what when "
        "where which while who with without"
    )
)
_STEM = 6  # first letters: `augmented` and `augmentation` are one word
_DIGITS = 9  # what different C libraries may compute differently is cut off


def by_words(about: str, texts: Sequence[str]) -> list[float]:
    """The likeness of `about` and each of the texts; a word counts the more the fewer texts have it."""
    counts = [Counter(_stems(text)) for text in (about, *texts)]
    having = Counter(word for one in counts for word in one)
    rarity = {word: math.log(1 + len(counts) / times) for word, times in having.items()}
    first, *others = (
        {word: (1 + math.log(times)) * rarity[word] for word, times in one.items()} for one in counts
    )
    return [round(_cosine(first, other), _DIGITS) for other in others]


def _stems(text: str) -> list[str]:
    return [word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON]


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    lengths = math.sqrt(math.fsum(w * w for w in one.values()) * math.fsum(w * w for w in other.values()))
    shared = math.fsum(weight * other[word] for word, weight in one.items() if word in other)
    return shared / lengths if lengths else 0.0
