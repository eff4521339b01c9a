"""Text similarity: cosine of TF-IDF vectors.

Plain Python on purpose: decisions depend on the similarity, so the result must be the same on every machine
and with every version of a library.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

TextSimilarity = Callable[[str, Sequence[str]], list[float]]
"""Similarity of a text to each of several others, from about 0 (unrelated) to 1 (equal)."""

_WORD_PATTERN = re.compile(r"[^\W\d_]{3,}")
# Stop words; among few texts their inverse document frequency would be too high.
_STOP_WORDS = frozenset(
    _WORD_PATTERN.findall(
        "about all and any are but can did does for from had has have into its more most not one only other "
        "over some such than that the their then these they this those too two under was were what when "
        "where which while who with without"
    )
)
_STEM_LETTERS = 6  # letters of a stem: `augmented` and `augmentation` are one word
_DIGITS = 9  # rounding hides differences between C libraries


def tfidf_similarity(about: str, texts: Sequence[str]) -> list[float]:
    """Return the TF-IDF cosine of `about` with each of the texts."""
    counts = [Counter(_stems(text)) for text in (about, *texts)]
    having = Counter(word for one in counts for word in one)
    rarity = {word: math.log(1 + len(counts) / times) for word, times in having.items()}
    first, *others = (
        {word: (1 + math.log(times)) * rarity[word] for word, times in one.items()} for one in counts
    )
    return [round(_cosine(first, other), _DIGITS) for other in others]


def _stems(text: str) -> list[str]:
    return [word[:_STEM_LETTERS] for word in _WORD_PATTERN.findall(text.lower()) if word not in _STOP_WORDS]


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    lengths = math.sqrt(math.fsum(w * w for w in one.values()) * math.fsum(w * w for w in other.values()))
    shared = math.fsum(weight * other[word] for word, weight in one.items() if word in other)
    return shared / lengths if lengths else 0.0
