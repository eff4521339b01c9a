"""One linear layer on the features of several frozen networks, and the choice of its penalty."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from agent.repository.family import Value
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import cache_at, default_config, imported

LABEL = task_view("classification", "accuracy")
JOINT: dict[str, Value] = {
    "backbone": "tf_efficientnet_lite0",
    "second_backbone": "tf_efficientnet_lite1",
    "third_backbone": "tf_efficientnet_lite2",
    "finetune": "head",
    "joint_features": True,
    "penalty": "chosen",
    "flip": False,
}
SECONDS_PER_ROW = {f"tf_efficientnet_lite{number}": 0.01 * (number + 1) for number in range(3)}


class Network(str):
    """A frozen network as the extraction knows it."""

    side: torch.Tensor

    @property
    def seconds_per_row(self) -> float:
        return SECONDS_PER_ROW[self] * ((int(self.side) or 128) / 128) ** 2


def build(name: str, *_: object) -> tuple[Network, str]:
    network = Network(name)
    network.side = torch.tensor(0)
    return network, f"package {name}"


class Progress:
    def __init__(self) -> None:
        self.cuts: list[tuple[str, float]] = []

    def write(self, *_: object, **__: object) -> None:
        pass

    def note_cut(self, what: str, share: float, anew: bool = False) -> None:
        if share < 1:
            self.cuts.append((what, share))


def rows_of(count: int, name: str) -> Any:
    first = {"train": 0, "val": 10_000, "test": 20_000}[name]
    keys = np.arange(first, first + count, dtype=np.uint64)
    return type("Table", (), {"keys": keys, "__len__": lambda self: count})()


@pytest.fixture
def joint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, list[float]]]:
    """The module, with networks that take a known time for each row and give their row numbers."""
    now = [0.0]
    with imported(LABEL, JOINT, tmp_path, "head") as module:

        def batches(model: Network, config: Any, rows: object, indices: np.ndarray) -> Iterator[torch.Tensor]:
            for start in range(0, len(indices), config.prediction_batch_size):
                chunk = indices[start : start + config.prediction_batch_size]
                now[0] += model.seconds_per_row * len(chunk)
                yield torch.from_numpy(np.tile(chunk[None, :, None].astype(np.float32), (1, 1, 2)))

        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(module, "feature_batches", batches)
        monkeypatch.setattr(module, "build_model", build)
        monkeypatch.setattr(module, "save_network", lambda *_: None)
        yield module, now


def extracted(
    joint: tuple[ModuleType, list[float]], limit_s: float, **changes: object
) -> tuple[Any, list[str], Progress]:
    module, now = joint
    start, progress = now[0], Progress()
    train = rows_of(700, "train")
    parts = {"val": rows_of(150, "val"), "test": rows_of(150, "test"), "classes": ["a", "b"]}
    data = SimpleNamespace(train=train, **parts)
    clock = SimpleNamespace(left=lambda: limit_s - (now[0] - start))
    config = default_config(cache=cache_at(None), **changes)
    features, sources = module.extract_joint(config, data, clock, progress)
    return features, list(sources), progress


def test_with_time_all_networks_stand_side_by_side(joint: tuple[ModuleType, list[float]]) -> None:
    features, networks, progress = extracted(joint, 1e6)
    assert networks == list(SECONDS_PER_ROW)
    assert features.train.shape == (1, 700, 6)
    assert features.train.rows(np.array([699, 3]))[0].tolist() == [[699.0] * 6, [3.0] * 6]
    assert features.val.shape == features.test.shape == (1, 150, 6)
    assert progress.cuts == []


def test_networks_that_the_time_does_not_allow_are_left_out_before_any_row(
    joint: tuple[ModuleType, list[float]],
) -> None:
    features, networks, progress = extracted(joint, 50.0)
    assert networks == list(SECONDS_PER_ROW)[:2]
    assert features.train.shape == (1, 700, 4)
    assert progress.cuts == [("networks", pytest.approx(2 / 3))]


def test_too_little_time_for_the_first_network_shows_it_smaller_pictures(
    joint: tuple[ModuleType, list[float]],
) -> None:
    features, networks, progress = extracted(joint, 14.0)
    assert networks == list(SECONDS_PER_ROW)[:1]
    assert len(features.train_rows) == 700
    # 4.7 s are left for 10 s of work: 8 s are for the layer, and a trial took 1.3 s.
    assert progress.cuts == [("networks", pytest.approx(1 / 3)), ("pixels", (80 / 128) ** 2)]


@pytest.mark.parametrize("limit_s", [6.0, 10.0, 14.0, 18.0, 24.0, 30.0, 40.0, 55.0, 70.0, 90.0])
def test_rows_are_left_out_only_where_one_network_stands_alone(
    joint: tuple[ModuleType, list[float]], limit_s: float
) -> None:
    """A shorter limit takes networks, then pixels, then rows away, and leaves time for the layer."""
    _, now = joint
    start = now[0]
    features, networks, _ = extracted(joint, limit_s)
    assert networks == list(SECONDS_PER_ROW)[: len(networks)]
    assert len(features.train_rows) == 700 or len(networks) == 1
    assert len(features.train_rows) >= 0.7 * 700 or limit_s < 14.0
    assert now[0] - start <= max(0.95 * limit_s, limit_s - 4.0)


def test_a_refit_takes_the_networks_of_the_run_before(joint: tuple[ModuleType, list[float]]) -> None:
    chosen = list(SECONDS_PER_ROW)[:2]
    features, networks, progress = extracted(joint, 1e6, refit=True, frozen={"networks": chosen})
    assert networks == chosen
    assert features.val is None
    assert progress.cuts == []


def problem(noise: float, rows: int = 120, width: int = 300) -> tuple[np.ndarray, Any]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(rows, width)).astype(np.float32)
    labels = (inputs[:, :3].sum(axis=1) + noise * rng.normal(size=rows) > 0).astype(np.int64)
    return inputs, SimpleNamespace(classes=["a", "b"], train=SimpleNamespace(truth=labels))


def test_more_noise_chooses_a_stronger_penalty_and_a_refit_keeps_it(tmp_path: Path) -> None:
    chosen = []
    slots = {**JOINT, "second_backbone": "none", "third_backbone": "none"}
    with imported(LABEL, slots, tmp_path, "head") as module:
        for noise, rows, width in ((0.0, 1000, 4), (30.0, 1000, 4)):
            inputs, data = problem(noise, rows, width)
            table = module.FeatureTable([inputs[None]])
            features = module.Features(table, np.arange(rows), None, table)
            chosen.append(module.choose_penalty(features, config=default_config(), data=data, seconds=600.0))
        frozen = default_config(refit=True, frozen={"penalty": 0.123})
        assert module.choose_penalty(features, config=frozen, data=data, seconds=1.0) == 0.123
    weakest, strongest = (0.8 * penalty for penalty in (0.01, 1.0))
    assert chosen == pytest.approx([weakest, strongest])


def test_projected_inputs_give_the_same_layer(tmp_path: Path) -> None:
    inputs, data = problem(1.0)
    heads = []
    with imported(LABEL, JOINT, tmp_path, "head") as module:
        table = module.FeatureTable([inputs[None]])
        features = module.Features(table, np.arange(len(inputs)), None, table)
        for most in (0, 1000):
            config = default_config(projected_rows=most, head_steps=200)
            batches = module.HeadBatches(features, np.arange(len(inputs)), config, data)
            assert batches.fitted_width == (300 if most == 0 else 120)
            heads.append(
                module.fit_head(
                    features, np.arange(len(inputs)), config=config, data=data, seconds=600.0, penalty=0.1
                )
            )
    assert heads[0].weight.abs().max() > 0.05
    assert heads[1].weight.numpy() == pytest.approx(heads[0].weight.numpy(), abs=2e-3)
    assert heads[1].bias.numpy() == pytest.approx(heads[0].bias.numpy(), abs=2e-3)
