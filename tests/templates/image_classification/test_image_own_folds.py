"""Folds that the user gave decide which pictures are held out together."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from agent.repository.rendering import TaskView
from tests.templates.image_classification.image_runs import execute, lay_out
from tests.templates.image_classification.picture_competitions import make_competition, task_view
from tests.templates.image_classification.rendered_library import imported

TINY = {"backbone": "tiny_cnn", "image_size": 32, "epochs": 1}


def with_folds(task: TaskView, count: int) -> TaskView:
    return task.model_copy(update={"fold_column": "part", "own_folds": count})


@pytest.mark.parametrize(("asked", "expected"), [(5, [0, 1, 2, 3, 3]), (3, [0, 1, 2, 0, 0])])
def test_fits_follow_the_users_folds(tmp_path: Path, asked: int, expected: list[int]) -> None:
    task = with_folds(task_view("multilabel", "micro_f1"), 4)
    data = SimpleNamespace(folds=np.array([0, 1, 2, 3, 3]))
    with imported(task, {**TINY, "folds": asked}, tmp_path, "train") as train:
        config = train.Config.from_environment(smoke=False)
        assert config.folds == min(asked, 4)
        assert train.split_folds(config, data).tolist() == expected


def test_a_repository_runs_with_them(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1")
    for name in ("train", "val"):
        file = tmp_path / "data" / "metadata" / f"{name}.csv"
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.assign(part=np.arange(len(table)) % 2 if name == "train" else 2).to_csv(file, index=False)
    slots = {**TINY, "folds": 3}
    space = lay_out(with_folds(competition.task, 2), slots, competition.folder, tmp_path / "space")
    for arguments in (("--smoke",), ()):
        done = execute(space, *arguments)
        assert done.returncode == 0, done.output
        assert 0 <= done.metric <= 1
