"""Tell sets of labels from names of several words, and find the mark between labels (`mars init`)."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import pandas as pd

from agent.competition.labels import split_labels

_MARKS = ("|", ";", ",", "/", "+", " ")
_MIN_SEVERAL_SHARE = 0.10  # of cells with several labels
_MIN_MOBILE_SHARE = 0.5  # of labels that stand at several places of a cell, or alone
_MAX_REPEATING_SHARE = 0.02  # of cells that name a label twice; texts do, sets do not
_MAX_LABEL_WORDS = 6
_ROWS_READ = 20_000


@dataclass(frozen=True)
class LabelSets:
    """The mark between two labels, and all labels."""

    mark: str
    labels: frozenset[str]

    @property
    def mark_in_words(self) -> str:
        return "blanks" if self.mark == " " else f"'{self.mark}'"


def find_label_sets(cells: "pd.Series[str]", sample_cell: str = "") -> LabelSets | None:
    """Return how the cells hold label sets; None if each cell names one class.

    Args:
        cells: The target cells.
        sample_cell: A cell of the sample submission, which may hold a set of these labels.
    """
    filled = cells[cells.str.strip() != ""].head(_ROWS_READ)
    for mark in _MARKS:
        counts = Counter(filled)
        sets = {cell: split_labels(cell, mark) for cell in counts}
        if _are_sets(counts, sets, mark, sample_cell):
            every = frozenset(label for cell in set(cells) for label in split_labels(cell, mark))
            return LabelSets(mark, every)
    return None


def _are_sets(counts: Counter[str], sets: dict[str, list[str]], mark: str, sample_cell: str) -> bool:
    total = counts.total()
    several = sum(count for cell, count in counts.items() if len(sets[cell]) > 1)
    labels = {label for row in sets.values() for label in row}
    asked = split_labels(sample_cell, mark)
    sample_has_sets = len(asked) > 1 and set(asked) <= labels
    if not total or (not sample_has_sets and several < _MIN_SEVERAL_SHARE * total):
        return False
    if max((len(label.split()) for label in labels), default=0) > _MAX_LABEL_WORDS:
        return False
    repeating = sum(count for cell, count in counts.items() if _names_twice(cell, mark))
    if repeating > _MAX_REPEATING_SHARE * total:
        return False
    combine = len(counts) > len(labels) if mark in ", /" else len(labels) > 1
    return combine and (sample_has_sets or _mobile_share(sets) >= _MIN_MOBILE_SHARE)


def _names_twice(cell: str, mark: str) -> bool:
    parts = cell.split() if mark == " " else [part.strip() for part in cell.split(mark)]
    return len(set(parts)) < len(parts)


def _mobile_share(sets: dict[str, list[str]]) -> float:
    """Return the share of labels that stand at several places of a cell, or alone.

    Words of names have fixed places: 'corn' is first and 'rust' is last in 'corn rust' and 'corn healthy'.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for row in sets.values():
        for place, label in enumerate(row):
            places[label].add(place if len(row) > 1 else -1)
    mobile = sum(len(found) > 1 for found in places.values())
    return mobile / max(len(places), 1)
