"""Folds that the user gave decide which rows are held out together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import SMALL_NODE, lay_out, mixed, run

# Prints the rows that each fit holds out, of training rows whose folds are given.
SPLITS = """
import json, sys
from types import SimpleNamespace
import numpy as np
from library.train import splits
folds = np.array(json.loads(sys.argv[1]))
config = SimpleNamespace(seed=7, folds=3, repeats=2, held_out_share=0.2)
train = SimpleNamespace(folds=folds, y=np.arange(len(folds)))
print(json.dumps([held.tolist() for seed, rows, held in splits(train, config)]))
"""


def held_out(workspace: Path, slots: dict[str, Value], folds: list[int]) -> list[list[int]]:
    lay_out(mixed("regression", "rmse", own_folds=3), slots, workspace)
    command = [sys.executable, "-c", SPLITS, json.dumps(folds)]
    done = subprocess.run(command, cwd=workspace, env=SMALL_NODE, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_fit_holds_out_one_of_the_users_folds(tmp_path: Path) -> None:
    held = held_out(tmp_path, {"folds": 3}, [0, 0, 2, 1, 2, 0])
    assert sorted(held) == [[0, 1, 5], [2, 4], [3]]


def test_more_of_the_users_folds_than_fits_are_held_out_together(tmp_path: Path) -> None:
    held = held_out(tmp_path, {"folds": 3}, [0, 1, 2, 3, 0, 1, 2, 3])
    assert sorted(held) == [[0, 3, 4, 7], [1, 5], [2, 6]]


def test_one_held_out_fold_is_the_users_and_another_for_another_seed(tmp_path: Path) -> None:
    held = held_out(tmp_path, {"folds": 1, "early_stopping": True, "seeds": 2}, [0, 0, 1, 1, 2, 2])
    assert len(held) == 2
    assert held[0] != held[1]
    assert all(rows in ([0, 1], [2, 3], [4, 5]) for rows in held)


@pytest.mark.parametrize("slots", [{"folds": 3, "max_iter": 20}, {"folds": 1, "early_stopping": True}])
def test_a_repository_runs_with_them(tmp_path: Path, slots: dict[str, Value]) -> None:
    competition = mixed("classification", "log_loss", own_folds=3)
    done = run(competition, slots, tmp_path)
    assert done.printed == pytest.approx(competition.score(tmp_path), rel=1e-9)


def test_without_them_nothing_speaks_of_them(tmp_path: Path) -> None:
    lay_out(mixed("classification", "log_loss"), {"folds": 3}, tmp_path)
    assert "FOLD" not in "".join(file.read_text() for file in (tmp_path / "library").glob("*.py"))
