"""Shares of several GPUs: rows, seeds and settings. The processes are in test_image_processes.py."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.templates.image_classification.image_runs import QUICK, render
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

ALONE = task_view("classification", "accuracy")
SEVERAL = ALONE.model_copy(update={"gpus": 4})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    with imported(SEVERAL, QUICK, tmp_path_factory.mktemp("shares"), "distributed") as distributed:
        yield distributed


class Pictures:
    """Rows of small blank pictures."""

    def __init__(self, count: int) -> None:
        self.pictures = np.zeros((count, 4, 4, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.pictures)


def epochs_of(config: Any, rows: np.ndarray, epochs: int) -> list[list[list[int]]]:
    """Row numbers of each batch of each epoch."""
    loader = import_module("library.dataset").training_loader(config, Pictures(int(rows.max()) + 1), rows)
    return [[indices.tolist() for _, indices in loader] for _ in range(epochs)]


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_processes_together_see_the_batches_of_one_process(library: ModuleType, processes: int) -> None:
    rows = np.arange(5, 5 + 96)
    config = default_config(batch_size=24, processes=1)
    alone = epochs_of(config, rows, 2)
    shares = [
        epochs_of(replace(config, processes=processes, rank=rank), rows, 2) for rank in range(processes)
    ]
    for epoch in range(2):
        together = [
            [row for share in shares for row in share[epoch][batch]] for batch in range(len(alone[epoch]))
        ]
        assert together == alone[epoch]
        assert sorted(row for batch in together for row in batch) == rows.tolist()
    assert alone[0] != alone[1]


@given(
    count=st.integers(20, 200), batch=st.integers(4, 40), processes=st.integers(2, 4), start=st.integers(1, 3)
)
def test_no_row_comes_twice_and_a_resumed_epoch_goes_on(
    library: ModuleType, count: int, batch: int, processes: int, start: int
) -> None:
    config = library.with_sharing(default_config(batch_size=batch, processes=processes), count)
    share = batch // processes
    whole, rest = [], []
    for rank in range(processes):
        ranked = replace(config, processes=processes, rank=rank)
        sampler = library.SharedRows(
            list(range(count)), torch.Generator().manual_seed(1), ranked, share * processes
        )
        whole.append(list(sampler))
        assert len(whole[-1]) == len(sampler)
        sampler.resume(sampler.order, start * share)
        rest.append(list(sampler))
    seen = [row for rows in whole for row in rows]
    assert len(set(seen)) == len(seen) == count // (share * processes) * share * processes
    assert rest == [rows[start * share :] for rows in whole]


def test_each_process_augments_with_a_seed_of_its_own(tmp_path: Path) -> None:
    with imported(SEVERAL, {**QUICK, "augmentation": "light"}, tmp_path, "dataset") as dataset:
        picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        config = default_config(processes=2)
        first, again, other = (
            dataset.augmentation(replace(config, rank=rank))(image=picture)["image"] for rank in (0, 0, 1)
        )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("device", "present", "asked", "expected"),
    [
        ("cuda", 1, None, 1),
        ("cuda", 2, None, 2),
        ("cuda", 8, None, 4),
        ("cuda", 8, "3", 3),
        ("cuda", 2, "3", 2),
        ("cpu", 0, None, 1),
        ("cpu", 0, "2", 2),
    ],
)
def test_there_is_a_process_for_each_gpu_that_is_there(
    library: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    present: int,
    asked: str | None,
    expected: int,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    monkeypatch.delenv("MARS_GPUS", raising=False)
    if asked is not None:
        monkeypatch.setenv("MARS_GPUS", asked)
    assert library.count_processes(device, default_config().gpus) == expected


def test_too_few_rows_for_all_processes_are_trained_by_one(library: ModuleType) -> None:
    config = default_config(batch_size=32, processes=4)
    assert library.with_sharing(config, 16).processes == 4
    assert library.with_sharing(config, 15).processes == 1
    assert library.with_sharing(replace(config, batch_size=3), 1000).processes == 1


def test_code_for_one_gpu_knows_nothing_of_others() -> None:
    alone, several = render(ALONE, QUICK), render(SEVERAL, QUICK)
    assert set(several) - set(alone) == {"library/distributed.py", "library/peer.py"}
    assert not [name for name, text in alone.items() if "distributed" in text or "rank" in text]
    frozen = {**QUICK, "backbone": "resnet10t", "finetune": "head"}
    assert "library/distributed.py" not in render(SEVERAL, frozen)
