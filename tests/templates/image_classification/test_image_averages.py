"""Averaged weights: near the last ones however few steps a run has, and predicted with."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported, silent_progress

LABEL = task_view("classification", "accuracy")
SLOTS = {
    "backbone": "tiny_cnn",
    "image_size": 32,
    "ema": True,
    "augmentation": "none",
    "flip": False,
    "lr": 0.01,
}


def residue(fit: ModuleType, steps: int, requested: int) -> float:
    """Share of the first step's weights in the average after some of the requested steps."""
    config = default_config()
    share = 1.0
    for done in range(1, steps):
        share *= fit.ema_decay(done, max(steps, requested if done < steps / 20 else steps), config)
    return share


@pytest.mark.parametrize(("steps", "requested"), [(5, 5), (10, 10_000), (60, 100_000), (2000, 100_000)])
def test_the_first_weights_fade_even_if_the_limit_cuts_most_steps(
    tmp_path: Path, steps: int, requested: int
) -> None:
    with imported(LABEL, SLOTS, tmp_path, "fit") as fit:
        assert residue(fit, steps, requested) < 0.02


def test_a_long_run_averages_over_a_tenth_of_its_steps(tmp_path: Path) -> None:
    with imported(LABEL, SLOTS, tmp_path, "fit") as fit:
        assert fit.ema_decay(10_000, 10_000, default_config()) == pytest.approx(1 - 1 / 1001)
        assert fit.ema_decay(10**6, 10**9, default_config()) == 0.9999


class _Pictures:
    """Rows of noise with a colour per class."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.truth = np.arange(count) % 3
        noise = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
        noise[np.arange(count), :, :, self.truth] += 100
        self.pictures = noise
        self.ids = [str(row) for row in range(count)]

    def __len__(self) -> int:
        return len(self.ids)


def trained(fit: ModuleType, seconds: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The network that `fit` trains, whose steps take 1 s, and the one that it returns."""
    now = [0.0]
    monkeypatch.setattr(fit.time, "monotonic", lambda: now[0])
    learn = fit.Trainer.learn

    def slow(trainer: Any, pictures: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        now[0] += 1.0
        result: torch.Tensor = learn(trainer, pictures, indices)
        return result

    monkeypatch.setattr(fit.Trainer, "learn", slow)
    models = __import__("library.models", fromlist=["build_model"])
    config = default_config(batch_size=16)
    torch.manual_seed(0)
    model, _ = models.build_model(config, 3)
    rows = _Pictures(96)
    data = SimpleNamespace(train=rows, val=rows, test=rows, classes=list("abc"))
    averaged, epochs = fit.fit(
        model,
        config=config,
        data=data,
        train_rows=np.arange(96),
        epochs=100,
        seconds=seconds,
        progress=silent_progress(),
        member="tiny_cnn",
    )
    assert 0 < epochs < 10
    return model, averaged


def test_a_run_that_the_limit_cuts_predicts_as_well_with_averaged_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with imported(LABEL, SLOTS, tmp_path, "fit") as fit:
        last, averaged = trained(fit, 40.0, monkeypatch)
        assert averaged is not last
        rows = _Pictures(96)
        inference = __import__("library.inference", fromlist=["predict"])
        for model in (last, averaged):
            outputs = inference.predict(model, default_config(), rows)
            assert (outputs.argmax(axis=1) == rows.truth).mean() == 1.0
        gap = sum((a - b).norm() ** 2 for a, b in zip(last.parameters(), averaged.parameters(), strict=True))
        length = sum(a.norm() ** 2 for a in last.parameters())
        assert (gap / length) ** 0.5 < 0.1


def test_epochs_are_scored_with_the_weights_that_predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with imported(LABEL, SLOTS, tmp_path, "fit") as fit:
        scored = []
        predict = fit.predict
        monkeypatch.setattr(
            fit, "predict", lambda model, *rest: scored.append(model) or predict(model, *rest)
        )
        _, averaged = trained(fit, 40.0, monkeypatch)
    assert scored
    assert all(model is averaged for model in scored)
