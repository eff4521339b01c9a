"""Shares of networks in a blend: a likelier network gets more, and no row's own label enters its blend."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

CLASSES = 4
TASKS = {
    "classification": task_view("classification", "accuracy"),
    "multilabel": task_view("multilabel", "micro_f1"),
}


@pytest.fixture(params=TASKS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ModuleType, str]]:
    slots = {"second_backbone": "lcnet_050", "third_backbone": "resnet10t", "blend": "fitted"}
    with imported(TASKS[request.param], slots, tmp_path, "inference") as module:
        yield module, request.param


def votes(task: str, rows: int, signals: tuple[float, ...]) -> tuple[Any, np.ndarray]:
    """Labels and what networks of a given strength each say of them: (N,) or (N, C), (K, N, C)."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, rows)
    logits = rng.normal(size=(len(signals), rows, CLASSES)).astype(np.float32)
    logits += np.array(signals, dtype=np.float32)[:, None, None] * (
        2 * np.eye(CLASSES, dtype=np.float32)[truth] - 1
    )
    if task == "classification":
        odds = np.exp(logits)
        return truth, odds / odds.sum(axis=2, keepdims=True)
    return csr_array(np.eye(CLASSES, dtype=bool)[truth]), 1 / (1 + np.exp(-logits))


def test_the_stronger_network_gets_the_larger_share(case: tuple[ModuleType, str]) -> None:
    module, task = case
    truth, outputs = votes(task, 600, (1.5, 0.5, -1.0))
    shares = module.fit_shares(default_config(), truth, outputs)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > shares[1] > shares[2] > 0
    assert shares[2] < 0.05
    assert likelihood(task, truth, np.tensordot(shares, outputs, axes=1)) > likelihood(
        task, truth, outputs.mean(axis=0)
    )


def likelihood(task: str, truth: Any, outputs: np.ndarray) -> float:
    if task == "classification":
        return float(np.log(outputs[np.arange(len(outputs)), truth]).mean())
    return float(np.log(np.where(truth.toarray(), outputs, 1 - outputs)).mean())


def test_networks_alike_share_alike_and_no_rows_mean_equal_shares(case: tuple[ModuleType, str]) -> None:
    module, task = case
    truth, outputs = votes(task, 50, (1.0,))
    assert module.fit_shares(default_config(), truth, np.repeat(outputs, 3, axis=0)) == pytest.approx(
        [1 / 3] * 3
    )
    assert module.fit_shares(default_config(), truth[:0], outputs[:, :0].repeat(3, axis=0)) == pytest.approx(
        [1 / 3] * 3
    )


def test_a_validation_rows_label_has_no_part_in_its_own_blend(case: tuple[ModuleType, str]) -> None:
    module, task = case
    truth, outputs = votes(task, 40, (1.5, 0.5, 0.0))
    blends = []
    for turned in (False, True):
        labels = truth if not turned else turn(task, truth, row=7)
        data = SimpleNamespace(val=Part(labels))
        blend = module.blend(
            config=default_config(), data=data, val=outputs, test=outputs[:, :5], weight_sources={}
        )
        blends.append(blend)
    assert np.array_equal(blends[0].val[7], blends[1].val[7])
    assert not np.array_equal(blends[0].val, blends[1].val)
    assert blends[0].shares != blends[1].shares
    shares = np.array(list(blends[0].shares.values()), dtype=np.float32)
    assert blends[0].test == pytest.approx(np.tensordot(shares, outputs[:, :5], axes=1))


def turn(task: str, truth: Any, row: int) -> Any:
    """The labels with one row's turned into another."""
    if task == "classification":
        changed = truth.copy()
        changed[row] = (changed[row] + 1) % CLASSES
        return changed
    dense = truth.toarray()
    dense[row] = ~dense[row]
    return csr_array(dense)


class Part:
    """Rows as far as a blend looks at them."""

    def __init__(self, truth: Any) -> None:
        self.truth = truth

    def __len__(self) -> int:
        return int(self.truth.shape[0])
