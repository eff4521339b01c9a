"""Training on a device: its settings, its number format, batches that exceed its memory."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.templates.image_classification.image_runs import execute, lay_out
from tests.templates.image_classification.picture_competitions import make_competition, task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "accuracy")
SETS = task_view("multilabel", "micro_f1")
TINY = {"backbone": "tiny_cnn", "image_size": 32, "augmentation": "none", "flip": False}


class _Limited(torch.nn.Module):
    """A network without batch norm on a device that holds only so many pictures."""

    def __init__(self, outputs: int, fits: int) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, outputs))
        self.fits = fits
        self.sizes: list[int] = []

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(pictures))
        if len(pictures) > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        outputs: torch.Tensor = self.network(pictures.float() / 255)
        return outputs


def trainer_of(fit: ModuleType, model: _Limited, report: Callable[[str], None], truth: object) -> Any:
    config = default_config()
    budget = fit.StepBudget(10, 1e9, 1.0, config)
    data = SimpleNamespace(train=SimpleNamespace(truth=truth))
    checkpoint = fit.Checkpoint(config, "network", "")
    return fit.Trainer(model, config=config, data=data, budget=budget, checkpoint=checkpoint, report=report)


@pytest.mark.parametrize("amp", ["off", "fp16"])
@pytest.mark.parametrize(("fits", "parts"), [(12, 1), (5, 4), (1, 12)])
@pytest.mark.parametrize("slots", [{}, {"mixing": "mixup"}, {"label_smoothing": 0.1}])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(
    tmp_path: Path, amp: str, fits: int, parts: int, slots: dict[str, object]
) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (12, 2, 2, 3), dtype=torch.uint8, generator=generator)
    truth = np.arange(12) % 3
    gradients, losses, said = [], [], []
    with imported(LABEL, {**TINY, "amp": amp, **slots}, tmp_path, "fit") as fit:
        for limit in (12, fits):
            torch.manual_seed(0)
            model = _Limited(3, limit)
            trainer = trainer_of(fit, model, said.append, truth)
            trainer.optimizer.step = lambda: None  # the gradients stay as they are
            losses.append(trainer.learn(pictures, torch.arange(12)))
            gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for whole, summed in zip(*gradients, strict=True):
        assert torch.allclose(whole, summed, rtol=1e-5, atol=1e-7)
    assert losses[0] == pytest.approx(losses[1].item())
    assert trainer.parts.count == parts
    assert max(model.sizes[-parts:]) <= fits
    assert sum(model.sizes[-parts:]) == 12
    if parts == 1:
        assert said == []
    else:
        expected = f"The GPU's memory is short: training takes 12 pictures in {parts} parts."
        assert said[-1] == expected


def test_the_parts_stay_small_for_the_steps_that_follow(tmp_path: Path) -> None:
    pictures = torch.zeros(12, 2, 2, 3, dtype=torch.uint8)
    with imported(LABEL, TINY, tmp_path, "fit") as fit:
        model = _Limited(3, 6)
        trainer = trainer_of(fit, model, lambda _: None, np.arange(12) % 3)
        for _ in range(3):
            trainer.learn(pictures, torch.arange(12))
    assert model.sizes == [12, 6, 6, 6, 6, 6, 6]


def test_a_single_picture_that_exceeds_the_memory_is_an_error(tmp_path: Path) -> None:
    with imported(LABEL, TINY, tmp_path, "fit") as fit:
        trainer = trainer_of(fit, _Limited(3, 0), lambda _: None, np.arange(5) % 3)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            trainer.learn(torch.zeros(5, 2, 2, 3, dtype=torch.uint8), torch.arange(5))
        assert trainer.parts.count == 5


def test_other_errors_do_not_divide_batches(tmp_path: Path) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("a defect")

    with imported(LABEL, TINY, tmp_path, "device") as device:
        parts = device.BatchParts("training")
        with pytest.raises(RuntimeError, match="a defect"):
            parts.compute(fail, torch.zeros(4))
        assert parts.count == 1


@pytest.mark.parametrize("tta", ["none", "hflip", "scales"])
def test_predictions_of_short_memory_are_those_of_the_whole_batch(
    tmp_path: Path, tta: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    rows = SimpleNamespace(pictures=rng.integers(0, 256, (80, 32, 32, 3), dtype=np.uint8))
    with imported(SETS, {**TINY, "tta": tta}, tmp_path, "inference") as inference:
        model, _ = __import__("library.models", fromlist=["models"]).build_model(default_config(), 6)
        expected = inference.predict(model, default_config(), rows)
        assert "memory" not in capsys.readouterr().out
        forward = type(model).forward

        def limited(self: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
            if len(pictures) > 20:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
            outputs: torch.Tensor = forward(self, pictures)
            return outputs

        monkeypatch.setattr(type(model), "forward", limited)
        predicted = inference.predict(model, default_config(), rows)
    assert predicted.shape == (80, 6)
    assert np.allclose(predicted, expected, atol=1e-6)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"The GPU's memory is short: prediction takes 64 pictures in {parts} parts." for parts in (2, 4)
    ]


@pytest.mark.slow
def test_short_memory_is_told_in_the_log_and_in_the_progress(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "classification", "accuracy", (64, 16, 16))
    workspace = lay_out(competition.task, {**TINY, "epochs": 2}, competition.folder, tmp_path / "w")
    models = workspace / "library" / "models.py"
    models.write_text(
        models.read_text().replace(
            "        return self.network(self.normalise(pictures))",
            "        if self.training and len(pictures) > 8:\n"
            '            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")\n'
            "        return self.network(self.normalise(pictures))",
        )
    )
    done = execute(workspace)
    assert done.returncode == 0, done.output
    sentence = "The GPU's memory is short: training takes 16 pictures in 2 parts."
    assert done.output.count(sentence) == 1
    records = [json.loads(line) for line in (workspace / "working" / "progress.jsonl").open()]
    notes = [record for record in records if record["stage"] == "memory"]
    assert [(note["member"], note["note"]) for note in notes] == [("tiny_cnn", sentence)]


@pytest.mark.parametrize(
    ("amp", "native", "expected"),
    [
        ("bf16", True, (torch.bfloat16, False)),
        ("bf16", False, (torch.float16, True)),
        ("fp16", True, (torch.float16, True)),
    ],
)
def test_bfloat16_is_used_only_where_the_gpu_computes_in_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    amp: str,
    native: bool,
    expected: tuple[torch.dtype, bool],
) -> None:
    asked = []
    scalers = []

    def is_native(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return native

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_native)
    monkeypatch.setattr(torch, "autocast", lambda *_, dtype=None, enabled=True: (dtype, enabled))
    monkeypatch.setattr(torch.amp, "GradScaler", lambda _, enabled: scalers.append(enabled))
    with imported(LABEL, {**TINY, "amp": amp}, tmp_path, "fit") as fit:
        assert fit.autocast("cuda") == (expected[0], True)
        assert fit.autocast("cpu")[1] is False
        for device in ("cpu", "cuda"):
            config = default_config()
            object.__setattr__(config, "device", device)
            budget = fit.StepBudget(1, 1.0, 1.0, config)
            fit.Trainer(
                _Limited(3, 1), config=config, data=None, budget=budget, checkpoint=None, report=print
            )
    assert scalers == [False, expected[1]]
    assert not any(asked)


def test_only_a_gpu_gets_settings_for_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", chosen.append)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    with imported(LABEL, TINY, tmp_path, "device") as device:
        device.set_up_device("cpu")
        assert (chosen, torch.backends.cudnn.benchmark) == ([], False)
        device.set_up_device("cuda")
        assert (chosen, torch.backends.cudnn.benchmark) == (["high"], True)
    main = (tmp_path / "main.py").read_text()
    assert main.count("set_up_device(config.device)") == 2  # to train and to predict


def test_workers_are_as_many_as_the_cores_and_threads_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    with imported(LABEL, TINY, tmp_path, "dataset") as dataset:
        config = default_config()
        object.__setattr__(config, "device", "cuda")
        for cores, threads, expected in ((3, 64, 3), (64, 2, 2), (64, 64, 8), (1, 4, 1)):
            monkeypatch.setattr("os.sched_getaffinity", lambda _, count=cores: set(range(count)))
            monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
            assert dataset.loader_options(config)["num_workers"] == expected


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("backbone", ["resnet10t", "convnext_atto"])
def test_activations_are_kept_unless_they_are_computed_again(
    tmp_path: Path, backbone: str, checkpointing: bool
) -> None:
    slots = {"backbone": backbone, "pretrained": False, "checkpointing": checkpointing}
    with imported(LABEL, slots, tmp_path, "models") as models:
        model, _ = models.build_model(default_config(), 4)
        pictures = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            loss = model.train()(pictures).sum()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        weights = sum(parameter.numel() for parameter in model.parameters())
        activations = sum(kept) - weights
    recorded = tmp_path / "library" / "models.py"
    assert ("set_grad_checkpointing" in recorded.read_text()) == checkpointing
    assert (activations < 300_000) == checkpointing, activations


def test_a_network_of_ours_has_nothing_to_compute_again(tmp_path: Path) -> None:
    with imported(LABEL, {**TINY, "checkpointing": True}, tmp_path, "models"):
        assert "checkpointing" not in (tmp_path / "library" / "models.py").read_text()
