"""What repositories compute themselves is the harness's score, for every metric that a task can have."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from agent.competition.metrics import METRICS, Metric, Rows, get_metric
from agent.competition.spec import InputColumn, MetricParameters, Task
from agent.core.errors import SetupError
from agent.core.paths import templates_dir
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import (
    Renderer,
    TaskView,
    template_environment,
    template_names,
    write_tree,
)

NEEDED = {"beta": 2.5, "quantile": 0.8, "k": 3, "novel": 1}
ROWS = 80


def parameters(name: str) -> MetricParameters:
    return MetricParameters.model_validate({need: NEEDED[need] for need in METRICS[name].parameter_names})


def every_view() -> Iterator[TaskView]:
    """A competition for every metric, task and number of classes that it serves."""
    for name, metric in METRICS.items():
        for task in (task for task in metric.tasks if task != "segmentation"):  # no family draws masks
            counts = (None,) if task == "regression" else (2,) if metric.binary_only else (2, 5)
            for classes in counts:
                yield view(get_metric(name, parameters(name)), task, classes)


def view(metric: Metric, task: Task, classes: int | None) -> TaskView:
    prediction = metric.prediction_kind(task)
    columns = (
        [f"label{index}" for index in range(classes or 0)] if prediction == "probability" else ["target"]
    )
    return TaskView(
        id="made-up",
        title="Made up",
        task=task,
        metric=metric.name,
        metric_parameters=parameters(metric.name),
        metric_definition=metric.definition,
        higher_is_better=metric.higher_is_better,
        prediction=prediction,
        id_column="id",
        target_columns=("target",),
        submission_columns=("id", *columns),
        file_column="file_path",
        inputs=(
            InputColumn(name="size", role="number"),
            InputColumn(name="picture", role="image", path="{id}.png"),
        ),
        n_classes=classes,
        data_kind="full",
        n_train=100,
    )


OWN = """
def score(truth, prediction):
    assert len(truth) == len(prediction)
    return abs(float(prediction.astype(float).mean()) - float(truth.astype(float).mean()))
"""
OWN_KINDS: dict[str, Task] = {
    "label": "classification",
    "probability": "classification",
    "label_set": "multilabel",
    "value": "regression",
}


def own_view(kind: str) -> TaskView:
    """A competition with a metric.py."""
    stand_in = {"label": "accuracy", "probability": "roc_auc", "label_set": "micro_f1", "value": "rmse"}[kind]
    task = OWN_KINDS[kind]
    seen = view(get_metric(stand_in), task, None if task == "regression" else 5)
    update = {
        "metric": "metric.py",
        "metric_code": OWN,
        "higher_is_better": False,
        "metric_definition": "Gap.",
    }
    return seen.model_copy(update=update)


VIEWS = {f"{view.metric}-{view.task}-{view.n_classes}": view for view in every_view()}


def rows(competition: TaskView, seed: int) -> tuple[Rows, Rows]:
    """Truth and prediction as the harness has them."""
    generator = np.random.default_rng(seed)
    classes = competition.n_classes or 1
    if competition.task == "regression":
        truth = np.exp(generator.normal(size=ROWS))
        return truth, np.abs(truth + generator.normal(size=ROWS))
    outputs = generator.dirichlet(np.ones(classes), ROWS)
    truth: Rows = generator.integers(0, classes, ROWS)
    if competition.task == "multilabel":
        sets = generator.random((ROWS, classes)) < 0.4
        sets[:, -1] &= classes > 2  # where there are several, one class that no answer has
        truth = csr_array(sets)
    if competition.prediction == "label":
        return truth, outputs.argmax(axis=1)
    if competition.prediction == "label_set":
        return truth, csr_array(outputs > 0.3)
    if competition.prediction == "ranking":
        return truth, np.argsort(-outputs, axis=1)[:, :3]
    return truth, outputs


def rendered_score(competition: TaskView) -> object:
    """The function `score` of the shared template."""
    environment = template_environment(templates_dir() / "tabular")
    parts = [
        environment.get_template(f"_shared/{name}.py.j2").render(competition=competition)
        for name in ("metric_import", "metric")
    ]
    namespace: dict[str, object] = {"np": np, "csr_array": csr_array}
    exec("\n".join(parts), namespace)
    return namespace["score"]


@pytest.mark.parametrize("name", VIEWS)
def test_a_repository_scores_as_the_harness_does(name: str) -> None:
    competition = VIEWS[name]
    score = rendered_score(competition)
    metric = get_metric(competition.metric, competition.metric_parameters)
    for seed in range(3):
        truth, prediction = rows(competition, seed)
        found = score(truth, prediction)  # type: ignore[operator]
        assert type(found) is float
        assert found == pytest.approx(metric.score(truth, prediction), rel=1e-9, abs=1e-12)
        if competition.task == "regression":  # the ensemble keeps a column per target
            column = score(truth[:, None], prediction[:, None])  # type: ignore[operator]
            assert column == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("kind", OWN_KINDS)
def test_a_repository_calls_the_competitions_own_metric(kind: str) -> None:
    competition = own_view(kind)
    own: dict[str, Callable[[Rows, Rows], float]] = {}
    exec(OWN, own)
    environment = template_environment(templates_dir() / "tabular")
    source = environment.get_template("_shared/metric.py.j2").render(competition=competition)
    namespace: dict[str, Any] = {"np": np, "csr_array": csr_array, "own_score": own["score"]}
    exec(source, namespace)
    truth, prediction = rows(competition, 0)
    dense = [cells.toarray() if isinstance(cells, csr_array) else cells for cells in (truth, prediction)]
    assert namespace["score"](truth, prediction) == own["score"](*dense)


def test_no_template_names_a_metric() -> None:
    """A new metric needs no edit of a template: templates ask for traits."""
    named = re.compile("|".join(rf"[\"']{name}[\"']" for name in METRICS))
    listed = re.compile(r"\bmetrics: *\[")
    templates = [file for file in sorted(templates_dir().rglob("*")) if file.suffix in {".j2", ".yaml"}]
    assert len(templates) > 50
    naming = [
        f"{file.relative_to(templates_dir())}:{number}"
        for file in templates
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if named.search(line) or listed.search(line)
    ]
    assert naming == []


def test_an_unknown_metric_ends_the_rendering() -> None:
    competition = VIEWS["accuracy-classification-5"].model_copy(update={"metric": "nonsense"})
    for name in ("tabular", "image_classification"):
        blueprint = Blueprint(family=name, slots=family_called(name).fill({}, "test"))
        with pytest.raises(SetupError, match="Unknown metric 'nonsense'"):
            Renderer(family_called(name), competition).render(idea(blueprint))


@cache
def family_called(name: str) -> Family:
    return load_family(templates_dir() / name)


def repositories(competition: TaskView) -> Iterator[dict[str, str]]:
    """What each family that serves the task makes of it, and an ensemble."""
    choices: dict[str, dict[str, Value]] = {
        "tabular": {"model": "lightgbm", "regression_loss": "quantile"},
        "image_classification": {"threshold": "per_class"},
    }
    for name, slots in choices.items():
        family = family_called(name)
        if competition.task in family.serves.tasks:
            blueprint = Blueprint(family=name, slots=family.fill(slots, "test"))
            yield Renderer(family, competition).render(idea(blueprint))
    folder = templates_dir() / "ensemble"
    environment = template_environment(folder)
    members = [SimpleNamespace(node=node, title=f"Member {node}") for node in ("003", "007")]
    context = {"competition": competition, "members": members, "idea": idea(None)}
    yield {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }


def idea(blueprint: Blueprint | None) -> Idea:
    return placeholder_idea("the blueprint", "A plan", blueprint)


def test_repositories_for_every_metric_are_clean(tmp_path: Path) -> None:
    own = {f"own-{kind}": own_view(kind) for kind in OWN_KINDS}
    distinct = {(view.metric, view.task): (name, view) for name, view in VIEWS.items()}
    for name, competition in (*distinct.values(), *own.items()):
        for number, files in enumerate(repositories(competition)):
            assert ("library/metric.py" in files) == (name in own and "library/blend.py" not in files)
            files.pop("library/metric.py", None)  # the competition's own style is nobody's business
            write_tree(files, tmp_path / f"{name}-{number}")
    options = ["--isolated", "--no-cache", "--line-length", "110"]
    first_party = "--config=lint.isort.known-first-party=['library']"
    for command in (
        ["check", "--quiet", first_party, "--select=E,F,I,UP,B,SIM"],
        ["format", "--diff", "--quiet"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], *options, *command[1:], str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[:4000]
