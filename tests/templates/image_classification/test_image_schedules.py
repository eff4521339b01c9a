"""Schedules that depend on how training goes: early stopping, and a finish on larger pictures."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "accuracy")
TINY = {"backbone": "tiny_cnn", "image_size": 32}
STALLS = {**TINY, "schedule": "plateau"}
FINISHES = {**TINY, "finish_scale": 1.5}


def _factors(folder: Path, stalls: tuple[int, ...] = ()) -> tuple[list[float], float]:
    """The rate's factor at each of at most 100 steps, with plateaus after some, and the fraction done."""
    with imported(LABEL, STALLS, folder, "fit") as train:
        budget = train.StepBudget(
            steps=100, seconds=float("inf"), prediction_steps=10, config=default_config()
        )
        factors = []
        while budget.done < budget.total:
            factors.append(budget.lr_factor)
            budget.step()
            if budget.done in stalls:
                budget.start_cooldown()
        return factors, budget.fraction


def test_without_a_stall_the_rate_is_level_and_falls_in_the_last_fifth(tmp_path: Path) -> None:
    factors, _ = _factors(tmp_path)
    assert len(factors) == 100
    assert factors[0] == pytest.approx(0.1)
    assert factors[5:81] == pytest.approx([1.0] * 76)
    assert factors[80:] == sorted(factors[80:], reverse=True)
    assert factors[-1] == pytest.approx(1 / 20)


def test_a_stall_ends_training_with_the_rate_at_nothing(tmp_path: Path) -> None:
    factors, fraction = _factors(tmp_path, stalls=(40, 44))  # The second finds the rate on its way down.
    assert len(factors) == 50
    assert factors[40] == 1.0
    assert factors[-1] == pytest.approx(1 / 10)
    assert fraction == 1.0


def test_rows_that_tell_when_to_stop_are_a_tenth_that_training_does_not_see(tmp_path: Path) -> None:
    with imported(LABEL, STALLS, tmp_path, "train") as train:
        config = default_config()
        for rows, seen in ((100, 90), (19, 18), (9, 9), (1, 1)):
            chosen = train.split_off_holdout(config, SimpleNamespace(train=range(rows)))
            assert len(np.unique(chosen)) == seen
            assert set(chosen) <= set(range(rows))


def test_the_holdout_loss_is_the_negative_log_likelihood(tmp_path: Path) -> None:
    with imported(LABEL, STALLS, tmp_path, "fit") as train:
        outputs = np.array([[0.5, 0.5], [0.9, 0.1]], dtype=np.float32)
        assert train.holdout_log_loss(np.array([0, 1]), outputs) == pytest.approx(
            -(np.log(0.5) + np.log(0.1)) / 2
        )


@pytest.mark.parametrize(("epochs", "expected"), [(1, 1), (2, 1), (5, 1), (8, 2), (20, 4)])
def test_a_fifth_of_the_epochs_is_final_and_one_at_least(tmp_path: Path, epochs: int, expected: int) -> None:
    with imported(LABEL, FINISHES, tmp_path, "fit") as train:
        budget = train.StepBudget(
            steps=10 * epochs, seconds=float("inf"), prediction_steps=1, config=default_config()
        )
        final = 0
        for _ in range(epochs):
            final += budget.is_final(10)
            for _ in range(10):
                budget.step()
    assert final == expected


def test_a_limit_leaves_time_for_larger_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    with imported(LABEL, FINISHES, tmp_path, "fit") as train:
        assert (default_config().final_size / 32) ** 2 == 2.25
        monkeypatch.setattr(train.time, "monotonic", lambda: now[0])
        budget = train.StepBudget(steps=1000, seconds=200.0, prediction_steps=20, config=default_config())
        cost, large = 1.0, 0
        while budget.done < budget.total:
            if budget.is_final(10) and cost == 1.0 and budget.done % 10 == 0:
                budget.start_finish()
                cost = 2.25
            now[0] += cost
            large += cost > 1
            budget.step()
    predictions = 0.4 * 20 * 2.25
    assert 170 < now[0] + predictions <= 201
    assert 0.12 < large / budget.total < 0.3


def test_pictures_are_kept_at_the_final_size_and_shrunk_until_then(tmp_path: Path) -> None:
    slots = {**FINISHES, "augmentation": "medium"}
    with imported(LABEL, slots, tmp_path, "dataset") as dataset:
        config = default_config(batch_size=4)
        pictures = np.zeros((16, 48, 48, 3), dtype=np.uint8)
        rows = dataset.Rows([str(row) for row in range(16)], pictures, np.zeros(16, dtype=np.int64))
        for size in (32, 48):
            loader = dataset.training_loader(config, rows, np.arange(16), size)
            assert {batch.shape[1:3] for batch, _ in loader} == {(size, size)}
        assert {batch.shape[1] for batch, _ in dataset.prediction_loader(config, rows)} == {48}
