"""Trainings of rendered networks on a GPU; MARS_TEST_DEVICE=cpu tries the tests themselves without one."""

import importlib
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.templates.image_classification.rendered_library import default_config

DEVICE = os.environ.get("MARS_TEST_DEVICE", "cuda")
NEEDS_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        DEVICE == "cuda" and not torch.cuda.is_available(), reason="torch finds no CUDA device"
    ),
]


class Pictures:
    """Rows of noise with a colour per class."""

    def __init__(self, count: int, size: int) -> None:
        rng = np.random.default_rng(0)
        self.truth = np.arange(count) % 3
        self.pictures = rng.integers(0, 120, (count, size, size, 3), dtype=np.uint8)
        self.pictures[np.arange(count), :, :, self.truth] += 100
        self.ids = [str(row) for row in range(count)]

    def __len__(self) -> int:
        return len(self.ids)


def gpu_config(**changes: object) -> Any:
    return replace(default_config(), device=DEVICE, **changes)


def built(config: Any, seed: int = 0) -> Any:
    """A network of the imported repository on its device."""
    importlib.import_module("library.device").set_up_device(config.device)
    torch.manual_seed(seed)
    model, _ = importlib.import_module("library.models").build_model(config, 3)
    return model


def trainer_of(fit: ModuleType, config: Any, rows: Pictures, said: list[str]) -> Any:
    checkpoint = importlib.import_module("library.checkpoint")
    return fit.Trainer(
        built(config),
        config=config,
        data=SimpleNamespace(train=rows),
        budget=fit.StepBudget(1000, float("inf"), 0.0, config),
        checkpoint=checkpoint.Checkpoint(config, "network", ""),
        report=said.append,
    )


def take_steps(trainer: Any, rows: Pictures, batch: int, steps: int) -> list[float]:
    """Losses of steps on random batches."""
    rng = np.random.default_rng(0)
    trainer.model.train()
    losses = []
    for _ in range(steps):
        indices = rng.choice(len(rows), batch, replace=False)
        loss = trainer.learn(torch.from_numpy(rows.pictures[indices]), torch.from_numpy(indices))
        losses.append(float(loss))
    return losses


def whole_training(fit: ModuleType, folder: Path | None, stop_after: int | None = None) -> Any:
    """Train by `fit` for three epochs of six steps, with a checkpoint after each; stop at some step."""
    checkpoint = importlib.import_module("library.checkpoint")
    config = gpu_config(
        batch_size=16,
        checkpoints=checkpoint.Checkpoints(folder),
        checkpoint_s=0.0,
        checkpoint_share=1e9,
        finished_s=1e9,
    )
    rows = Pictures(96, 32)
    learn, steps = fit.Trainer.learn, [0]

    def counted(trainer: Any, pictures: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        if steps[0] == stop_after:
            raise KeyboardInterrupt
        steps[0] += 1
        loss: torch.Tensor = learn(trainer, pictures, indices)
        return loss

    fit.Trainer.learn = counted
    try:
        trained, epochs = fit.fit(
            built(config),
            config=config,
            data=SimpleNamespace(train=rows, val=rows, test=rows, classes=list("abc")),
            train_rows=np.arange(96),
            epochs=3,
            seconds=1e9,
            progress=SimpleNamespace(write=lambda *_, **__: None),
            member="network",
        )
    finally:
        fit.Trainer.learn = learn
    return SimpleNamespace(model=trained, epochs=epochs, steps=steps[0], rows=rows, config=config)
