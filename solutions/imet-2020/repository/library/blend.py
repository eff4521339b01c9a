"""Weights by greedy selection with replacement (Caruana et al., 2004), scored on rows that they never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from library.config import Config
from library.utils import Clock


def score(truth: csr_array, prediction: csr_array) -> float:
    """F1 pooled over all cells of the row-by-class matrix: 2 TP / (2 TP + FP + FN).

    Both are (N, C) bool.
    """
    hits = truth.multiply(prediction).sum()
    return float(2 * hits / max(truth.sum() + prediction.sum(), 1))


THRESHOLDS = np.linspace(0.01, 0.99, 100)
BLOCK = 1 << 16  # Cells looked at together: they and the histogram fit into a core's cache.


def round_down(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 not above each threshold: for float32 values, being above is the same."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(0)), rounded)


def count_above(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many values in [0, 1] lie above each threshold, exactly and in one pass: float32, (T,) -> (T,).

    Floats that are not negative sort as their bits do. The upper 16 bits make a histogram; only values that
    share a cell of it with a threshold are compared one by one.
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint32)
    limits = round_down(thresholds).view(np.uint32)
    cells = limits >> 16
    holds_threshold = np.zeros(1 << 16, dtype=bool)
    holds_threshold[cells] = True
    histogram = np.zeros((1 << 16) + 1, dtype=np.int64)
    close = [np.empty(0, dtype=np.uint32)]
    for start in range(0, bits.size, BLOCK):
        block = bits[start : start + BLOCK]
        block_cells = (block >> 16).astype(np.intp)
        histogram[:-1] += np.bincount(block_cells, minlength=1 << 16)
        close.append(block[holds_threshold[block_cells]])
    ordered = np.sort(np.concatenate(close))
    above_cell = histogram[::-1].cumsum()[::-1][cells + 1]
    cell_ends = (cells + 1) << 16
    return above_cell + np.searchsorted(ordered, cell_ends) - np.searchsorted(ordered, limits, side="right")


def threshold_curve(truth: csr_array, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Micro-F1 of predicting what lies above each threshold. (N, C) bool, (N, C) float32, (T,) -> (T,)."""
    rows, columns = truth.nonzero()
    hits = count_above(probabilities[rows, columns], thresholds)
    predicted = count_above(probabilities, thresholds)
    return 2 * hits / np.maximum(predicted + rows.size, 1)


def fit_threshold(truth: csr_array, probabilities: np.ndarray) -> float:
    """The one threshold with the best score; ties go to the lowest. (N, C) bool, (N, C) float32."""
    curve = threshold_curve(truth, probabilities, THRESHOLDS)
    return float(THRESHOLDS[np.argmax(curve)])


def to_label_sets(probabilities: np.ndarray, thresholds: float | np.ndarray) -> csr_array:
    """Labels above their threshold: one for all or (C,). (N, C) float32 -> (N, C) bool."""
    return csr_array(probabilities > round_down(np.asarray(thresholds, dtype=np.float64)))


def fit_decision(truth: csr_array, outputs: np.ndarray) -> float:
    """The threshold for all labels."""
    return fit_threshold(truth, outputs)


def decode(outputs: np.ndarray, threshold: float | np.ndarray) -> csr_array:
    """Labels above the threshold, one for all rows or (N, 1). (N, C) -> (N, C) bool."""
    return to_label_sets(outputs, threshold)


def best_score(truth: csr_array, outputs: np.ndarray) -> float:
    """The metric with the decision that suits these rows best."""
    decision = fit_decision(truth, outputs)
    return score(truth, decode(outputs, decision))


def mix(outputs: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Weighted mean (N, K) of the members' outputs (N, K)."""
    mixed = np.zeros_like(outputs[0])
    for weight, member in zip(weights, outputs, strict=True):
        if weight > 0:
            mixed += np.float32(weight) * member
    return mixed


def fit_weights(
    truth: csr_array,
    outputs: Sequence[np.ndarray],
    rounds: int,
    clock: Clock,
    leave_s: float,
) -> np.ndarray:
    """Weights (M,), at least 0, of sum 1: in each round the member joins that helps the mean most.

    The mean of the best round is kept, of equal ones the earliest. Drawing with replacement weighs members,
    and a start at the best one keeps the ensemble from being worse than it on these rows. Rounds end
    when fewer than `leave_s` seconds are left.
    """
    counts = np.zeros(len(outputs), dtype=int)
    total = np.zeros_like(outputs[0])
    kept, kept_score = counts, -np.inf
    for size in range(1, rounds + 1):
        if size > 1 and clock.left() < leave_s:
            break
        scores = [best_score(truth, (total + member) / size) for member in outputs]
        joins = int(np.argmax(scores))
        counts[joins] += 1
        total += outputs[joins]
        if scores[joins] > kept_score:
            kept, kept_score = counts.copy(), scores[joins]
    return kept / max(kept.sum(), 1)


@dataclass(frozen=True)
class Blend:
    """What the ensemble says and how it came to it."""

    val: np.ndarray  # (N, K), each row mixed by weights that were fitted on other rows
    test: np.ndarray  # (M, K), mixed by weights fitted on all validation rows
    weights: np.ndarray  # (members,), those of the test rows
    fold_weights: np.ndarray  # (folds, members), those of the validation rows
    val_decision: np.ndarray  # (N, 1), fitted on other rows
    test_decision: float


def deal_rows(rows: int, folds: int, seed: int) -> np.ndarray:
    """A fold for every row (N,), by chance."""
    return np.random.default_rng(seed).permutation(rows) % min(folds, rows)


def cross_fit(
    truth: csr_array,
    val: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    config: Config,
    clock: Clock,
) -> Blend:
    """Blends the members' outputs; `truth` (N, C) bool belongs to the validation rows."""
    fold_of_row = deal_rows(len(val[0]), config.folds, config.seed)
    fits = fold_of_row.max() + 2
    share_s = clock.left() / fits
    mixed = np.empty_like(val[0])
    fold_weights = []
    val_decision = np.empty((len(val[0]), 1))
    for fold in range(fold_of_row.max() + 1):
        held, others = np.flatnonzero(fold_of_row == fold), np.flatnonzero(fold_of_row != fold)
        seen = [member[others] for member in val]
        leave_s = (fits - fold - 1) * share_s
        weights = fit_weights(truth[others], seen, config.rounds, clock, leave_s)
        fold_weights.append(weights)
        mixed[held] = mix([member[held] for member in val], weights)
        val_decision[held] = fit_decision(truth[others], mix(seen, weights))
    weights = fit_weights(truth, val, config.rounds, clock, 0.0)
    return Blend(
        val=mixed,
        test=mix(test, weights),
        weights=weights,
        fold_weights=np.array(fold_weights),
        val_decision=val_decision,
        test_decision=fit_decision(truth, mix(val, weights)),
    )
