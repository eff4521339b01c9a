"""The script for GPUs works: tried on a CPU, where its figures mean nothing."""

import os
import re
import subprocess
import sys

import pytest

from agent.core.paths import benchmarks_dir

SCRIPT = benchmarks_dir() / "performance" / "gpu.py"


@pytest.mark.slow
def test_the_script_measures_both_loops_with_each_network() -> None:
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--quick", "--seconds", "0.5", "--skip-tests"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| resnet10t", "| convnext_atto"))]
    loops = ["the seed's, fp16", "rendered, bf16", "rendered, fp16"]
    assert [row.split(" | ")[1] for row in rows] == loops * 2
    for row in rows:
        speed, wait, memory = row.strip("| ").split(" | ")[2:]
        assert float(speed) > 0
        assert re.fullmatch(r"\d{1,3}%", wait)
        assert memory == "0.00 GiB"


@pytest.mark.slow
def test_without_a_gpu_the_script_says_how_to_try_it() -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "No CUDA device is visible; --device cpu --quick tries the script without one."
    )
