"""Every value of every slot renders to clean code for every kind of task."""

import ast
import itertools
from pathlib import Path

import pytest

from agent.repository.family import Value
from agent.repository.leakage import Leakage, leakage
from agent.repository.rendering import Renderer, write_tree
from tests.support.repository_runs import ruff_complaints
from tests.templates.tabular.tabular_competitions import folded
from tests.templates.text.text_competitions import BOTH_TEXTS, FAMILY, idea, texts

COMPETITIONS = {
    "labels": folded(texts("classification", "accuracy"), 4),
    "one probability": texts("classification", "roc_auc", BOTH_TEXTS, classes=2),
    "blocks in time": folded(
        texts("classification", "balanced_accuracy", {"body": "text", "size": "number"}),
        5,
        executed=3,
        forward=True,
    ),
    "grades": texts("classification", "qwk", {"body": "text", "colour": "category"}),
    "probabilities": texts("classification", "log_loss", {"body": "text"}),
    "label sets": folded(texts("multilabel", "micro_f1"), 4),
    "label sets of rare labels": texts("multilabel", "macro_f1", BOTH_TEXTS),
    "values": texts("regression", "rmsle"),
}
LESSONS = dict.fromkeys(FAMILY.slots, ("00003", "00011"))


def blueprints() -> list[dict[str, Value]]:
    """Each value of each slot beside each value of the slots that name the structure."""
    structures = [
        {"text_model": "terms"},
        *({"text_model": "encoder", "head": one} for one in ("linear", "kernel")),
    ]
    single = [{name: value} for name, slot in FAMILY.slots.items() for value in slot.values]
    return [{**one, **structure} for structure, one in itertools.product(structures, single)]


@pytest.fixture(scope="module", params=COMPETITIONS)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each different repository of a competition."""
    folder = tmp_path_factory.mktemp("rendered")
    renderer = Renderer(FAMILY, COMPETITIONS[request.param].view)
    cites = LESSONS if request.param == "labels" else {}
    distinct = {}
    for blueprint in blueprints():
        files = renderer.render(idea(blueprint, cites))
        distinct["\0".join(text for name, text in files.items() if name.endswith(".py"))] = files
    for number, files in enumerate(distinct.values()):
        write_tree(files, folder / str(number))
    return folder


def test_every_value_parses_and_is_clean(rendered: Path) -> None:
    for file in rendered.rglob("*.py"):
        ast.parse(file.read_text(), str(file))
    assert not ruff_complaints(rendered)


def test_nothing_reads_what_it_should_not(rendered: Path) -> None:
    folders = list(rendered.iterdir())
    assert len(folders) > 10
    for folder in folders:
        files = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.py")}
        assert leakage({}, files) == Leakage(), folder


def test_lessons_stand_where_their_slot_is() -> None:
    planned = idea({"naive_bayes": True}, {"words": ("00003",), "naive_bayes": ("00011", "00012")})
    files = Renderer(FAMILY, COMPETITIONS["labels"].view).render(planned)
    lines = files["library/config.py"].splitlines()
    assert "longest_run" in lines[lines.index("    # Cite Lesson 00003") + 1]
    assert "# Cite Lesson 00011, 00012" in files["library/models.py"]


def test_drafts_and_moves_lead_somewhere() -> None:
    starts = [FAMILY.fill(dict(draft.set), draft.id) for draft in FAMILY.drafts]
    opposite = {
        "naive_bayes": True,
        "characters": 0,
        "sublinear": False,
        "text_columns": "joined",
        "threshold": "fixed",
        "pair": "interactions",
    }
    starts += [
        {**start, **opposite, "encoder": "all-MiniLM-L12-v2", "decision": "prior_corrected"}
        for start in starts
    ]
    assert starts
    assert FAMILY.moves
    for move in FAMILY.moves:
        fitting = [
            slots
            for slots in starts
            if all(slots[name] in values for name, values in move.when.slots.items())
        ]
        assert any(move.applied_to(slots, FAMILY) for slots in fitting), move.id


def test_each_structure_has_a_draft() -> None:
    drafted = {FAMILY.structure_of({**FAMILY.defaults, **draft.set}) for draft in FAMILY.drafts}
    assert drafted == {"terms, linear", "encoder, linear", "encoder, kernel"}
