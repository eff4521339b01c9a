"""The scores of read-only predictions are made once, and those of other arrays anew."""

from dataclasses import replace

import numpy as np

from agent.competition.metrics import Metric, Rows, get_metric, score_rows
from agent.competition.metrics.rows import make_read_only
from agent.competition.metrics.scorers import AdditiveScorer, row_means
from agent.competition.spec import MetricParameters


def counting(calls: list[int]) -> Metric:
    def scorer(truth: Rows, prediction: Rows) -> AdditiveScorer:
        calls.append(len(truth))
        return row_means((truth == prediction).astype(float))

    return replace(get_metric("accuracy"), scorer=scorer)


def read_only(values: list[int]) -> Rows:
    rows = np.array(values)
    make_read_only(rows)
    return rows


def test_read_only_rows_are_scored_once() -> None:
    calls: list[int] = []
    metric, truth, guess = counting(calls), read_only([1, 0, 1, 1]), read_only([1, 0, 0, 1])
    assert [score_rows(metric, truth, guess).score for _ in range(3)] == [0.75] * 3
    assert calls == [4]
    assert score_rows(metric, truth, truth).score == 1.0
    assert calls == [4, 4]


def test_rows_that_may_change_are_scored_anew() -> None:
    calls: list[int] = []
    metric, truth, guess = counting(calls), read_only([1, 0, 1, 1]), np.array([1, 0, 0, 1])
    assert score_rows(metric, truth, guess).score == 0.75
    guess[2] = 1
    assert score_rows(metric, truth, guess).score == 1.0
    assert calls == [4, 4]


def test_metrics_and_their_parameters_are_kept_apart() -> None:
    truth, guess = read_only([1, 0, 1, 1, 0]), read_only([1, 0, 0, 0, 1])
    found = [
        score_rows(get_metric("f_beta", MetricParameters(beta=beta)), truth, guess).score for beta in (0.5, 2)
    ]
    # 1 hit, 2 missed, 1 wrongly named: 1.25 / (0.25 * 3 + 2) and 5 / (4 * 3 + 2)
    np.testing.assert_allclose(found, [1.25 / 2.75, 5 / 14])
    assert score_rows(get_metric("accuracy"), truth, guess).score == 0.4


def test_only_the_last_few_predictions_are_kept() -> None:
    calls: list[int] = []
    metric, truth = counting(calls), read_only([1, 0])
    guesses = [read_only([1, at % 2]) for at in range(20)]
    for guess in guesses:
        score_rows(metric, truth, guess)
    score_rows(metric, truth, guesses[-1])
    assert len(calls) == 20
    score_rows(metric, truth, guesses[0])
    assert len(calls) == 21
