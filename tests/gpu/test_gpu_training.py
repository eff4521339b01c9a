"""Training on a real GPU: each kind of network, number formats, compilation, averages, memory, resumption."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.gpu.gpu_training import (
    DEVICE,
    NEEDS_GPU,
    Pictures,
    built,
    gpu_config,
    take_steps,
    trainer_of,
    whole_training,
)
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import imported

pytestmark = NEEDS_GPU

LABEL = task_view("classification", "accuracy")
SMALL = {
    "backbone": "tiny_cnn",
    "image_size": 64,
    "augmentation": "none",
    "flip": False,
    "pretrained": False,
    "lr": 0.001,
}
KINDS = [
    "tiny_cnn",
    "lcnet_050",
    "resnet10t",
    "tf_efficientnet_lite0",
    "convnext_atto",
    "swin_base_patch4_window7_224",
    "vit_base_patch16_dinov3",
    "vit_base_patch16_siglip_256",
    "eva02_base_patch14_448",
]


@pytest.mark.parametrize("backbone", KINDS)
def test_each_kind_of_network_learns(tmp_path: Path, backbone: str) -> None:
    lr = 0.0001 if backbone.startswith(("swin", "vit", "eva")) else 0.001
    with imported(LABEL, {**SMALL, "backbone": backbone, "lr": lr}, tmp_path, "fit") as fit:
        rows = Pictures(96, 64)
        losses = take_steps(trainer_of(fit, gpu_config(), rows, []), rows, batch=24, steps=40)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:3])


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_gives_about_the_outputs_of_full_precision(tmp_path: Path, amp: str) -> None:
    rows = Pictures(64, 64)
    outputs = {}
    for number, kind in enumerate(("off", amp)):
        slots = {**SMALL, "backbone": "resnet10t", "amp": kind}
        with imported(LABEL, slots, tmp_path / str(number), "inference") as inference:
            outputs[kind] = inference.predict(built(gpu_config()), gpu_config(), rows)
    assert outputs[amp].shape == (64, 3)
    assert np.abs(outputs["off"] - outputs[amp]).max() < 0.02


@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
@pytest.mark.parametrize("more", [{}, {"checkpointing": True}, {"clip_norm": 1.0, "mixing": "both"}])
def test_every_number_format_learns(tmp_path: Path, amp: str, more: dict[str, object]) -> None:
    with imported(LABEL, {**SMALL, "backbone": "resnet10t", "amp": amp, **more}, tmp_path, "fit") as fit:
        rows = Pictures(96, 64)
        losses = take_steps(trainer_of(fit, gpu_config(), rows, []), rows, batch=24, steps=30)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:3])


def test_a_compiled_network_learns_as_the_plain_one(tmp_path: Path) -> None:
    rows = Pictures(96, 64)
    losses = []
    for compiled in (False, True):
        slots = {**SMALL, "backbone": "resnet10t", "compile": compiled, "amp": "off"}
        with imported(LABEL, slots, tmp_path / str(compiled), "fit") as fit:
            losses.append(take_steps(trainer_of(fit, gpu_config(), rows, []), rows, batch=24, steps=5))
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


@pytest.mark.parametrize("ema", [False, True])
def test_a_whole_training_with_loading_processes_predicts_its_rows(tmp_path: Path, ema: bool) -> None:
    with imported(LABEL, {**SMALL, "image_size": 32, "lr": 0.01, "ema": ema}, tmp_path, "fit") as fit:
        trained = whole_training(fit, None)
        inference = importlib.import_module("library.inference")
        outputs = inference.predict(trained.model, trained.config, trained.rows)
    assert (trained.steps, trained.epochs) == (18, 3)
    assert (outputs.argmax(axis=1) == trained.rows.truth).mean() > 0.9


@pytest.mark.skipif(DEVICE != "cuda", reason="only a GPU runs out of its memory")
def test_a_batch_beyond_the_memory_is_computed_in_parts(tmp_path: Path) -> None:
    said: list[str] = []
    slots = {**SMALL, "backbone": "resnet10t", "image_size": 256, "amp": "off"}
    with imported(LABEL, slots, tmp_path, "fit") as fit:
        rows = Pictures(256, 256)
        trainer = trainer_of(fit, gpu_config(), rows, said)
        take_steps(trainer, rows, batch=4, steps=1)
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**31) / total)
        try:
            losses = take_steps(trainer, rows, batch=256, steps=3)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.isfinite(losses).all()
    assert trainer.parts.count in (2, 4, 8, 16, 32)
    assert said[-1].endswith(f"takes 256 pictures in {trainer.parts.count} parts.")


def test_a_stopped_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    slots = {**SMALL, "image_size": 32, "lr": 0.01, "ema": True, "mixing": "both"}
    with imported(LABEL, slots, tmp_path / "code", "fit") as fit:
        with pytest.raises(KeyboardInterrupt):
            whole_training(fit, tmp_path / "checkpoint", stop_after=8)
        rest = whole_training(fit, tmp_path / "checkpoint")
        whole = whole_training(fit, None)
    assert (rest.steps, rest.epochs) == (18 - 8, 3)
    pairs = zip(whole.model.parameters(), rest.model.parameters(), strict=True)
    gaps = [float((one - other).detach().norm() / (one.detach().norm() + 1e-6)) for one, other in pairs]
    assert max(gaps) < 0.2  # a GPU sums up in any order
