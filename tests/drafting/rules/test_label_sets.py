"""Sets of labels are told from names of several words."""

from itertools import combinations, product

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drafting.rules.label_sets import find_label_sets

LABELS = ("fog", "hail", "rain", "sun", "wind")


@pytest.mark.parametrize("mark", ["|", ";", ",", "/", " ", "+"])
def test_labels_parted_by_a_mark_are_sets(mark: str) -> None:
    cells = [mark.join(chosen) for size in (1, 2, 3) for chosen in combinations(LABELS, size)]
    found = find_label_sets(pd.Series(cells * 3))
    assert found is not None
    assert (found.mark, found.labels) == (mark, frozenset(LABELS))


def test_labels_of_several_words_parted_by_a_mark_keep_their_blanks() -> None:
    labels = ("heavy rain", "light snow", "strong wind")
    cells = [", ".join(chosen) for size in (1, 2) for chosen in combinations(labels, size)]
    found = find_label_sets(pd.Series(cells * 5))
    assert found is not None
    assert (found.mark, found.labels) == (",", frozenset(labels))


@pytest.mark.parametrize(
    "cells",
    [
        [f"{plant} {state}" for plant, state in product(("Corn", "Tomato", "Potato"), ("healthy", "rust"))],
        ["golden retriever", "german shepherd"],
        ["Paris, France", "Lyon, France", "Rome, Italy"],
        ["yes", "no"],
        ["this is a text that repeats a word and a word"] * 3 + ["another text that is a text"],
        [""],
    ],
)
def test_names_and_texts_are_no_sets(cells: list[str]) -> None:
    assert find_label_sets(pd.Series(cells * 20)) is None


def test_a_sample_with_a_set_decides_where_few_rows_have_several_labels() -> None:
    cells = pd.Series(["a", "b", "c"] * 40 + ["a b", "b c", "a c", "c a"])
    assert find_label_sets(cells) is None
    found = find_label_sets(cells, "a b")
    assert found is not None
    assert found.labels == {"a", "b", "c"}


@given(st.lists(st.text(max_size=20), max_size=30), st.text(max_size=10))
def test_any_text_is_read(cells: list[str], sample: str) -> None:
    found = find_label_sets(pd.Series(cells, dtype=str), sample)
    assert found is None or len(found.labels) > 1
