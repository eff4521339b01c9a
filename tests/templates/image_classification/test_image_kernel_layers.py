"""The kernel layer on frozen features: its fit, the choice of its settings, its logits, and memory."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.kernel_ridge import KernelRidge

from agent.planner.base import TaskContext
from agent.planner.conditions import settled
from agent.repository.family import Value
from agent.repository.rendering import TaskView
from tests.templates.image_classification.image_runs import FAMILY
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "log_loss")
SETS = task_view("multilabel", "micro_f1")
KERNEL: dict[str, Value] = {
    "backbone": "tf_efficientnet_lite0",
    "finetune": "head",
    "penalty": "chosen",
    "layer": "kernel",
    "flip": False,
}
CLASSES = ["a", "b", "c"]


def rings(rows: int, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, D) of three classes that no flat boundary separates: shells of three sizes."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(rows, width))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    labels = rng.integers(0, 3, rows)
    return (inputs * (1 + labels[:, None]) + 0.1 * rng.normal(size=inputs.shape)) * 5 + 2, labels


def problem(module: ModuleType, inputs: np.ndarray, truth: Any) -> tuple[Any, SimpleNamespace]:
    table = module.FeatureTable([inputs[None].astype(np.float32)])
    data = SimpleNamespace(classes=CLASSES, train=SimpleNamespace(truth=truth))
    return module.Features(table, np.arange(len(inputs)), None, table), data


def standardised(inputs: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    return scaled.clip(-6, 6)


@pytest.mark.parametrize("task", [LABEL, SETS], ids=lambda task: task.task)
def test_the_layer_is_kernel_ridge_regression_with_calibrated_outputs(tmp_path: Path, task: TaskView) -> None:
    inputs, labels = rings(150)
    targets = np.eye(3)[labels]
    with imported(task, KERNEL, tmp_path, "head") as module:
        features, data = problem(module, inputs, csr_array(targets) if task is SETS else labels)
        head = module.fit_head(
            features, np.arange(150), config=default_config(), data=data, kernel=[0.5, 0.1]
        )
        logits = head(torch.tensor(inputs[None], dtype=torch.float32))[0].numpy()
    _, factor, shift = head.scale.tolist()
    scaled = standardised(inputs)
    model = KernelRidge(alpha=0.1, kernel="rbf", gamma=1 / (2 * 4 * 0.5))
    model.fit(scaled, targets - targets.mean(axis=0))
    outputs = model.predict(scaled) + targets.mean(axis=0)
    assert logits == pytest.approx(factor * outputs + shift, abs=2e-2)
    assert factor > 1
    assert (abs(shift) < 1e-9) == (task is LABEL), "a common shift says nothing about classes"


def test_the_choice_has_the_least_error_of_rows_left_out_one_by_one(tmp_path: Path) -> None:
    inputs, labels = rings(40)
    targets = np.eye(3)[labels]
    scaled = standardised(inputs)
    errors = {}
    widths, penalties = (0.05, 0.5, 5.0), (0.01, 0.3)
    for width in widths:
        for penalty in penalties:
            model = KernelRidge(alpha=penalty, kernel="rbf", gamma=1 / (2 * 4 * width))
            total = 0.0
            for row in range(40):
                kept = np.arange(40) != row
                model.fit(scaled[kept], (targets - targets.mean(axis=0))[kept])
                left_out = model.predict(scaled[row : row + 1]) + targets.mean(axis=0)
                total += float(((left_out - targets[row]) ** 2).sum())
            errors[width, penalty] = total
    with imported(LABEL, KERNEL, tmp_path, "head") as module:
        features, data = problem(module, inputs, labels)
        config = default_config(kernel_widths=widths, kernel_penalties=penalties)
        chosen = module.choose_kernel(features, config=config, data=data)
        frozen = default_config(refit=True, frozen={"kernel": [3.0, 0.2]})
        assert module.choose_kernel(features, config=frozen, data=data) == [3.0, 0.2]
    assert tuple(chosen) == min(errors, key=lambda key: errors[key])


def test_classes_in_shells_are_told_apart_and_probabilities_are_honest(tmp_path: Path) -> None:
    inputs, labels = rings(900)
    with imported(LABEL, KERNEL, tmp_path, "head") as module:
        features, data = problem(module, inputs[:600], labels[:600])
        config = default_config()
        kernel = module.choose_kernel(features, config=config, data=data)
        head = module.fit_head(features, np.arange(600), config=config, data=data, kernel=kernel)
        logits = head(torch.tensor(inputs[None, 600:], dtype=torch.float32))[0]
    assert float((logits.argmax(dim=1).numpy() == labels[600:]).mean()) > 0.95, "a linear layer guesses"
    sure = torch.softmax(logits, dim=1).max(dim=1).values
    right = torch.from_numpy(logits.argmax(dim=1).numpy() == labels[600:]).float()
    assert float(sure.mean()) == pytest.approx(float(right.mean()), abs=0.05)


def test_pictures_and_mirror_images_count_by_their_mean(tmp_path: Path) -> None:
    inputs, labels = rings(100)
    with imported(LABEL, KERNEL, tmp_path, "head") as module:
        one, data = problem(module, inputs, labels)
        views = np.stack([inputs + 1, inputs - 1]).astype(np.float32)
        table = module.FeatureTable([views])
        two = module.Features(table, np.arange(100), None, table)
        heads = [
            module.fit_head(features, np.arange(100), config=default_config(), data=data, kernel=[0.5, 0.1])
            for features in (one, two)
        ]
    assert heads[1].rows.numpy() == pytest.approx(heads[0].rows.numpy(), abs=1e-4)
    assert heads[1].weight.numpy() == pytest.approx(heads[0].weight.numpy(), abs=1e-2)


def test_too_many_rows_are_a_random_part_of_all(tmp_path: Path) -> None:
    inputs, labels = rings(100)
    order = np.argsort(labels, kind="stable")
    with imported(LABEL, KERNEL, tmp_path, "head") as module:
        features, data = problem(module, inputs[order], labels[order])
        config = default_config(kernel_rows=60)
        head = module.fit_head(features, np.arange(100), config=config, data=data, kernel=[0.5, 0.1])
    assert len(head.rows) == len(head.weight) == 60
    assert (head.offset > 0.15).all(), "rows of every class"


def test_thousands_of_pictures_make_the_layer_linear(tmp_path: Path) -> None:
    layers = []
    for rows in (6000, 6001):
        context = TaskContext(
            task="classification", metric="accuracy", roles=frozenset({"image"}), n_train=rows, device="cpu"
        )
        layers.append(settled(FAMILY, {**FAMILY.defaults, **KERNEL}, context)["layer"])
    assert layers == ["kernel", "linear"]
