"""From a folder with a metric to graded solutions: preparation, repositories, their ensemble, the harness."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from agent.competition.evaluation import check_metric, evaluate
from agent.competition.metrics import metric_of
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.sources.locate import RawData
from agent.competition.spec import load_spec
from agent.core.paths import Home, templates_dir
from agent.execution import run_script
from agent.record.state import Node
from agent.repository.ensemble_code import MemberSource, ensemble_files
from agent.repository.family import Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import Renderer, TaskView, write_tree
from agent.solution.ensemble import place_outputs
from tests.support.repository_runs import run_repositories

COLOURS = ["blue", "green", "red"]
OWN = '''"""Mean distance of the true class's probability from 1."""

import numpy as np


def score(truth, prediction):
    return float(np.mean(1 - prediction[np.arange(len(truth)), truth]))
'''
OWN_SPEC = {"definition": 'The "missing" share.', "prediction": "probability", "higher_is_better": False}
IMAGE: dict[str, Value] = {
    "backbone": "tiny_cnn",
    "image_size": 32,
    "epochs": 1,
    "amp": "off",
    "augmentation": "none",
}


@dataclass(frozen=True)
class Case:
    task: str
    metric: dict[str, Any]  # what competition.yaml says of it
    answers: list[str] | None = None  # columns of the submission, where they are not the target
    family: str = "tabular"


CASES = {
    "labels": Case("classification", {"metric": "mcc"}),
    "beta": Case("classification", {"metric": "macro_f_beta", "metric_parameters": {"beta": 2}}),
    "ranking": Case("classification", {"metric": "map_at_k", "metric_parameters": {"k": 2}}),
    "probabilities": Case("classification", {"metric": "brier"}, COLOURS),
    "own": Case("classification", {"metric": "metric.py", "own_metric": OWN_SPEC}, COLOURS),
    "logarithms": Case("regression", {"metric": "rmsle"}),
    "ranks": Case("regression", {"metric": "spearman"}),
    "quantile": Case("regression", {"metric": "pinball", "metric_parameters": {"quantile": 0.9}}),
    "sets": Case(
        "multilabel",
        {"metric": "samples_f_beta", "metric_parameters": {"beta": 2}},
        family="image_classification",
    ),
    "set probabilities": Case(
        "multilabel", {"metric": "average_precision"}, COLOURS, family="image_classification"
    ),
    "set rankings": Case(
        "multilabel",
        {"metric": "ndcg_at_k", "metric_parameters": {"k": 2}},
        family="image_classification",
    ),
}
BLUEPRINTS: dict[str, list[dict[str, Value]]] = {
    "tabular": [
        {"model": "hist_gradient_boosting", "max_iter": 20, "regression_loss": "quantile"},
        {"model": "linear"},
    ],
    "image_classification": [IMAGE, {**IMAGE, "threshold": "per_class", "label_smoothing": 0.1}],
}


def write_folder(folder: Path, case: Case) -> None:
    """Tables, pictures, competition.yaml and metric.py."""
    random = np.random.default_rng(0)
    count, test = (300, 30) if case.family == "tabular" else (90, 12)
    size, weight = random.normal(size=(2, count + test))
    table = pd.DataFrame({"id": [f"row{i}" for i in range(count + test)], "size": size, "weight": weight})
    colour = np.digitize(size + 0.3 * random.normal(size=len(table)), [-0.5, 0.5])
    table["target"] = np.array(COLOURS)[colour]
    if case.task == "regression":
        table["target"] = np.maximum(np.exp(size) - 0.5 + 0.1 * random.normal(size=len(table)), 0)
    inputs: list[dict[str, str]] = [{"name": name, "role": "number"} for name in ("size", "weight")]
    folder.mkdir()
    if case.family == "image_classification":
        inputs = [{"name": "picture", "role": "image", "path": "{id}.png"}]
        also = random.random((len(table), 3)) < 0.4
        names = [[COLOURS[k] for k in range(3) if k == colour[i] or also[i, k]] for i in range(len(table))]
        table["target"] = [" ".join(row) for row in names]
        for name, labels in zip(table["id"], names, strict=True):
            picture = random.integers(0, 60, (16, 16, 3), dtype=np.uint8)
            for label in labels:
                picture[4:12, 4:12, COLOURS.index(label)] += 150
            cv2.imwrite(str(folder / f"{name}.png"), picture)
    table[:count].to_csv(folder / "train.csv", index=False)
    table[count:].drop(columns="target").to_csv(folder / "test.csv", index=False)
    sample = table[count:][["id"]].assign(**dict.fromkeys(case.answers or ["target"], "0"))
    sample.to_csv(folder / "sample_submission.csv", index=False)
    spec = {"id": "case", "title": "A case", "task": case.task, "targets": "target", "inputs": inputs}
    (folder / "competition.yaml").write_text(yaml.safe_dump({**spec, **case.metric}))
    (folder / "metric.py").write_text(OWN)


def prepared_case(folder: Path, case: Case) -> Prepared:
    write_folder(folder, case)
    spec = load_spec(folder / "competition.yaml")
    return prepare(spec, RawData(folder, "full", "Data: a test's."), Home(folder.parent / "home"))


def idea(blueprint: Blueprint | None) -> Idea:
    return placeholder_idea("the blueprint", "A plan", blueprint)


def lay_out(prepared: Prepared, files: dict[str, str], workspace: Path) -> Path:
    write_tree(files, workspace)
    (workspace / "input").symlink_to(prepared.input)
    (workspace / "metadata").symlink_to(prepared.metadata)
    return workspace


def run_all(workspaces: list[Path], preload: tuple[str, ...]) -> None:
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    run_repositories(workspaces, preload, (), environment)


def require_graded(prepared: Prepared, workspace: Path) -> float:
    log = (workspace / "run.log").read_text()
    printed = re.search(r"^Final Validation Metric: (\S+)$", log, re.MULTILINE)
    assert printed, log
    found = evaluate(prepared, workspace, float(printed[1]), run_script)
    assert found.fault is None, found.fault
    assert found.validation is not None
    assert float(printed[1]) == pytest.approx(found.validation, rel=1e-9)
    return found.validation


@pytest.mark.parametrize("family", BLUEPRINTS)
def test_solutions_and_their_ensemble_are_graded_with_the_value_that_they_print(
    family: str, tmp_path: Path
) -> None:
    cases = {name: case for name, case in CASES.items() if case.family == family}
    assert cases
    prepared = {name: prepared_case(tmp_path / name, case) for name, case in cases.items()}
    members: dict[str, dict[int, Path]] = {}
    templates = load_family(templates_dir() / family)
    sources: dict[tuple[str, int], dict[str, str]] = {}
    for name, data in prepared.items():
        check_metric(data, metric_of(data.spec, run_script))
        renderer = Renderer(templates, TaskView.of(data))
        for number, slots in enumerate(BLUEPRINTS[family], 1):
            files = renderer.render(idea(Blueprint(family=family, slots=templates.fill(slots, "test"))))
            sources[name, number] = files
            workspace = lay_out(data, files, tmp_path / f"{name} {number}")
            members.setdefault(name, {})[number] = workspace
    run_all(
        [workspace for workspaces in members.values() for workspace in workspaces.values()], templates.preload
    )
    ensembles = {}
    for name, data in prepared.items():
        nodes = [Node(number, "draft", (), idea(None), None, 0.0) for number in members[name]]
        blended_code = [MemberSource(node.name, node.idea.title, sources[name, node.id]) for node in nodes]
        files = ensemble_files(blended_code, TaskView.of(data), idea(None), templates_dir())
        ensembles[name] = lay_out(data, files, tmp_path / f"{name} ensemble")
        place_outputs(nodes, members[name], ensembles[name])
    run_all(list(ensembles.values()), ("pandas", "scipy.stats", "sklearn.metrics"))
    for name, data in prepared.items():
        metric = metric_of(data.spec, run_script)
        singles = [require_graded(data, workspace) for workspace in members[name].values()]
        blended = require_graded(data, ensembles[name])
        assert metric.error(blended) <= 1.5 * max(metric.error(single) for single in singles)
