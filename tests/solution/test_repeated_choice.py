"""The estimate of the chosen node's score, by simulation with known true scores."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest

from agent.competition.metrics import Metric, get_metric
from agent.solution.repeated_choice import Candidate, Part, RepeatedChoice, repeat_choice

ROWS = 400
ACCURACY = get_metric("accuracy")


@dataclass(frozen=True)
class Study:
    """Errors of estimates over simulated searches, and how often the interval holds the true score."""

    naive: float  # mean of validation score - true score of the chosen node
    corrected: float
    coverage: float
    naive_coverage: float


def simulate(true: np.ndarray, searches: int, audit: int = 0) -> Study:
    """Return the study of searches whose nodes have the true accuracies `true` (M,).

    The errors of two nodes are correlated (0.7), because they err on the same difficult rows.
    """
    limits = np.array([NormalDist().inv_cdf(float(one)) for one in true])[:, None]
    rng = np.random.default_rng(0)
    errors: list[tuple[float, float, float, float]] = []
    sizes = [ROWS, audit] if audit else [ROWS]
    candidates = [Candidate(node, tuple((0.17 / size) ** 0.5 for size in sizes)) for node in range(len(true))]
    for _ in range(searches):
        parts, scores = [], []
        for size in sizes:
            noise = rng.normal(size=(1, size)), rng.normal(size=(len(true), size))
            wrong = 0.7**0.5 * noise[0] + 0.3**0.5 * noise[1] > limits
            parts.append(Part(np.zeros(size, dtype=int), list(wrong.astype(int)), np.arange(size)))
            scores.append(1 - wrong.mean(axis=1))
        pooled = [one.pooled([part[one.node] for part in scores]) for one in candidates]
        chosen = int(np.argmax(pooled))
        found = repeat_choice(ACCURACY, parts, candidates, chosen, limit_s=60)
        assert found is not None
        error = (pooled[chosen] * (1 - pooled[chosen]) / sum(sizes)) ** 0.5
        naive, corrected = pooled[chosen] - true[chosen], found.estimate.value - true[chosen]
        errors.append((naive, corrected, corrected / found.estimate.standard_error, naive / error))
    table = np.array(errors)
    inside = (np.abs(table[:, 2:]) < 1.96).mean(axis=0)
    return Study(float(table[:, 0].mean()), float(table[:, 1].mean()), float(inside[0]), float(inside[1]))


def test_with_many_equal_nodes_the_choice_adds_no_bias() -> None:
    study = simulate(np.full(40, 0.78), searches=80)
    assert study.naive > 0.02, "the uncorrected score is far too good"
    assert abs(study.corrected) < 0.006
    assert study.coverage > 0.92
    assert study.naive_coverage < 0.8


def test_the_score_of_a_node_that_is_really_better_is_hardly_reduced() -> None:
    study = simulate(np.array([0.86] + [0.78] * 39), searches=80)
    assert abs(study.corrected) < 0.006
    assert study.coverage > 0.88


def test_audit_rows_that_have_a_say_in_the_choice_are_divided_too() -> None:
    true = np.concatenate([np.linspace(0.785, 0.795, 15), np.linspace(0.73, 0.78, 15)])
    study = simulate(true, searches=80, audit=100)
    assert study.naive > 0.012
    assert abs(study.corrected) < 0.006
    assert study.coverage > 0.9


def test_the_score_of_a_single_node_stays_as_it_is() -> None:
    predictions = (np.arange(ROWS) % 5 == 0).astype(int)
    found = _estimate(predictions, groups=np.arange(ROWS))
    assert found.estimate.value == pytest.approx(0.8)
    assert found.estimate.standard_error == pytest.approx((0.8 * 0.2 / ROWS) ** 0.5, rel=0.15)


def test_groups_stay_whole() -> None:
    """Rows of a group are wrong together, so there is the evidence of 40 rows, not of 400."""
    groups = np.arange(ROWS) // 10
    found = _estimate((groups % 5 == 0).astype(int), groups)
    assert found.estimate.standard_error == pytest.approx((0.8 * 0.2 / 40) ** 0.5, rel=0.2)


def _estimate(predictions: np.ndarray, groups: np.ndarray) -> RepeatedChoice:
    part = Part(np.zeros(ROWS, dtype=int), [predictions], groups)
    found = repeat_choice(ACCURACY, [part], [Candidate(1, (0.02,))], 0, limit_s=60)
    assert found is not None
    return found


def test_an_undefined_metric_has_no_estimate() -> None:
    metric: Metric = get_metric("roc_auc")
    part = Part(np.zeros(ROWS, dtype=int), [np.full((ROWS, 2), 0.5)], np.arange(ROWS))
    assert repeat_choice(metric, [part], [Candidate(1, (0.02,))], 0, limit_s=1) is None


def test_two_groups_have_no_estimate() -> None:
    labels = np.zeros(ROWS, dtype=int)
    part = Part(labels, [labels], np.arange(ROWS) % 2)
    assert repeat_choice(ACCURACY, [part], [Candidate(1, (0.02,))], 0, limit_s=1) is None


def test_an_ensemble_is_blended_anew_on_the_rows_of_each_choice() -> None:
    """A blend that is right only where it was fitted scores nothing elsewhere."""
    truth = np.zeros(ROWS, dtype=int)
    fitted: list[int] = []

    def blend(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
        fitted.append(len(rows))
        assert scores == pytest.approx([0.8, 1.0], abs=0.1)
        predictions = np.ones(ROWS, dtype=int)
        predictions[rows] = 0
        return predictions

    single = (np.arange(ROWS) % 5 == 0).astype(int)
    candidates = [Candidate(1, (0.02,)), Candidate(2, (0.02,), is_blend=True)]
    part = Part(truth, [single, np.zeros(ROWS, dtype=int)], np.arange(ROWS))
    found = repeat_choice(ACCURACY, [part], candidates, 1, limit_s=60, blend=blend)
    assert found is not None
    assert found.estimate.value == pytest.approx(0.0)
    assert len(fitted) == found.choices == 36
    assert set(fitted) == {ROWS - 133, ROWS - 134}
