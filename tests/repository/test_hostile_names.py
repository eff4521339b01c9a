"""Names of columns, titles and definitions of any spelling reach rendered code unchanged."""

import ast
from collections.abc import Iterator
from itertools import cycle

import pytest

from agent.competition.metrics import get_metric
from agent.competition.spec import InputColumn, Task
from agent.core.paths import templates_dir
from agent.repository.ensemble_code import MemberSource, ensemble_files
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import Renderer, TaskView
from agent.repository.target_parts import TargetPart

MARKS = (
    'my "image" id',
    "it's",
    "back\\new",
    "two\nlines",
    "{{ braces }} {x}",
    '"""',
    "end\\",
    "both ' and \"",
)
TABULAR, IMAGES = (load_family(templates_dir() / name) for name in ("tabular", "image_classification"))
METRICS: dict[Task, str] = {
    "classification": "roc_auc",
    "regression": "rmse",
    "multilabel": "micro_f1",
}


def hostile_view(task: Task, shift: int, pictures: bool = False) -> TaskView:
    """A competition whose names hold all marks, each name another one."""
    marks = cycle(MARKS[shift:] + MARKS[:shift])
    metric = get_metric(METRICS[task])
    roles = ("number", "category", "time", "text")
    inputs = [InputColumn(name=f"{next(marks)} {role}", role=role) for role in roles]
    targets = [f"target {next(marks)}" for _ in range(1 if pictures or task != "regression" else 2)]
    image = InputColumn(name="image", role="image", path="{id}.png")
    return TaskView(
        id="hostile",
        title=f"A title with {next(marks)}",
        task=task,
        metric=metric.name,
        metric_definition=f"The definition of {next(marks)}",
        higher_is_better=metric.higher_is_better,
        prediction=metric.prediction_kind(task),
        id_column=f"id {next(marks)}",
        target_columns=tuple(targets),
        submission_columns=(f"key {next(marks)}", *(f"answer {name}" for name in targets)),
        file_column="file_path",
        inputs=(image,) if pictures else tuple(inputs),
        n_classes=None if task == "regression" else 2,
        data_kind="full",
        n_train=1000,
        fold_column=f"fold {next(marks)}",
        own_folds=3,
    )


def blueprints(family: Family) -> Iterator[dict[str, Value]]:
    """The defaults, and the defaults with each other value of one slot."""
    yield dict(family.defaults)
    for name, slot in family.slots.items():
        yield from (
            {**family.defaults, name: value} for value in slot.values if value != family.defaults[name]
        )


def idea_of(family: Family, blueprint: dict[str, Value]) -> Idea:
    text = " ".join(MARKS)
    return placeholder_idea(text, f"An idea with {text}", Blueprint(family=family.id, slots=blueprint))


def strings_of(files: dict[str, str]) -> set[str]:
    """All string literals of the Python files; each file compiles."""
    found = set()
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
            nodes = ast.walk(ast.parse(text))
            found |= {
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return found


@pytest.mark.parametrize("shift", range(len(MARKS)))
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_names_of_tables_reach_code_unchanged(task: Task, shift: int) -> None:
    view = hostile_view(task, shift)
    renderer, found = Renderer(TABULAR, view), set[str]()
    for blueprint in list(blueprints(TABULAR))[shift :: len(MARKS)]:
        found |= strings_of(renderer.render(idea_of(TABULAR, blueprint)))
    names = {column.name for column in view.inputs}
    assert names | {view.id_column, *view.target_columns} <= found
    assert view.fold_column not in found, "tables take their folds from folds.csv, by position"


@pytest.mark.parametrize("shift", range(len(MARKS)))
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_names_of_pictures_reach_code_unchanged(task: Task, shift: int) -> None:
    view = hostile_view(task, shift, pictures=True)
    renderer, found = Renderer(IMAGES, view), set[str]()
    for blueprint in list(blueprints(IMAGES))[shift :: 6 * len(MARKS)]:
        found |= strings_of(renderer.render(idea_of(IMAGES, blueprint)))
    answers = {view.submission_columns[1]} if task == "classification" else set()
    assert {view.id_column, *view.target_columns, *answers} <= found


@pytest.mark.parametrize("shift", range(len(MARKS)))
def test_a_fold_column_reaches_code_of_pictures_unchanged(shift: int) -> None:
    view = hostile_view("classification", shift, pictures=True)
    several = {**IMAGES.defaults, "folds": max(IMAGES.slots["folds"].values)}
    assert view.fold_column in strings_of(Renderer(IMAGES, view).render(idea_of(IMAGES, several)))


@pytest.mark.parametrize("shift", range(len(MARKS)))
@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_names_of_blends_reach_code_unchanged(task: Task, shift: int) -> None:
    view = hostile_view(task, shift)
    members = [MemberSource(f"00{number}", MARKS[number], {}) for number in range(2)]
    found = strings_of(ensemble_files(members, view, idea_of(TABULAR, {}), templates_dir()))
    assert {view.id_column, *view.target_columns} <= found


def several_view(shift: int) -> TaskView:
    """A competition of a category, a probability and a bounded value whose names hold marks."""
    view = hostile_view("classification", shift)
    marks = MARKS[shift:] + MARKS[:shift]
    kinds = (("accuracy", "label", 3), ("roc_auc", "probability", 2), ("r2", "value", None))
    parts, first = [], 0
    for mark, (metric, prediction, classes) in zip(marks, kinds, strict=False):
        part = TargetPart(
            name=f"target {mark}",
            type="bounded" if classes is None else "category",
            task="regression" if classes is None else "classification",
            prediction=prediction,
            metric=metric,
            metric_definition=f"The definition of {mark}",
            higher_is_better=True,
            weight=1 + first,
            n_classes=classes,
            bounds=(0, 10) if classes is None else None,
            first_output=first,
        )
        parts.append(part)
        first += part.width
    names = tuple(part.name for part in parts)
    changes = {"task": "several", "metric": "mean_of", "prediction": "several", "n_classes": None}
    columns = {"target_columns": names, "submission_columns": (view.submission_columns[0], *names)}
    return view.model_copy(update={**changes, **columns, "targets": tuple(parts)})


@pytest.mark.parametrize("shift", range(len(MARKS)))
def test_names_of_several_targets_reach_code_unchanged(shift: int) -> None:
    view = several_view(shift)
    found = strings_of(Renderer(TABULAR, view).render(idea_of(TABULAR, dict(TABULAR.defaults))))
    members = [MemberSource(f"00{number}", MARKS[number], {}) for number in range(2)]
    blended = strings_of(ensemble_files(members, view, idea_of(TABULAR, {}), templates_dir()))
    assert {view.id_column, *view.target_columns} <= found
    assert set(view.target_columns) <= blended
