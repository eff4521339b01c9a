"""Two texts and a score of how they match."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.templates.tabular.tabular_competitions import Competition, folded, view
from tests.templates.text.test_text_encoder import ENCODER, run_fake
from tests.templates.text.text_competitions import BOTH_TEXTS, lay_out, score

WORDS = [f"word{number}" for number in range(30)]


def matching() -> Competition:
    """The score is the share of the words of one text that the other has too."""
    random, tables = np.random.default_rng(3), {}
    for part, rows in (("train", 300), ("val", 100), ("test", 50)):
        first = [random.permutation(WORDS)[:6] for _ in range(rows)]
        shared = random.integers(0, 7, rows)
        second = [
            [*one[:count], *random.permutation([word for word in WORDS if word not in one])[: 6 - count]]
            for one, count in zip(first, shared, strict=True)
        ]
        tables[part] = pd.DataFrame(
            {
                "id": [f"{part}{row}" for row in range(rows)],
                "title": [" ".join(words) for words in first],
                "body": [" ".join(words) for words in second],
                "target": shared.astype(float),
            }
        )
    seen = view("regression", "r2", BOTH_TEXTS, submission=("id", "target"), classes=None, train=300)
    return folded(Competition(seen, tables, []), 3)


def test_comparisons_find_how_two_texts_match(tmp_path: Path) -> None:
    competition = matching()
    folders = []
    for pair in ("none", "interactions"):
        folders.append(lay_out(competition, {**ENCODER, "pair": pair}, tmp_path / pair))
        own = folders[-1] / "weights" / "all-MiniLM-L12-v2"
        own.mkdir(parents=True)
        (own / "modules.json").write_text("[]")
    apart, compared = run_fake(folders)
    for run in (apart, compared):
        assert run.printed == pytest.approx(score(competition, run.workspace), rel=1e-9)
    assert compared.printed > 0.9
    assert apart.printed < 0.3
