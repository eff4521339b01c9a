"""Greedy blends of the harness, which repeat what the code of an ensemble does."""

import numpy as np
import pytest

from agent.competition.metrics import Floats, get_metric
from agent.solution.greedy_blend import decoder, greedy_weights

ACCURACY = get_metric("accuracy")


def _models(rng: np.random.Generator, rows: int, weights: np.ndarray) -> tuple[np.ndarray, list[Floats]]:
    """Return labels (N,) and probabilities of models that see the signal through noise of their own."""
    signal = rng.normal(size=rows)
    truth = (signal + 0.6 * rng.normal(size=rows) > 0).astype(int)
    noisy = signal + weights[:, None] * rng.normal(size=(len(weights), rows))
    positive = 1 / (1 + np.exp(-1.5 * noisy / (1 + weights[:, None] ** 2)))
    return truth, [np.stack([1 - one, one], axis=1) for one in positive]


def test_smooth_weights_of_few_rows_are_more_accurate_on_new_rows() -> None:
    """Logits switch the Brier score off: equal labels, but weights that fit single rows."""
    decode = decoder(ACCURACY, "label", is_label_set=False)
    assert decode is not None
    gains = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        noise = rng.uniform(0.7, 3.0, 12)
        truth, outputs = _models(rng, 150, noise)
        new_truth, new_outputs = _models(rng, 4000, noise)
        scores = []
        for scale in (1.0, 2.0):  # twice the probabilities have the same labels and sum to 2
            weights = greedy_weights(ACCURACY, truth, [scale * one for one in outputs], decode, rounds=8)
            assert weights.sum() == pytest.approx(1)
            scores.append(ACCURACY.score(new_truth, decode(np.tensordot(weights, np.stack(new_outputs), 1))))
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 2 * np.std(gains) / len(gains) ** 0.5


def test_the_weights_of_values_minimise_the_error() -> None:
    metric = get_metric("rmse")
    truth = np.linspace(0, 1, 50)
    outputs = [truth[:, None] + 1, truth[:, None] - 1, truth[:, None] + 5]
    decode = decoder(metric, "value", is_label_set=False)
    assert decode is not None
    assert greedy_weights(metric, truth, outputs, decode).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("name", ["balanced_accuracy", "qwk"])
def test_a_blend_that_fits_a_decision_too_is_left_to_the_ensemble(name: str) -> None:
    assert decoder(get_metric(name), "label", is_label_set=False) is None
