"""Two GPUs train one network together; `tests/templates/image_classification` has the same on a CPU."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from agent.execution.diagnosis import diagnose
from agent.repository.family import Value
from tests.gpu.gpu_training import DEVICE, NEEDS_GPU
from tests.templates.image_classification.picture_competitions import TinyCompetition, make_competition
from tests.templates.image_classification.processes import ONE_BATCH, processes_in, run, workspace

pytestmark = [
    *NEEDS_GPU,
    pytest.mark.skipif(
        DEVICE == "cuda" and torch.cuda.device_count() < 2, reason="torch finds fewer than two CUDA devices"
    ),
]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> TinyCompetition:
    return make_competition(tmp_path_factory.mktemp("shapes"), rows=(160, 48, 33))


@pytest.mark.parametrize("backbone", ["convnext_atto", "tiny_cnn", "resnet10t", "tf_efficientnet_lite0"])
def test_two_gpus_give_about_the_network_of_one(
    shapes: TinyCompetition, tmp_path: Path, backbone: str
) -> None:
    slots: dict[str, Value] = {**ONE_BATCH, "backbone": backbone, "amp": "off", "ema": True}
    weights, outputs = [], []
    for processes in (1, 2):
        folder = workspace(shapes, tmp_path / str(processes), slots)
        done = run(folder, processes, "--save")
        assert done.returncode == 0, done.output
        weights.append(load_file(folder / "working" / "model" / f"{backbone}.safetensors"))
        outputs.append(np.load(folder / "working" / "test_outputs.npz")["outputs"])
    assert weights[0].keys() == weights[1].keys()
    for name, one in weights[0].items():
        gap = np.linalg.norm(one - weights[1][name]) / (np.linalg.norm(one) + 1e-3)
        assert gap < 0.05, name  # a GPU sums up in any order
    np.testing.assert_allclose(outputs[1], outputs[0], atol=0.05)


@pytest.mark.parametrize("more", [{"amp": "bf16"}, {"amp": "fp16", "mixing": "both"}, {"compile": True}])
def test_two_gpus_learn_in_every_number_format(
    shapes: TinyCompetition, tmp_path: Path, more: dict[str, Value]
) -> None:
    slots: dict[str, Value] = {**ONE_BATCH, "backbone": "tiny_cnn", "epochs": 6, **more}
    done = run(workspace(shapes, tmp_path / "work", slots), 2)
    assert done.returncode == 0, done.output
    assert done.metric > 0.6


def test_a_failed_process_ends_both_within_seconds(shapes: TinyCompetition, tmp_path: Path) -> None:
    mark = tmp_path / "failed"
    fault = f"if config.rank == 1 and self.budget.done == 2: open({str(mark)!r}, 'w'); raise ValueError('17')"
    folder = workspace(shapes, tmp_path / "work", {**ONE_BATCH, "backbone": "tiny_cnn"}, fault)
    done = run(folder, 2)
    assert time.time() - mark.stat().st_mtime < 20
    assert diagnose(done.returncode, done.output, folder)[1].startswith("ValueError in library/fit.py")
    assert not processes_in(folder)


@pytest.mark.skipif(DEVICE != "cuda", reason="only a GPU runs out of its memory")
def test_a_batch_beyond_the_memory_of_one_gpu_is_computed_in_parts_by_both(
    shapes: TinyCompetition, tmp_path: Path
) -> None:
    limit = (
        "torch.cuda.set_per_process_memory_fraction(2**30 / torch.cuda.get_device_properties(0).total_memory)"
    )
    slots: dict[str, Value] = {**ONE_BATCH, "backbone": "resnet50d", "image_size": 224, "amp": "off"}
    done = run(workspace(shapes, tmp_path / "work", slots, f"if config.rank == 1: {limit}"), 2)
    assert done.returncode == 0, done.output
    assert "The GPU's memory is short: the run starts again with batches in 2 parts." in done.output
