"""What the search may try on texts: encoders whose weights are at hand, slots of several text columns."""

from pathlib import Path

import pandas as pd
import pytest

from agent.competition.preparation.eda import summarize_training_rows
from agent.core.paths import templates_dir
from agent.planner.base import TaskContext
from agent.planner.conditions import active_slots
from agent.planner.data_facts import DataFacts
from agent.planner.pretrained_weights import networks_at_hand
from agent.planner.search_space import SearchSpace
from agent.repository.family import load_family
from tests.competition.raw_folders import write_spec

FAMILY = load_family(templates_dir() / "text")


def context(folder: Path, columns: int, **fields: object) -> TaskContext:
    """A competition with so many text columns."""
    names = [f"text {number}" for number in range(columns)]
    spec = write_spec(folder, inputs=[{"name": name, "role": "text"} for name in names], **fields)
    table = pd.DataFrame({name: [f"word {row}" for row in range(40)] for name in names})
    labels = ["b", "a"] * 20
    facts = DataFacts.of(summarize_training_rows(table.assign(label=labels), spec, folder))
    return TaskContext.of(spec, 40, "cpu", facts=facts)


def test_encoders_are_at_hand_in_a_folder_or_in_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    own = tmp_path / "weights"
    packaged = set(networks_at_hand([FAMILY], own))
    assert packaged <= {"all-MiniLM-L6-v2"}
    (own / "all-MiniLM-L12-v2").mkdir(parents=True)
    (own / "all-MiniLM-L12-v2" / "modules.json").touch()
    (own / "paraphrase-multilingual-mpnet-base-v2").mkdir()
    snapshot = tmp_path / "hub" / "models--sentence-transformers--all-mpnet-base-v2" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    assert set(networks_at_hand([FAMILY], own)) == {*packaged, "all-MiniLM-L12-v2", "all-mpnet-base-v2"}


def test_one_text_column_is_neither_joined_nor_apart(tmp_path: Path) -> None:
    one = active_slots(FAMILY, FAMILY.defaults, context(tmp_path / "one", 1))
    two = active_slots(FAMILY, FAMILY.defaults, context(tmp_path / "two", 2))
    assert "text_columns" not in one
    assert "text_columns" in two


def test_drafts_of_both_families_take_turns(tmp_path: Path) -> None:
    families = {name: load_family(templates_dir() / name) for name in ("tabular", "text")}
    drafts = SearchSpace(families, context(tmp_path, 1)).drafts()
    first = [f"{family.id} {draft.id}" for family, draft in drafts if draft.rank == 0]
    assert {"tabular linear", "text terms"} <= set(first[:2])


def test_naive_bayes_is_for_classes_and_labels(tmp_path: Path) -> None:
    inputs = [{"name": "words", "role": "text"}]
    spec = write_spec(tmp_path, inputs=inputs, task="regression", metric="rmse")
    numbers = TaskContext.of(spec, 40, "cpu")
    drafts = [draft.id for _, draft in SearchSpace({"text": FAMILY}, numbers).drafts()]
    assert "terms" in drafts
    assert "naive_bayes" not in drafts
