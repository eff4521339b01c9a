"""On the same data the better solution is kept; on others the new one, and nothing is lost."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from agent.competition.prepared import Prepared
from agent.solution.card import CARD_FILE, Card, load_card
from agent.solution.history import entries
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
        ({"metric": "macro_f1"}, "was scored by macro_f1, not by accuracy"),
        ({"fingerprint": "0" * 64}, "was made on other data or another competition.yaml"),
        ({"data_kind": "sample", "fingerprint": "1" * 64}, "was made on sample data"),
    ],
)
def test_a_solution_of_another_identity_takes_the_place_and_the_former_is_in_the_history(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path, fields: dict[str, object], sentence: str
) -> None:
    holder = card(toy_prepared, idea="Old", validation=0.99, **fields)
    new = toy_prepared.model_copy(update={"kind": "full"})
    kept = offer(tmp_path, new, workspace, holder)
    assert kept.replaced
    assert sentence in kept.sentence
    assert "`mars solutions toy --restore 1` brings it back" in kept.sentence
    solutions = tmp_path / "solutions"
    assert load_card(solutions / "toy") == card(new)
    assert [(one.number, one.card, one.is_kept) for one in entries(solutions, "toy")] == [
        (1, holder, False),
        (2, card(new), True),
    ]


def test_an_earlier_solution_on_the_same_data_is_named(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    solutions = tmp_path / "solutions"
    offer(tmp_path, toy_prepared, workspace, None)
    other = card(toy_prepared, fingerprint="0" * 64, run="toy-2")
    keep(solutions, toy_prepared, other, {"main.py": ""}, workspace, tmp_path / "run" / "best")
    again = card(toy_prepared, run="toy-3", validation=0.6)
    kept = keep(solutions, toy_prepared, again, {"main.py": ""}, workspace, tmp_path / "run" / "best")
    assert kept.replaced
    assert "Number 1 of the history (accuracy 0.70000) was made on the data of this run too" in kept.sentence


def test_a_sample_never_replaces_full_data(tmp_path: Path, toy_prepared: Prepared, workspace: Path) -> None:
    holder = card(toy_prepared, idea="Old", data_kind="full", fingerprint="0" * 64)
    new = toy_prepared.model_copy(update={"kind": "sample"})
    kept = offer(tmp_path, new, workspace, holder)
    assert not kept.replaced
    assert "it was made on full data, and a solution on sample data never replaces it" in kept.sentence
    assert load_card(tmp_path / "solutions" / "toy") == holder
    assert (tmp_path / "run" / "best" / CARD_FILE).is_file(), "the run's own best is not lost"


def test_a_damaged_card_keeps_its_place_and_the_run_keeps_its_solution(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    place = tmp_path / "solutions" / "toy"
    place.mkdir(parents=True)
    (place / CARD_FILE).write_text('{"format": 1')
    kept = offer(tmp_path, toy_prepared, workspace, None)
    assert not kept.replaced
    assert "not a valid solution card" in kept.sentence
    assert (tmp_path / "run" / "best" / CARD_FILE).is_file()
