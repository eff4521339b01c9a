"""A training that was stopped goes on from its checkpoint, with the weights of one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from agent.repository.family import Value
from tests.templates.image_classification.image_runs import environment, execute, execute_cold, lay_out
from tests.templates.image_classification.picture_competitions import make_competition, task_view
from tests.templates.image_classification.rendered_library import default_config, imported, silent_progress

LABEL = task_view("classification", "accuracy")
TINY: dict[str, Value] = {"backbone": "tiny_cnn", "image_size": 32, "lr": 0.01}
CASES: dict[str, dict[str, Value]] = {
    "plain": {"augmentation": "none", "flip": False},
    "averaged, mixed, augmented": {"ema": True, "mixing": "both", "augmentation": "light"},
    "sgd, one cycle": {"optimizer": "sgd", "schedule": "onecycle", "augmentation": "medium"},
    "plateau, larger at the end": {"schedule": "plateau", "finish_scale": 1.5, "augmentation": "none"},
    "timm, drop path, layers": {
        "backbone": "resnet10t",
        "pretrained": False,
        "drop_path": 0.2,
        "layer_decay": 0.7,
        "augmentation": "none",
    },
}


class _Stopped(BaseException):
    """The process is gone."""


class _Rows:
    """Rows of noise with a colour per class."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.truth = np.arange(count) % 3
        self.pictures = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
        self.pictures[np.arange(count), :, :, self.truth] += 100
        self.ids = [str(row) for row in range(count)]

    def __len__(self) -> int:
        return len(self.ids)


def train(fit: ModuleType, folder: Path | None, *, stop_after: int | None = None, **changes: object) -> Any:
    """Train for three epochs of six steps, with a checkpoint after each step; stop at some step."""
    checkpoint = __import__("library.checkpoint", fromlist=["Checkpoints"])
    config = default_config(
        **{
            "batch_size": 16,
            "checkpoints": checkpoint.Checkpoints(folder),
            "checkpoint_s": 0.0,
            "checkpoint_share": 1e9,
            "finished_s": 1e9,
            **changes,
        }
    )
    torch.manual_seed(0)
    models = __import__("library.models", fromlist=["build_model"])
    model, _ = models.build_model(config, 3)
    rows = _Rows(96)
    data = SimpleNamespace(train=rows, val=rows, test=rows, classes=list("abc"))
    learn, steps = fit.Trainer.learn, [0]

    def counted(trainer: Any, pictures: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        if steps[0] == stop_after:
            raise _Stopped
        steps[0] += 1
        loss: torch.Tensor = learn(trainer, pictures, indices)
        return loss

    fit.Trainer.learn = counted
    try:
        trained, epochs = fit.fit(
            model,
            config=config,
            data=data,
            train_rows=np.arange(96),
            epochs=3,
            seconds=1e9,
            progress=silent_progress(),
            member="network",
        )
    finally:
        fit.Trainer.learn = learn
    return SimpleNamespace(weights=trained.state_dict(), epochs=epochs, steps=steps[0], config=config)


def assert_equal_weights(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert torch.equal(values, other[name]), name


@pytest.mark.parametrize(
    ("case", "stop_after"),
    [
        *(
            pytest.param(case, 8, marks=[pytest.mark.slow] if case.startswith("timm") else [])
            for case in CASES
        ),
        ("plain", 2),
        ("plain", 6),
    ],
)
def test_a_stopped_training_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, case: str, stop_after: int
) -> None:
    with imported(LABEL, {**TINY, **CASES[case]}, tmp_path / "code", "fit") as fit:
        whole = train(fit, None)
        folder = tmp_path / "checkpoint"
        with pytest.raises(_Stopped):
            train(fit, folder, stop_after=stop_after)
        torch.rand(7)  # other numbers in between change nothing
        rest = train(fit, folder)
    assert (whole.steps, whole.epochs) == (18, 3)
    assert rest.steps == 18 - (5 if stop_after == 6 else stop_after)  # none after the last of an epoch
    assert rest.epochs == 3
    assert_equal_weights(whole.weights, rest.weights)


def test_a_training_that_is_stopped_twice_goes_on_twice(tmp_path: Path) -> None:
    with imported(LABEL, {**TINY, **CASES["averaged, mixed, augmented"]}, tmp_path / "code", "fit") as fit:
        whole = train(fit, None)
        for _ in range(2):
            with pytest.raises(_Stopped):
                train(fit, tmp_path / "checkpoint", stop_after=4)
        rest = train(fit, tmp_path / "checkpoint")
    assert rest.steps == 18 - 2 * 4
    assert_equal_weights(whole.weights, rest.weights)


def test_a_trained_network_is_not_trained_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with imported(LABEL, {**TINY, "ema": True}, tmp_path / "code", "fit") as fit:
        first = train(fit, tmp_path / "checkpoint", finished_s=0.0)
        second = train(fit, tmp_path / "checkpoint", finished_s=0.0)
    assert (first.steps, second.steps) == (18, 0)
    assert second.epochs == first.epochs
    assert_equal_weights(first.weights, second.weights)
    assert "Training goes on after 18 of 18 steps." in capsys.readouterr().out
    assert second.config.checkpoints.resumed_s > 0
    assert first.config.checkpoints.resumed_s == 0


@pytest.mark.parametrize("change", ["seed", "refit", "rows", "code", "damage", "cut"])
def test_a_checkpoint_of_another_training_or_a_damaged_one_does_not_count(
    tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, metadata = tmp_path / "checkpoint", tmp_path / "metadata"
    metadata.mkdir()
    (metadata / "train.csv").write_text("id\n1\n")
    with imported(LABEL, {**TINY, **CASES["plain"]}, tmp_path / "code", "fit") as fit:
        with pytest.raises(_Stopped):
            train(fit, folder, stop_after=3, metadata=metadata)
        (file,) = folder.iterdir()
        if change == "code":
            loss = tmp_path / "code" / "library" / "loss.py"
            loss.write_text(loss.read_text() + "# changed\n")
        elif change == "rows":
            (metadata / "train.csv").write_text("id\n2\n")
        elif change == "damage":
            file.write_bytes(b"\x08" + b"\x00" * 7 + b"no JSON!")
        elif change == "cut":
            file.write_bytes(file.read_bytes()[:-100])
        changes = {"seed": 1} if change == "seed" else {"refit": True} if change == "refit" else {}
        assert train(fit, folder, metadata=metadata, **changes).steps == 18
    assert ("cannot be read" in capsys.readouterr().out) == (change in ("damage", "cut"))


def test_checkpoints_come_at_their_time_and_cost_a_small_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with imported(LABEL, TINY, tmp_path / "code", "checkpoint") as checkpoint:
        now = [0.0]
        monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
        config = default_config(checkpoints=checkpoint.Checkpoints(tmp_path / "kept"))
        kept = checkpoint.Checkpoint(config, "network", "hash")
        seconds = [1.0, 30.0, 1.0]

        def slow_save(*_: object) -> None:
            now[0] += seconds.pop(0)
            Path(_[1]).write_bytes(b"")

        monkeypatch.setattr(checkpoint, "save_file", slow_save)
        saved_at = []
        for second in range(3000):
            now[0] = max(now[0], float(second))
            if seconds and kept.is_due():
                saved_at.append(now[0])
                kept.save({}, {})
    assert saved_at == [300, 601, 631 + 1500]  # after 30 s of writing, a fiftieth of the time


def test_a_full_disk_ends_checkpoints_and_not_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    with imported(LABEL, {**TINY, **CASES["plain"]}, tmp_path / "code", "fit") as fit:
        assert train(fit, tmp_path / "file" / "checkpoint").steps == 18
    assert capsys.readouterr().out.count("no checkpoint can be written") == 1


def test_a_smoke_run_keeps_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARS_CACHE_DIR", raising=False)
    with imported(LABEL, TINY, tmp_path, "config") as config:
        assert config.Config.from_environment(smoke=True).checkpoints.folder is None
        assert config.Config.from_environment(smoke=False).checkpoints.folder == Path("working/checkpoint")


@pytest.mark.slow
def test_a_run_to_its_end_leaves_no_checkpoint(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    slots = {**TINY, "epochs": 2, "second_backbone": "lcnet_050", "pretrained": False}
    workspace = lay_out(competition.task, slots, competition.folder, tmp_path / "w")
    make_checkpoints_frequent(workspace)
    main = workspace / "main.py"
    text = main.read_text()
    main.write_text(
        text.replace(
            "    write_outputs(data.test",
            "    print(*config.checkpoints.folder.iterdir())\n    write_outputs(data.test",
            1,
        )
    )
    done = execute(workspace)
    assert done.returncode == 0, done.output
    for name in ("tiny_cnn", "lcnet_050"):
        assert f"working/checkpoint/{name}.safetensors" in done.output
    assert not (workspace / "working" / "checkpoint").exists()


def make_checkpoints_frequent(workspace: Path) -> None:
    config = workspace / "library" / "config.py"
    text = config.read_text()
    for name, value in (("checkpoint_s", "0.0"), ("checkpoint_share", "1e9"), ("finished_s", "0.0")):
        before = next(line for line in text.splitlines() if line.strip().startswith(f"{name}: float"))
        text = text.replace(before, f"    {name}: float = {value}")
    config.write_text(text)


@pytest.mark.slow
def test_a_killed_run_that_is_started_again_gives_the_predictions_of_a_whole_one(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", rows=(256, 48, 32))
    slots = {**TINY, "epochs": 12, "folds": 3, "ema": True}
    whole, killed = (lay_out(competition.task, slots, competition.folder, tmp_path / n) for n in "ab")
    for workspace in (whole, killed):
        make_checkpoints_frequent(workspace)
    first = execute_cold(whole)
    assert first.returncode == 0, first.output
    process = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=killed,
        env=environment(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    second = killed / "working" / "checkpoint" / "tiny_cnn, fold 1.safetensors"
    deadline = time.monotonic() + 120
    while not second.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert second.exists()
    rest = execute_cold(killed)
    assert rest.returncode == 0, rest.output
    assert rest.output.count("Training goes on after") == 2  # the trained network and the one in training
    for name in ("val_outputs.npz", "test_outputs.npz"):
        with np.load(whole / "working" / name) as one, np.load(killed / "working" / name) as other:
            assert np.array_equal(one["outputs"], other["outputs"])
    frozen = [json.loads((place / "working" / "frozen.json").read_text()) for place in (whole, killed)]
    assert frozen[0]["epochs"] == frozen[1]["epochs"]
