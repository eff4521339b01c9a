"""Greedy selection with replacement, as the code of an ensemble does it (`templates/ensemble`)."""

from collections.abc import Callable, Sequence

import numpy as np

from agent.competition.metrics import Floats, Metric, Rows
from agent.competition.spec import PredictionKind

ROUNDS = 25  # as in `templates/ensemble/library/config.py.j2`

Decode = Callable[[Floats], Rows]
"""Turns raw outputs (N, K) into predictions."""


def decoder(metric: Metric, kind: PredictionKind, is_label_set: bool) -> Decode | None:
    """Return how an ensemble decodes raw outputs; None if it also fits a decision, such as a threshold.

    Args:
        metric: the metric.
        kind: what a submission holds.
        is_label_set: whether the truth of a row is a label set.
    """
    if kind == "probability":
        return _as_is if is_label_set else _normalised
    if kind == "value":
        return _above_zero if "log_scale" in metric.traits else _as_is
    if kind == "label" and not metric.traits & {"rare_classes", "class_order"}:
        return _most_probable
    return None


def greedy_weights(
    metric: Metric, truth: Rows, outputs: Sequence[Floats], decode: Decode, rounds: int = ROUNDS
) -> Floats:
    """Return weights (M,) that sum to 1: each round adds the member that improves the mean most.

    The round with the best score wins, the earliest of equal ones. Where the metric scores labels and all
    outputs are probabilities, the Brier score is part of the score (`selection_score` in the templates).
    """
    is_smooth = decode is _most_probable and all(_hold_probabilities(member) for member in outputs)

    def loss(mean: Floats) -> float:
        value = metric.direction.key(metric.score(truth, decode(mean)))
        return value + _brier(truth, mean) if is_smooth else value

    counts, total = np.zeros(len(outputs)), np.zeros_like(outputs[0])
    best, best_counts = np.inf, counts
    for size in range(1, rounds + 1):
        losses = [loss((total + member) / size) for member in outputs]
        added = int(np.argmin(losses))
        counts[added] += 1
        total = total + outputs[added]
        if losses[added] < best:
            best, best_counts = losses[added], counts.copy()
    weights: Floats = best_counts / max(best_counts.sum(), 1)
    return weights


def _as_is(outputs: Floats) -> Rows:
    return outputs


def _above_zero(outputs: Floats) -> Rows:
    return np.maximum(outputs, 0)


def _normalised(outputs: Floats) -> Rows:
    normalised: Rows = outputs / outputs.sum(axis=1, keepdims=True)
    return normalised


def _most_probable(outputs: Floats) -> Rows:
    return np.argmax(outputs, axis=1)


def _hold_probabilities(outputs: Floats) -> bool:
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=0.01))


def _brier(truth: Rows, outputs: Floats) -> float:
    """Return the mean squared distance of probabilities (N, C) from the true classes (N,)."""
    of_truth = outputs[np.arange(len(outputs)), truth]
    return float(np.mean((outputs**2).sum(axis=1) - 2 * of_truth + 1))
