"""Processes that load pictures: they open files themselves, whatever way they start."""

import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tests.templates.image_classification.image_runs import (
    QUICK,
    ROWS_TO_DECODE_ON_DEMAND,
    ROWS_TO_KEEP_ENCODED,
)
from tests.templates.image_classification.picture_competitions import TinyCompetition, make_competition
from tests.templates.image_classification.rendered_library import default_config, imported

STORAGES = {"decoded": 300, "encoded": ROWS_TO_KEEP_ENCODED, "files": ROWS_TO_DECODE_ON_DEMAND}
ROWS = (300, 20, 10)


@pytest.fixture(scope="module")
def competition(tmp_path_factory: pytest.TempPathFactory) -> TinyCompetition:
    made = make_competition(tmp_path_factory.mktemp("data"), rows=ROWS)
    (made.folder / "input" / "media" / "train003.png").write_bytes(b"")
    return made


def joined_rows(dataset: ModuleType, competition: TinyCompetition, cache: Path) -> Any:
    """Training rows followed by validation rows, as in a refit."""
    utils = __import__("library.utils", fromlist=["Cache"])
    media = competition.folder / "input" / "media"
    config = default_config(cache=utils.Cache(cache), **parts_of(dataset))
    parts = []
    for part, count in zip(("train", "val"), ROWS, strict=False):
        files = [media / f"{part}{row:03}.png" for row in range(count)]
        pictures, _ = dataset.load_pictures(files, config)
        parts.append(dataset.Rows([str(row) for row in range(count)], pictures, np.zeros(count, np.int64)))
    return dataset.join_rows(*parts)


def parts_of(dataset: ModuleType) -> dict[str, int]:
    """Settings that split the encoded pictures into several files."""
    return {"pictures_per_file": 128} if hasattr(dataset, "EncodedPictures") else {}


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("augmentation", ["none", "medium"])
def test_what_a_process_receives_is_small_and_gives_the_same_pictures(
    competition: TinyCompetition, tmp_path: Path, storage: str, augmentation: str
) -> None:
    task = competition.task.model_copy(update={"n_train": STORAGES[storage]})
    with imported(task, {**QUICK, "augmentation": augmentation}, tmp_path / "r", "dataset") as dataset:
        rows = joined_rows(dataset, competition, tmp_path / "cache")
        pictures = dataset.PictureSet(rows)
        sent = pickle.dumps(pictures)
        assert len(sent) < 12_000, "not the 900 kB of pixels, nor the paths, nor the row numbers"
        received = pickle.loads(sent)
        assert len(received) == len(pictures) == 320
        for row in (0, 3, 299, 300, 319):
            assert np.array_equal(received[row][0], pictures[row][0])
            assert received[row][1] == row


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("storage", STORAGES)
def test_processes_of_every_start_method_load_the_pictures(
    competition: TinyCompetition, tmp_path: Path, storage: str, method: str
) -> None:
    task = competition.task.model_copy(update={"n_train": STORAGES[storage]})
    with imported(task, {**QUICK, "augmentation": "none"}, tmp_path / "r", "dataset") as dataset:
        rows = joined_rows(dataset, competition, tmp_path / "cache")
        pictures = dataset.PictureSet(rows)
        loader = DataLoader(pictures, batch_size=80, num_workers=1, multiprocessing_context=method)
        loaded = torch.cat([batch for batch, _ in loader]).numpy()
    assert loaded.shape == (320, 32, 32, 3)
    assert np.array_equal(loaded, np.stack([pictures[row][0] for row in range(320)]))


def test_the_start_method_is_named_where_processes_are_started(
    competition: TinyCompetition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default of Python 3.14 would import all modules again in each process."""
    with imported(competition.task, QUICK, tmp_path, "dataset") as dataset:
        assert dataset.loader_options(default_config())["multiprocessing_context"] is None
        config = default_config()
        object.__setattr__(config, "device", "cuda")
        options = dataset.loader_options(config)
        assert options["num_workers"] == dataset.usable_cores()
        assert options["multiprocessing_context"] == "fork"
        monkeypatch.setattr(dataset.torch.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
        assert dataset.loader_options(config)["multiprocessing_context"] == "spawn"


def test_the_rows_of_a_fold_come_in_another_order_each_epoch(
    competition: TinyCompetition, tmp_path: Path
) -> None:
    with imported(competition.task, QUICK, tmp_path / "r", "dataset") as dataset:
        rows = joined_rows(dataset, competition, tmp_path / "cache")
        chosen = np.arange(0, 320, 2)
        loader = dataset.training_loader(default_config(), rows, chosen)
        epochs = [[int(row) for _, numbers in loader for row in numbers] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == chosen.tolist()
    assert epochs[0] != epochs[1]
    assert epochs[0] != sorted(epochs[0])
