"""From a network to predictions, and where they go wrong."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array, vstack
from torch import nn

from library.config import Config
from library.dataset import ID, TARGET, Data
from library.utils import score

PARTS = 5  # of the validation rows, each decided with thresholds that the others gave
ANALYSED_ROWS = 2000


@dataclass(frozen=True)
class Outputs:
    """Probabilities."""

    val: np.ndarray  # (N, C) float32
    test: np.ndarray  # (N, C) float32
    weights: dict[str, str]  # where each backbone's weights came from

    def __post_init__(self) -> None:
        if not (np.isfinite(self.val).all() and np.isfinite(self.test).all()):
            raise FloatingPointError("Some predicted probabilities are not finite.")


@torch.inference_mode()
def predict(head: nn.Linear, features: torch.Tensor) -> np.ndarray:
    """Probabilities, the mean over pictures and their mirror images: (V, N, D) -> (N, C) float32."""
    return torch.sigmoid(head(features)).mean(dim=0).cpu().numpy()


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


def decide(config: Config, data: Data, outputs: Outputs) -> tuple[csr_array, csr_array, list[float]]:
    """Label sets of the validation and test rows and the test rows' thresholds.

    All validation rows give the thresholds of the test rows. A validation row is decided with thresholds that
    the other parts gave, so that the score reported for it is an honest one.
    """
    part = np.random.default_rng(config.seed).permutation(len(data.val)) % min(PARTS, len(data.val))
    sets, order = [], []
    for number in range(part.max() + 1):
        inside, outside = np.flatnonzero(part == number), np.flatnonzero(part != number)
        thresholds = fit_threshold(data.val.truth[outside], outputs.val[outside])
        sets.append(to_label_sets(outputs.val[inside], thresholds))
        order.append(inside)
    val = csr_array(vstack(sets))[np.argsort(np.concatenate(order))]
    thresholds = fit_threshold(data.val.truth, outputs.val)
    return val, to_label_sets(outputs.test, thresholds), np.atleast_1d(thresholds).tolist()


def validation_score(truth: csr_array, outputs: np.ndarray) -> float:
    """The score that the best thresholds give, to watch training by."""
    return score(truth, to_label_sets(outputs, fit_threshold(truth, outputs)))


def submission_table(ids: list[str], predictions: csr_array, classes: list[str]) -> pd.DataFrame:
    """Predictions as the competition wants them."""
    names = np.array(classes, dtype=object)
    starts = predictions.indptr
    cells = [" ".join(names[predictions.indices[a:b]]) for a, b in zip(starts[:-1], starts[1:], strict=True)]
    return pd.DataFrame({ID: ids, TARGET: cells})


def analyse_failures(config: Config, data: Data, predictions: csr_array) -> dict[str, object]:
    """How the error of a validation row goes with what is known of it, over a random few thousand rows."""
    count = min(ANALYSED_ROWS, len(data.val))
    rows = np.sort(np.random.default_rng(config.seed).choice(len(data.val), count, replace=False))
    errors = row_errors(data.val.truth[rows], predictions[rows])
    brightness = np.array([np.mean(data.val.pictures[row]) for row in rows])
    return {
        "rows": count,
        "mean_error": float(errors.mean()),
        "error_against_brightness": correlation(errors, brightness),
        "error_against_label_count": correlation(errors, data.val.truth[rows].sum(axis=1)),
    }


def row_errors(truth: csr_array, predictions: csr_array) -> np.ndarray:
    """1 - F1 of each row (N,); nothing predicted where nothing is true counts as perfect."""
    hits = truth.multiply(predictions).sum(axis=1)
    named = truth.sum(axis=1) + predictions.sum(axis=1)
    return 1 - np.where(named > 0, 2 * hits / np.maximum(named, 1), 1.0)


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's, or None where one of the two does not vary."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
