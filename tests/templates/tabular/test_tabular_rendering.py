"""Every value and every pair of values renders to clean code."""

import ast
import itertools
import random
from pathlib import Path

import pytest

from agent.repository.family import Slot, Value
from agent.repository.leakage import Leakage, leakage
from agent.repository.rendering import Renderer, write_tree
from tests.support.repository_runs import ruff_complaints
from tests.templates.tabular.tabular_competitions import FAMILY, folded, idea, mixed, real

COMPETITIONS = {
    "labels": mixed("classification", "qwk"),
    "probabilities": mixed("classification", "log_loss"),
    "values": mixed("regression", "mae"),
    "folds": folded(mixed("regression", "rmse"), 5),
    "blocks in time": folded(mixed("classification", "balanced_accuracy"), 5, executed=3, forward=True),
    "numbers only": real("breast_cancer", "roc_auc"),
}
LESSONS = dict.fromkeys(FAMILY.slots, ("00003", "00011", "00024", "01234"))


def covering_blueprints(fixed: dict[str, Value]) -> list[dict[str, Value]]:
    """Blueprints in which every pair of values of two free slots occurs at least once, found greedily."""
    generator = random.Random(0)
    free = [name for name, slot in FAMILY.slots.items() if name not in fixed and _has_effect(slot, fixed)]
    missing = {
        ((first, a), (second, b))
        for first, second in itertools.combinations(free, 2)
        for a in FAMILY.slots[first].values
        for b in FAMILY.slots[second].values
    }
    blueprints = []
    while missing:
        chosen = dict(min(missing, key=repr))
        for name in generator.sample(free, len(free)):
            if name not in chosen:
                chosen[name] = max(
                    FAMILY.slots[name].values, key=lambda value: gain(missing, chosen, name, value)
                )
        chosen = {name: chosen[name] for name in free}
        missing -= set(itertools.combinations(chosen.items(), 2))
        blueprints.append({**fixed, **chosen})
    return blueprints


def _has_effect(slot: Slot, fixed: dict[str, Value]) -> bool:
    """Whether the slot has an effect with the fixed values; slots that are free may allow it."""
    return all(name not in fixed or fixed[name] in values for name, values in slot.when.slots.items())


def gain(missing: set[object], chosen: dict[str, Value], name: str, value: Value) -> int:
    """How many missing pairs the value makes with what is chosen."""
    new = (name, value)
    return sum(((old, new) in missing) + ((new, old) in missing) for old in chosen.items())


def single_values(model: Value) -> list[dict[str, Value]]:
    """Blueprints of a model in which every value of each other slot occurs at least once, drawn at random."""
    generator = random.Random(0)
    free = {
        name: list(slot.values)
        for name, slot in FAMILY.slots.items()
        if name != "model" and _has_effect(slot, {"model": model})
    }
    longest = max(len(values) for values in free.values())
    columns = {name: generator.sample(values * longest, longest) for name, values in free.items()}
    for name, values in free.items():
        columns[name][: len(values)] = generator.sample(values, len(values))
        generator.shuffle(columns[name])
    return [
        {"model": model, **{name: column[row] for name, column in columns.items()}} for row in range(longest)
    ]


# The features of models without trees and of those with trees; single values of all other models.
PAIRED = ("linear", "lightgbm")
BLUEPRINTS = [blueprint for model in PAIRED for blueprint in covering_blueprints({"model": model})] + [
    blueprint
    for model in FAMILY.slots["model"].values
    if model not in PAIRED
    for blueprint in single_values(model)
]


@pytest.fixture(scope="module", params=[*COMPETITIONS, "labels, lessons cited"])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository for every covering blueprint."""
    folder = tmp_path_factory.mktemp("rendered")
    name, _, cites = request.param.partition(", ")
    competition = COMPETITIONS[name]
    renderer = Renderer(FAMILY, competition.view)
    distinct = {}
    for blueprint in BLUEPRINTS:
        files = renderer.render(idea(blueprint, LESSONS if cites else {}))
        distinct["\0".join(text for name, text in files.items() if name.endswith(".py"))] = files
    for number, files in enumerate(distinct.values()):
        write_tree(files, folder / str(number))
    return folder


def test_every_pair_parses_and_is_clean(rendered: Path) -> None:
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
    competition = COMPETITIONS["labels"]
    planned = idea(
        {"model": "linear", "scaling": "quantile", "splines": 4},
        {"scaling": ("00003",), "splines": ("00011", "00012")},
    )
    files = Renderer(FAMILY, competition.view).render(planned)
    lines = files["library/features.py"].splitlines()
    assert "QuantileTransformer" in lines[lines.index("        # Cite Lesson 00003") + 1]
    assert "# Cite Lesson 00011, 00012" in files["library/config.py"]
    assert not any("# Cite" in text for text in Renderer(FAMILY, competition.view).render(idea({})).values())
