"""Unreadable pictures and unknown labels: few pictures are replaced and named, the rest is an error."""

from pathlib import Path

import pytest

from tests.templates.image_classification.image_runs import (
    QUICK,
    ROWS_TO_DECODE_ON_DEMAND,
    ROWS_TO_KEEP_ENCODED,
    execute,
    lay_out,
)
from tests.templates.image_classification.picture_competitions import TinyCompetition, make_competition


@pytest.fixture
def damaged(tmp_path: Path) -> TinyCompetition:
    competition = make_competition(tmp_path / "data", "classification", "accuracy", rows=(150, 60, 40))
    (competition.folder / "input" / "media" / "train003.png").unlink()
    (competition.folder / "input" / "media" / "test007.png").write_bytes(b"\x89PNG no picture")
    return competition


@pytest.mark.parametrize(
    "n_train",
    [150, ROWS_TO_KEEP_ENCODED, ROWS_TO_DECODE_ON_DEMAND],
    ids=["kept decoded", "kept encoded", "decoded on demand"],
)
def test_few_unreadable_pictures_are_named_and_become_the_mean_colour(
    damaged: TinyCompetition, tmp_path: Path, n_train: int
) -> None:
    task = damaged.task.model_copy(update={"n_train": n_train})
    done = execute(lay_out(task, QUICK, damaged.folder, tmp_path / "w"))
    assert done.returncode == 0, done.output
    assert done.analysis()["unreadable_pictures"] == ["input/media/train003.png", "input/media/test007.png"]
    assert "2 unreadable pictures, such as input/media/train003.png" in done.output


def test_many_unreadable_pictures_are_an_error(damaged: TinyCompetition, tmp_path: Path) -> None:
    for part, count in (("train", 100), ("val", 30)):
        for row in range(count):
            (damaged.folder / "input" / "media" / f"{part}{row:03}.png").write_bytes(b"")
    done = execute(lay_out(damaged.task, QUICK, damaged.folder, tmp_path / "w"))
    assert done.returncode != 0
    assert "ValueError: 131 of 250 pictures cannot be read, such as input/media/train000.png" in done.output


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_a_label_outside_the_table_is_an_error(tmp_path: Path, task: str) -> None:
    metric = "accuracy" if task == "classification" else "micro_f1"
    competition = make_competition(tmp_path / "data", task, metric)
    classes = competition.folder / "metadata" / "classes.csv"
    classes.write_text(classes.read_text().replace("green", "violet"))
    done = execute(lay_out(competition.task, QUICK, competition.folder, tmp_path / "w"))
    assert done.returncode != 0
    assert "train.csv has 1 labels that classes.csv lacks, e.g. 'green'" in done.output
