"""The metric over several targets: weights, standard error, parts without a definition."""

import numpy as np
import pytest

from agent.competition.metrics import Metric, Rows, get_metric, paired_effect, standard_error
from agent.competition.metrics.mean_of import TargetMetric, mean_of
from agent.competition.metrics.target_rows import join_targets, target_rows

ROWS = 300
RNG = np.random.default_rng(3)


def targets_of(**shares: tuple[str, float]) -> Metric:
    return mean_of(
        [TargetMetric(name, get_metric(metric), share) for name, (metric, share) in shares.items()]
    )


def rows_and_guesses() -> tuple[Rows, Rows]:
    """Truth and predictions of a category, a value and a probability."""
    label, value = RNG.integers(0, 3, ROWS), RNG.normal(size=ROWS)
    guess = np.where(RNG.random(ROWS) < 0.7, label, (label + 1) % 3)
    chance = np.clip((label > 0) * 0.4 + RNG.random(ROWS) * 0.6, 0, 1)
    truth = join_targets({"breed": label, "price": value, "sick": (label > 0).astype(np.int64)})
    near = value + RNG.normal(0, 0.5, ROWS)
    both = np.stack([1 - chance, chance], axis=1)
    return truth, join_targets({"breed": guess, "price": near, "sick": both})


def test_the_score_is_the_weighted_mean_of_the_targets_scores() -> None:
    truth, guess = rows_and_guesses()
    metric = targets_of(breed=("accuracy", 0.5), price=("r2", 0.2), sick=("roc_auc", 0.3))

    parts = {
        name: get_metric(one).score(target_rows(truth, name), target_rows(guess, name))
        for name, one in (("breed", "accuracy"), ("price", "r2"), ("sick", "roc_auc"))
    }

    expected = 0.5 * parts["breed"] + 0.2 * parts["price"] + 0.3 * parts["sick"]
    assert metric.score(truth, guess) == pytest.approx(expected)
    assert metric.best == pytest.approx(1.0)
    assert metric.higher_is_better


@pytest.mark.parametrize(
    "names", [{"breed": "accuracy", "price": "r2"}, {"breed": "macro_f1", "price": "r2", "sick": "roc_auc"}]
)
def test_the_standard_error_is_that_of_rows_drawn_once_for_all_targets(names: dict[str, str]) -> None:
    truth, guess = rows_and_guesses()
    metric = targets_of(**{name: (one, 1 / len(names)) for name, one in names.items()})
    rng = np.random.default_rng(0)

    draws = [rng.integers(0, ROWS, ROWS) for _ in range(400)]
    resampled = [metric.score(truth[drawn], guess[drawn]) for drawn in draws]

    assert standard_error(metric, truth, guess) == pytest.approx(np.std(resampled, ddof=1), rel=0.15)


def test_targets_that_err_together_have_a_larger_error_than_independent_ones() -> None:
    label = RNG.integers(0, 2, ROWS)
    wrong = RNG.random(ROWS) < 0.3
    guess, other = np.where(wrong, 1 - label, label), np.where(RNG.permutation(wrong), 1 - label, label)
    metric = targets_of(a=("accuracy", 0.5), b=("accuracy", 0.5))
    truth = join_targets({"a": label, "b": label})

    together = standard_error(metric, truth, join_targets({"a": guess, "b": guess}))
    apart = standard_error(metric, truth, join_targets({"a": guess, "b": other}))

    assert together == pytest.approx(apart * np.sqrt(2), rel=0.2)


def test_two_predictions_are_compared_on_the_same_rows() -> None:
    truth, guess = rows_and_guesses()
    metric = targets_of(breed=("accuracy", 0.5), price=("r2", 0.5))
    better = join_targets({"breed": truth["breed"], "price": guess["price"], "sick": guess["sick"]})

    effect = paired_effect(metric, truth, guess, better)

    assert effect.effect > 0
    assert effect.lower > 0


def test_a_target_without_a_defined_score_leaves_the_mean_undefined() -> None:
    truth = join_targets({"a": np.zeros(5, dtype=np.int64), "b": np.arange(5.0)})
    guess = join_targets({"a": np.full((5, 2), 0.5), "b": np.arange(5.0)})

    assert np.isnan(targets_of(a=("roc_auc", 0.5), b=("r2", 0.5)).score(truth, guess))
