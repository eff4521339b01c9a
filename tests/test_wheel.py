"""The wheel is complete: built, installed and run outside the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the installed wheel, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def _mars(installed: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "MARS_HOME": str(home)}
    command = [sys.executable, "-m", "agent.cli.app", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=True, timeout=200
    )


def test_the_wheel_knows_the_bundled_competitions_and_families(installed: Path, tmp_path: Path) -> None:
    listed = _mars(installed, tmp_path, "competitions").stdout
    assert "digits" in listed
    assert "imet-2020" in listed
    health = _mars(installed, tmp_path, "doctor").stdout
    assert "image_classification: ready" in health
    assert str(ROOT) not in health


def test_the_wheel_searches_a_users_own_folder(installed: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "my_data"
    folder.mkdir()
    table = pd.DataFrame(
        {"id": range(400), "size": rng.normal(size=400), "kind": rng.choice(["a", "b"], 400)}
    )
    table["outcome"] = np.where(table["size"] + (table["kind"] == "a") > 0.3, "yes", "no")
    table.iloc[:300].to_csv(folder / "train.csv", index=False)
    table.iloc[300:].drop(columns="outcome").to_csv(folder / "test.csv", index=False)
    _mars(installed, tmp_path, "init", str(folder))
    done = _mars(
        installed,
        tmp_path,
        "run",
        "--competition",
        str(folder),
        "--minutes",
        "2",
        "--max-nodes",
        "2",
        "--json",
    )
    summary = json.loads(done.stdout)
    assert summary["valid_nodes"] >= 1
    submission = pd.read_csv(Path(summary["solution_path"]) / "submission.csv")
    assert sorted(submission["id"]) == list(range(300, 400))
