"""Several category targets: heads on frozen features, rejection of new classes, and joint decoding."""

import ast
import importlib
import itertools
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from agent.competition.evaluation import evaluate
from agent.competition.prepared import Prepared
from agent.competition.refit_tables import write_refit_tables
from agent.competition.spec import Task
from agent.planner.base import TaskContext
from agent.planner.conditions import active_slots, is_met, serves
from agent.planner.family_packages import lacks_needs
from agent.repository.family import Value
from agent.repository.leakage import Leakage, leakage
from agent.repository.rendering import TaskView, write_tree
from tests.support.repository_runs import ruff_complaints
from tests.templates.image_classification.hierarchy_competitions import (
    BINARY,
    PLAIN,
    TARGETS,
    hierarchy_of_pictures,
)
from tests.templates.image_classification.image_runs import (
    FAMILY,
    Files,
    Finished,
    execute,
    lay_out,
    read,
    render,
)
from tests.templates.image_classification.rendered_library import default_config, imported
from tests.templates.image_classification.test_image_rendering import names_in, sources

HEAD: dict[str, Value] = {
    "backbone": "tf_efficientnet_lite0",
    "finetune": "head",
    "penalty": "chosen",
    "layer": "kernel",
    "features": "levels",
    "image_size": 32,
    "flip": False,
}
KNOWN = [{**one, "parent_of": parent} for one, parent in zip(PLAIN, ("kind", None), strict=True)]
# With new classes; without; with new classes of the child alone; unrelated targets; with a probability.
CHOICES = (TARGETS, KNOWN, (KNOWN[0], TARGETS[1]), PLAIN, BINARY)
REJECTIONS = FAMILY.slots["rejection"].values


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return hierarchy_of_pictures(tmp_path_factory.mktemp("hierarchy"))


@pytest.fixture(scope="module")
def view(prepared: Prepared) -> TaskView:
    return TaskView.of(prepared)


def run(prepared: Prepared, workspace: Path, *arguments: str, **slots: Value) -> Finished:
    lay_out(TaskView.of(prepared), HEAD | slots, prepared.root / "public", workspace)
    return execute(workspace, *arguments)


def views(folder: Path) -> list[TaskView]:
    """What templates see of each choice of targets."""
    return [
        TaskView.of(hierarchy_of_pictures(folder / str(number), labelled=60, targets=targets))
        for number, targets in enumerate(CHOICES)
    ]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Files]:
    names = ("amp", "tta", "flip", "resize", "features", "rejection", "image_size")
    chosen: list[dict[str, Value]] = [{name: value} for name in names for value in FAMILY.slots[name].values]
    chosen += [{"second_backbone": "tf_efficientnet_lite1", "rejection": value} for value in REJECTIONS]
    pairs = itertools.product(views(tmp_path_factory.mktemp("views")), chosen)
    return [render(task, HEAD | slots) for task, slots in pairs]


def context(*targets: Task) -> TaskContext:
    """Several targets of these tasks, with pictures."""
    roles = frozenset({"image"})
    return TaskContext("several", "mean_of", roles, 1000, "cpu", target_tasks=frozenset(targets))


def test_the_family_serves_category_targets_alone() -> None:
    assert serves(FAMILY, context("classification"))
    assert not serves(FAMILY, context("classification", "multilabel"))
    assert not serves(FAMILY, context("regression"))


def test_the_search_stays_with_frozen_networks_and_what_they_use() -> None:
    several = context("classification")
    for name, value in (("finetune", "full"), ("finetune", "head_first"), ("backbone", "tiny_cnn")):
        assert lacks_needs(FAMILY, HEAD | {name: value}, several)
    active = active_slots(FAMILY, FAMILY.defaults | HEAD, several)
    assert {"backbone", "features", "image_size", "rejection"} <= active.keys()
    assert active.keys().isdisjoint({"layer", "loss", "balance", "penalty", "folds", "blend", "epochs", "lr"})
    drafts = [
        draft.id
        for draft in FAMILY.drafts
        if is_met(draft.when, several) and not lacks_needs(FAMILY, FAMILY.defaults | draft.set, several)
    ]
    assert drafts[0] == "frozen_light"
    assert "frozen_features" in drafts
    assert "finetuned_light" not in drafts


def test_renders_are_clean_to_ruff(rendered: list[Files], tmp_path: Path) -> None:
    assert rendered
    for number, files in enumerate(rendered):
        write_tree(files, tmp_path / str(number))
    assert ruff_complaints(tmp_path) == ""


def test_renders_hold_what_they_use_and_leak_nothing(rendered: list[Files]) -> None:
    assert rendered
    for files in {json.dumps(files, sort_keys=True): files for files in rendered}.values():
        assert leakage({}, files) == Leakage()
        opens = "NOVEL = {" in files["library/targets.py"]
        assert ("library/novelty.py" in files) == opens
        assert ("fit_thresholds" in files["library/inference.py"]) == opens
        assert all(text.count("\n") <= 400 for text in files.values())


def test_every_function_and_setting_is_used(rendered: list[Files]) -> None:
    assert rendered
    for files in {json.dumps(files, sort_keys=True): files for files in rendered}.values():
        trees = sources(files)
        nodes = [node for tree in trees.values() for node in ast.walk(tree)]
        made = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        made |= {
            node.target.id
            for node in nodes
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        unused = (
            made - names_in(trees.values()).keys() - {"__init__", "__post_init__", "__len__", "__getitem__"}
        )
        assert unused <= {"forward", "__reduce__", "__iter__"}


@pytest.mark.parametrize("rejection", REJECTIONS)
def test_a_run_is_valid_and_tells_new_classes_from_known_ones(
    prepared: Prepared, tmp_path: Path, rejection: str
) -> None:
    done = run(prepared, tmp_path / "run", rejection=rejection)
    assert done.returncode == 0, done.output
    evaluation = evaluate(prepared, done.workspace, done.metric)
    assert evaluation.fault is None
    assert evaluation.validation == pytest.approx(done.metric)
    novelty = done.analysis()["novelty"]
    assert isinstance(novelty, dict)
    for name in ("shape", "kind"):
        found = novelty[name]
        parts = evaluation.target_parts[name]
        assert [parts["seen"], parts["unseen"]] == pytest.approx([found["seen"], found["unseen"]])
        assert parts["called novel"] == pytest.approx(found["called_new"])
        assert evaluation.target_scores[name] == pytest.approx((found["seen"] + found["unseen"]) / 2)
    assert done.metric > 0.55, "chance is 0.5: all rows are called new, or none"


def test_predictions_hold_no_impossible_pair(prepared: Prepared, tmp_path: Path) -> None:
    done = run(prepared, tmp_path / "run")
    assert done.returncode == 0, done.output
    tables = [
        read(done.workspace / file) for file in ("working/val_submission.csv", "submission/submission.csv")
    ]
    table = pd.concat(tables)
    new_shape, new_kind = table["shape"] == "new", table["kind"] == "new"
    assert new_kind[new_shape].all()
    own = table[~new_kind]
    assert (own["kind"].str.split().str[-1] == own["shape"]).all()
    assert set(prepared.pseudo_novel["kind"]).isdisjoint(table["kind"])
    assert (new_kind & ~new_shape).any(), "a new kind of a known shape"


def test_a_refit_learns_all_classes_and_keeps_the_thresholds(prepared: Prepared, tmp_path: Path) -> None:
    done = run(prepared, tmp_path / "run")
    assert done.returncode == 0, done.output
    (done.workspace / "metadata").unlink()
    write_refit_tables(prepared, done.workspace / "metadata")
    refit = execute(done.workspace, "--refit")
    assert refit.returncode == 0, refit.output
    table = read(done.workspace / "submission" / "submission.csv")
    learned = set(prepared.pseudo_novel["kind"]) & set(table["kind"])
    assert learned, "no row to predict is of a class that the first run did not know"


def test_saved_networks_predict_the_same(prepared: Prepared, tmp_path: Path) -> None:
    done = run(
        prepared, tmp_path / "run", "--save", rejection="mahalanobis", second_backbone="tf_efficientnet_lite1"
    )
    assert done.returncode == 0, done.output
    first = read(done.workspace / "submission" / "submission.csv")
    again = execute(done.workspace, "--predict")
    assert again.returncode == 0, again.output
    second = read(done.workspace / "submission" / "submission.csv")
    assert first.sort_values("id", ignore_index=True).equals(second.sort_values("id", ignore_index=True))


@pytest.mark.parametrize("number", range(1, 5))
def test_other_competitions_of_several_targets_run(tmp_path: Path, number: int) -> None:
    prepared = hierarchy_of_pictures(tmp_path / "data", targets=CHOICES[number])
    done = run(prepared, tmp_path / "run")
    assert done.returncode == 0, done.output
    assert evaluate(prepared, done.workspace, done.metric).fault is None
    assert done.metric > (0.55 if number == 2 else 0.7)


def test_a_smoke_run_ends_well(prepared: Prepared, tmp_path: Path) -> None:
    done = run(prepared, tmp_path / "run", "--smoke", rejection="mahalanobis")
    assert done.returncode == 0, done.output
    assert 0 <= done.metric <= 1


def recognised(module: ModuleType, novelty: list[list[float]]) -> Any:
    """Two rows of the first kind of the first shape, of which the layer is sure."""
    probabilities = np.zeros((len(novelty), 17))
    probabilities[:, 0], probabilities[:, 4] = 0.9, 0.6
    probabilities[:, 1], probabilities[:, 8] = 0.1, 0.4
    parents = np.array([*np.repeat(range(3), 4), -1])
    return module.Recognised(probabilities, np.array(novelty), parents)


def test_a_new_parent_has_a_new_child_and_a_new_child_a_known_parent(view: TaskView, tmp_path: Path) -> None:
    with imported(view, HEAD, tmp_path, "inference") as module:
        rows = recognised(module, [[0.2, 0.2], [0.2, 0.9], [0.9, 0.2], [0.9, 0.9]])
        labels = module.decide(rows, np.array([0.5, 0.5]))
    assert labels.tolist() == [[0, 0], [0, 12], [3, 12], [3, 12]]


def test_child_and_parent_decide_together(view: TaskView, tmp_path: Path) -> None:
    with imported(view, HEAD, tmp_path, "inference") as module:
        rows = recognised(module, [[0.1, 0.1]])
        rows.probabilities[0, [4, 8]] = 0.4, 0.6  # the child alone prefers a kind of the second shape
        labels = module.decide(rows, np.array([0.5, 0.5]))
    assert labels.tolist() == [[0, 0]]


def test_the_highest_raw_output_is_the_decision(view: TaskView, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with imported(view, HEAD, tmp_path, "inference") as module:
        rows = recognised(module, rng.uniform(0.01, 0.99, (200, 2)).tolist())
        rows.probabilities[:, :3], rows.probabilities[:, 4:16] = rng.random((200, 3)), rng.random((200, 12))
        thresholds = np.array([0.7, 0.4])
        assert (module.decode(module.raw_outputs(rows, thresholds)) == module.decide(rows, thresholds)).all()


def test_thresholds_separate_new_rows_where_they_can(view: TaskView, tmp_path: Path) -> None:
    novelty = np.array([[0.1, 0.1], [0.2, 0.3], [0.2, 0.7], [0.3, 0.8], [0.9, 0.9], [0.8, 0.95]])
    truth = np.array([[0, 0], [0, 0], [0, 12], [0, 12], [3, 12], [3, 12]])
    with imported(view, HEAD, tmp_path, "inference") as module:
        rows = recognised(module, novelty.tolist())
        thresholds = module.fit_thresholds(rows, truth, default_config())
        assert (module.decide(rows, thresholds) == truth).all()
        known = truth[:2].repeat(3, axis=0)
        none_new = module.fit_thresholds(rows, known, default_config())
    assert none_new.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("rejection", REJECTIONS)
def test_novelty_is_the_share_of_left_out_rows_that_look_less_new(
    view: TaskView, tmp_path: Path, rejection: str
) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 8)) * 4
    kinds = np.arange(160) % 4
    inputs = centres[kinds] + rng.normal(size=(160, 8)) * 0.5
    truth = np.stack([kinds // 2, kinds], axis=1)
    with imported(view, HEAD | {"rejection": rejection}, tmp_path, "head") as module:
        table = module.FeatureTable([inputs[None].astype(np.float32)])
        data = SimpleNamespace(train=SimpleNamespace(truth=truth))
        features = module.Features(table, np.arange(160), None, table)
        layer = module.fit_head(
            features, np.arange(160), config=default_config(), data=data, kernel=[1.0, 0.1]
        )
        judge = importlib.import_module("library.novelty").Novelty(layer, default_config())
        fresh = centres[kinds] + rng.normal(size=(160, 8)) * 0.5
        far = rng.normal(size=(160, 8)) * 4
        shares = []
        for rows in (fresh, far):
            table = torch.tensor(rows[None], dtype=torch.float32)
            shares.append(judge.shares(layer(table)[0], layer.standardised(table)).numpy())
    known, new = shares
    assert known.min() > 0
    assert new.max() < 1
    assert np.abs(known.mean(axis=0) - 0.5).max() < 0.12, "known rows look as new as left-out ones"
    assert new.mean(axis=0).min() > 0.8
