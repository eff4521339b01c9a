"""Imports rendered modules of the family `image_classification` for benchmarks."""

import importlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from agent.competition.metrics import get_metric
from agent.competition.spec import InputColumn
from agent.core.paths import templates_dir
from agent.repository.family import Value, load_family
from agent.repository.idea import Blueprint, placeholder_idea
from agent.repository.rendering import Renderer, TaskView, write_tree


def multilabel_task(n_train: int, n_classes: int) -> TaskView:
    """Return the template view of a competition like iMet-2020."""
    metric = get_metric("micro_f1")
    return TaskView(
        id="pictures",
        title="Pictures with several labels each",
        task="multilabel",
        metric=metric.name,
        metric_definition=metric.definition,
        higher_is_better=metric.higher_is_better,
        prediction=metric.prediction_kind("multilabel"),
        id_column="id",
        target_columns=("attribute_ids",),
        submission_columns=("id", "attribute_ids"),
        file_column="file_path",
        inputs=(InputColumn(name="picture", role="image", path="{id}.jpg"),),
        n_classes=n_classes,
        data_kind="full",
        n_train=n_train,
    )


def rendered_modules(
    names: Sequence[str], slots: Mapping[str, Value], task: TaskView
) -> tuple[ModuleType, ...]:
    """Render for the slots and import modules `library.<name>`; modules of earlier calls stay valid."""
    family = load_family(templates_dir() / "image_classification")
    blueprint = Blueprint(family=family.id, slots=family.fill(dict(slots), "benchmark"))
    idea = placeholder_idea("the blueprint", "A benchmark", blueprint)
    for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
        del sys.modules[name]
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Renderer(family, task).render(idea), Path(folder))
        sys.path.insert(0, folder)
        try:
            return tuple(importlib.import_module(f"library.{name}") for name in names)
        finally:
            sys.path.remove(folder)
