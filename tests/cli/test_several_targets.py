"""Several targets of different types from `mars init` to `mars grade`, through the command line."""

import json
import re
from pathlib import Path

import pytest

from agent.core.paths import Home
from tests.cli.commands import mars
from tests.competition.several_folders import NAMES, several_folder, several_rows

PREDICTED = [name for name in NAMES if name != "tags"]  # the family reads no label sets


def drafted(folder: Path) -> Path:
    """Draft a folder of five targets with answers; return the folder."""
    several_folder(folder)
    (folder / "competition.yaml").unlink()
    several_rows(120).drop(columns="tags").to_csv(folder / "train.csv", index=False)
    answers = several_rows(30, start=120)
    sample = {"churn": "no", "breed": "dog", "price": 0, "grade": "low", "stars": 0}
    answers[["id"]].assign(**sample).to_csv(folder / "sample_submission.csv", index=False)
    mars("init", str(folder))
    return folder


def test_a_submission_is_graded_per_target(home: Home, tmp_path: Path) -> None:
    folder = drafted(tmp_path / "shop")
    rows = several_rows(30, start=120)[["id", *PREDICTED]].assign(breed="dog")
    rows.to_csv(tmp_path / "mine.csv", index=False)

    said = mars("grade", "--competition", str(folder), str(tmp_path / "mine.csv")).stdout

    lines = said.splitlines()
    assert re.match(r"mean_of: 0\.8\d+ on 30 rows \(full data\)", lines[0])
    assert lines[2] == "  breed: accuracy 0.3333333333333333"
    assert lines[1] == "  churn: f1 1.0"


@pytest.mark.slow
def test_a_run_finds_a_solution_of_all_targets(home: Home, tmp_path: Path) -> None:
    folder = drafted(tmp_path / "shop")

    ran = json.loads(
        mars("run", "--competition", str(folder), "--minutes", "5", "--max-nodes", "1", "--json").stdout
    )

    assert ran["best"]["metric"] == "mean_of"
    assert ran["best"]["val"] > 0.8
    shown = mars("show", ran["run_id"], "001").stdout
    assert all(f"target {name}" in shown for name in PREDICTED)
    submission = home.solutions / "shop" / "submission.csv"
    graded = mars("grade", "--competition", str(folder), str(submission)).stdout
    assert float(graded.split()[1]) > 0.8
