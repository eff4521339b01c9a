"""Standard errors of many rows are estimated from groups of rows, at the cost of few rows."""

import numpy as np
import pytest

from agent.competition.metrics import get_metric, paired_effect, standard_error

ROWS = 15_001  # no multiple of the number of groups


def test_the_standard_error_of_a_mean_is_that_of_the_mean() -> None:
    errors = np.random.default_rng(1).exponential(size=ROWS)
    found = standard_error(get_metric("mae"), np.zeros(ROWS), errors, resamples=2_000)
    assert found == pytest.approx(errors.std() / np.sqrt(ROWS), rel=0.07)


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_groups_and_single_rows_estimate_the_same_error(name: str) -> None:
    """Four times as many rows as are left ungrouped have half their standard error."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=4 * 4_000)
    guess = truth + rng.normal(size=len(truth))
    metric = get_metric(name)
    single = standard_error(metric, truth[:4_000], guess[:4_000], resamples=1_000)
    assert standard_error(metric, truth, guess, resamples=1_000) == pytest.approx(single / 2, rel=0.12)


def test_the_paired_error_is_far_smaller_where_two_predictions_err_alike() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=ROWS)
    before = truth + rng.normal(size=ROWS)
    after = truth + 0.99 * (before - truth)
    metric = get_metric("rmse")
    found = paired_effect(metric, truth, before, after)
    assert found.effect == pytest.approx(0.01)
    assert found.standard_error == pytest.approx(0.01 * standard_error(metric, truth, before), rel=0.25)
    assert found.lower > 0
