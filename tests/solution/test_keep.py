"""Only a solution with the same metric on the same data replaces a kept one."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from agent.competition.prepared import Prepared
from agent.solution.card import CARD_FILE, Card, load_card
from agent.solution.keep import Kept, keep


def card(prepared: Prepared, **fields: object) -> Card:
    content = {
        "competition": "toy", "data_kind": prepared.kind, "fingerprint": prepared.fingerprint,
        "metric": prepared.spec.metric, "higher_is_better": True, "validation": 0.7, "validation_se": None,
        "audit": None, "audit_se": None, "audit_protected": True, "run": "toy-1", "node": 1,
        "operator": "draft", "lineage": (), "idea": "New", "lessons": (), "facts": {}, "seconds": 1.0,
        "seed": 0, "threads": 1, "nodes": 1, "environment": {}, "kept_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Card.model_validate({**content, **fields})


@pytest.fixture
def workspace(tmp_path: Path, toy_prepared: Prepared) -> Path:
    """Workspace of a node with correct predictions for all validation rows."""
    folder = tmp_path / "workspace"
    for name, source in (
        ("working/val_submission.csv", toy_prepared.private / "val.csv"),
        ("submission/submission.csv", toy_prepared.metadata / "sample_submission.csv"),
    ):
        (folder / name).parent.mkdir(parents=True)
        shutil.copyfile(source, folder / name)
    return folder


def offer(tmp_path: Path, prepared: Prepared, workspace: Path, holder: Card | None) -> Kept:
    place = tmp_path / "solutions" / prepared.spec.id
    if holder is not None:
        place.mkdir(parents=True)
        (place / CARD_FILE).write_text(holder.model_dump_json())
    new = card(prepared)
    return keep(place.parent, prepared, new, {"main.py": ""}, workspace, tmp_path / "run" / "best")


def test_the_first_solution_takes_the_place(tmp_path: Path, toy_prepared: Prepared, workspace: Path) -> None:
    kept = offer(tmp_path, toy_prepared, workspace, None)
    assert kept.replaced
    assert load_card(kept.folder) == card(toy_prepared)
    assert len(pd.read_csv(kept.folder / "submission.csv")) == toy_prepared.rows.test


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metric": "macro_f1"}, "stays: it was scored by macro_f1, this run's by accuracy"),
        ({"fingerprint": "0" * 64}, "was scored on other data"),
    ],
)
def test_scores_that_cannot_be_compared_are_not(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path, fields: dict[str, object], sentence: str
) -> None:
    holder = card(toy_prepared, idea="Old", validation=0.1, **fields)
    kept = offer(tmp_path, toy_prepared, workspace, holder)
    assert not kept.replaced
    assert sentence in kept.sentence
    assert load_card(tmp_path / "solutions" / "toy") == holder
    assert (tmp_path / "run" / "best" / CARD_FILE).is_file(), "the run's own best is not lost"
