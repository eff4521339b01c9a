"""Several processes train one network: on a CPU with gloo, as GPUs do with nccl."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from agent.execution import Executor, Job, Limits, make_executor
from agent.execution.cold import ColdExecutor
from agent.execution.diagnosis import diagnose
from agent.execution.isolation import detect_kernel
from agent.repository.family import Value
from tests.templates.image_classification.image_runs import lay_out
from tests.templates.image_classification.picture_competitions import TinyCompetition, make_competition
from tests.templates.image_classification.processes import ONE_BATCH, STEP, processes_in, run, workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL: dict[str, Value] = {**ONE_BATCH, "backbone": "tiny_cnn"}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> TinyCompetition:
    return make_competition(tmp_path_factory.mktemp("shapes"), rows=(160, 48, 33))


@pytest.mark.parametrize("more", [{}, {"ema": True, "clip_norm": 1.0, "optimizer": "adamw", "lr": 0.001}])
def test_two_processes_give_the_network_of_one_with_the_whole_batch(
    shapes: TinyCompetition, tmp_path: Path, more: dict[str, Value]
) -> None:
    weights, outputs = [], []
    for processes in (1, 2):
        folder = workspace(shapes, tmp_path / str(processes), {**ONE_BATCH, **more})
        done = run(folder, processes, "--save")
        assert done.returncode == 0, done.output
        assert np.isfinite(done.metric)
        weights.append(load_file(folder / "working" / "model" / "convnext_atto.safetensors"))
        outputs.append(
            {part: np.load(folder / "working" / f"{part}_outputs.npz") for part in ("val", "test")}
        )
        assert not [path.name for path in (folder / "working").iterdir() if path.name.startswith("team-")]
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items():
        np.testing.assert_allclose(weights[1][name], values, rtol=1e-3, atol=2e-4, err_msg=name)
    for part in ("val", "test"):
        assert outputs[0][part]["ids"].tolist() == outputs[1][part]["ids"].tolist()
        np.testing.assert_allclose(outputs[1][part]["outputs"], outputs[0][part]["outputs"], atol=2e-3)


@pytest.mark.parametrize(
    "slots",
    [
        {"schedule": "plateau", "epochs": 4, "mixing": "both"},
        {"folds": 3, "ema": True, "augmentation": "light"},
        {"finish_scale": 1.5, "augmentation": "medium", "epochs": 4},
        {"second_backbone": "convnext_atto", "blend": "fitted", "second_lr": 0.3},
        {"backbone": "resnet10t", "checkpointing": True, "drop_path": 0.1, "soup": True, "folds": 3},
    ],
)
def test_every_kind_of_training_ends_in_two_processes(
    shapes: TinyCompetition, tmp_path: Path, slots: dict[str, Value]
) -> None:
    folder = workspace(shapes, tmp_path / "work", {**SMALL, **slots})
    done = run(folder, 2)
    assert done.returncode == 0, done.output
    assert len(np.load(folder / "working" / "test_outputs.npz")["ids"]) == 33
    assert not processes_in(folder)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise ValueError('a broken picture')", "ValueError in library/fit.py line"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "ran out of memory (exit code 137)"),
    ],
)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_failed_process_ends_all_within_seconds(
    shapes: TinyCompetition, tmp_path: Path, rank: int, fault: str, reason: str
) -> None:
    mark = tmp_path / "failed"
    line = f"if config.rank == {rank} and self.budget.done == 2: open({str(mark)!r}, 'w').close(); {fault}"
    folder = workspace(shapes, tmp_path / "work", SMALL, line)
    done = run(folder, 2)
    assert time.time() - mark.stat().st_mtime < 20
    assert done.returncode != 0
    if rank == 1 or "ValueError" in fault:
        assert reason in diagnose(done.returncode, done.output, folder)[1], done.output
        assert ("a broken picture" in done.output) == ("ValueError" in fault)
    deadline = time.monotonic() + 20
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_in(folder)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_batch_beyond_the_memory_of_one_gpu_is_computed_in_parts_by_all(
    shapes: TinyCompetition, tmp_path: Path, rank: int
) -> None:
    line = f"self.shared.register_forward_pre_hook(fail_{rank}) if self.budget.done == 0 else None"
    folder = workspace(shapes, tmp_path / "work", SMALL, line)
    fit = folder / "library" / "fit.py"
    fit.write_text(
        f"{fit.read_text()}\n\ndef fail_{rank}(module, inputs):\n"
        f"    if torch.distributed.get_rank() == {rank} and len(inputs[0]) > 4:\n"
        "        raise torch.cuda.OutOfMemoryError('CUDA out of memory')\n"
    )
    done = run(folder, 2, MARS_TIME_LIMIT_S="3000")
    assert done.returncode == 0, done.output
    for parts in (2, 4):
        assert (
            f"The GPU's memory is short: the run starts again with batches in {parts} parts." in done.output
        )
    assert "in 8 parts" not in done.output


def test_the_main_process_shortens_the_training_of_all(shapes: TinyCompetition, tmp_path: Path) -> None:
    line = "time.sleep(0.3 if config.rank else 0.0)"
    folder = workspace(shapes, tmp_path / "work", {**SMALL, "epochs": 80}, line)
    done = run(folder, 2, MARS_TIME_LIMIT_S="90")  # 80 epochs of five slow steps take 120 s
    assert done.returncode == 0, done.output
    *_, last = (folder / "working" / "progress.jsonl").read_text().splitlines()
    assert json.loads(last)["elapsed_s"] < 100
    (epochs,) = json.loads((folder / "working" / "frozen.json").read_text())["epochs"].values()
    assert 0 < epochs < 70


def test_a_stopped_training_goes_on_in_two_processes(shapes: TinyCompetition, tmp_path: Path) -> None:
    slots = {**ONE_BATCH, "ema": True}
    whole = workspace(shapes, tmp_path / "whole", slots)
    assert run(whole, 2, "--save").returncode == 0
    stopped = workspace(shapes, tmp_path / "stopped", slots)
    for name, old, new in (
        ("config", "checkpoint_s: float = ", "checkpoint_s: float = 0 * "),
        ("config", "checkpoint_share: float = ", "checkpoint_share: float = 1e9 * "),
    ):
        file = stopped / "library" / f"{name}.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    fit = stopped / "library" / "fit.py"
    code = fit.read_text()
    once = "import pathlib; stop = pathlib.Path('once'); "
    fault = f"{once}first = config.rank == 0 and self.budget.done == 7 and not stop.exists()"
    fit.write_text(
        code.replace(STEP, f"        {fault}\n        if first: stop.touch(); raise SystemExit(4)\n{STEP}")
    )
    assert run(stopped, 2, "--save").returncode == 4
    done = run(stopped, 2, "--save")
    assert done.returncode == 0, done.output
    assert "Training goes on after 7 of 10 steps." in done.output
    name = Path("working") / "model" / "convnext_atto.safetensors"
    first, second = load_file(whole / name), load_file(stopped / name)
    for tensor, values in first.items():
        np.testing.assert_allclose(second[tensor], values, rtol=1e-3, atol=2e-4, err_msg=tensor)


@pytest.mark.parametrize("name", ["cold", "warm", "cold without bubblewrap"])
def test_processes_find_each_other_in_the_sandbox(
    shapes: TinyCompetition, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several processes are for machines with GPUs. There, candidates read /sys, and gloo lists its devices.
    monkeypatch.setattr("agent.execution.candidate.accelerator_paths", lambda: [Path("/sys")])
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    task = shapes.task.model_copy(update={"gpus": 2})
    executor: Executor
    if name == "cold without bubblewrap":
        executor = ColdExecutor(detect_kernel(), [shapes.folder])
    else:
        executor = make_executor(name, nodes_root=nodes, preload=["torch"], readable=[shapes.folder])
    try:
        folder = nodes / "1"
        lay_out(task, SMALL, shapes.folder, folder)
        for link in ("input", "metadata"):
            (folder / link).unlink()
        outcome = executor.execute(
            Job(
                workspace=folder,
                input=shapes.folder / "input",
                metadata=shapes.folder / "metadata",
                seed=3,
                limits=Limits(time_s=120.0),
                time_hint_s=100.0,
                gpu="0,1",
            )
        )
    finally:
        executor.close()
    assert outcome.status == "ok", outcome.log.read_text()
    assert "Final Validation Metric" in outcome.log.read_text()
