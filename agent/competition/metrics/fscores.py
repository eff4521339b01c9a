"""F-scores of labels and label sets.

F-beta is (1 + beta^2) TP / (beta^2 (TP + FN) + (TP + FP)) (van Rijsbergen, 1979). Recall counts beta times as
much as precision. As in scikit-learn, F-beta is 0 if nothing is true and nothing predicted.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows, ratio


def one_hot(labels: Rows, class_count: int) -> csr_array:
    """Return labels (N,) as a float matrix (N, C)."""
    count = len(labels)
    return csr_array((np.ones(count), labels, np.arange(count + 1)), shape=(count, class_count))


def pair_as_sets(truth: Rows, prediction: Rows) -> tuple[csr_array, csr_array]:
    """Return labels (N,) or label sets (N, C) as two float matrices (N, C)."""
    if truth.ndim == 2:
        return csr_array(truth, dtype=np.float64), csr_array(prediction, dtype=np.float64)
    class_count = int(max(truth.max(), prediction.max())) + 1
    return one_hot(truth, class_count), one_hot(prediction, class_count)


def label_keys(truth: Rows, prediction: Rows) -> npt.NDArray[np.int64] | None:
    """Return the label pair of each row as keys for `AdditiveScorer`; None for label sets."""
    return np.stack([truth, prediction], axis=1) if truth.ndim == 1 else None


def mean_over_classes(totals: Floats, rows: Floats) -> Floats:
    """Average ratios over classes, from totals (B, 2C) of numerators, then denominators.

    Classes with a denominator of 0 are left out.
    """
    numerators, denominators = np.split(totals, 2, axis=1)
    shares = ratio(numerators, denominators, undefined=0.0)
    return ratio(shares.sum(axis=1), (denominators != 0).sum(axis=1).astype(np.float64), undefined=0.0)


def binary_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    """F-beta of the second of two classes."""
    true, predicted = (truth == 1).astype(np.float64), (prediction == 1).astype(np.float64)
    return _pooled(true * predicted, true, predicted, beta, label_keys(truth, prediction))


def macro_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    """F-beta per class, averaged over the classes that occur in the truth or the prediction."""
    true, predicted = pair_as_sets(truth, prediction)
    numerators = (1 + beta**2) * (true * predicted)
    statistics = hstack([numerators, beta**2 * true + predicted], format="csr")
    return AdditiveScorer(statistics, mean_over_classes, label_keys(truth, prediction))


def weighted_f(truth: Rows, prediction: Rows, beta: float = 1.0) -> AdditiveScorer:
    """F-beta per class, averaged with the class's number of true labels as its weight."""
    true, predicted = pair_as_sets(truth, prediction)

    def finish(totals: Floats, rows: Floats) -> Floats:
        hits, trues, guesses = np.split(totals, 3, axis=1)
        shares = ratio((1 + beta**2) * hits, beta**2 * trues + guesses, undefined=0.0)
        return ratio((shares * trues).sum(axis=1), trues.sum(axis=1), undefined=0.0)

    statistics = hstack([true * predicted, true, predicted], format="csr")
    return AdditiveScorer(statistics, finish, label_keys(truth, prediction))


def micro_f(truth: csr_array, prediction: csr_array, beta: float = 1.0) -> AdditiveScorer:
    """F-beta pooled over all cells of the row-by-class matrix."""
    return _pooled(*_counts(truth, prediction), beta)


def micro_f1_answer_classes(truth: csr_array, prediction: csr_array) -> AdditiveScorer:
    """Micro F1 over the classes that occur in the truth. Resamples keep the classes of the whole truth.

    MLE-bench grades iMet-2020-FGVC7 like this, because it fits its label binariser on the answers.
    """
    answered = np.unique(truth.indices[truth.data])
    return micro_f(truth[:, answered], prediction[:, answered])


def samples_f(truth: csr_array, prediction: csr_array, beta: float = 1.0) -> AdditiveScorer:
    """F-beta of each row's label set, averaged over rows."""
    hits, true, predicted = _counts(truth, prediction)
    shares = ratio((1 + beta**2) * hits, beta**2 * true + predicted, undefined=0.0)
    keys = np.stack([hits, true, predicted], axis=1)
    return AdditiveScorer(shares[:, None], lambda totals, rows: totals[:, 0] / rows, keys)


def _counts(truth: csr_array, prediction: csr_array) -> tuple[Floats, Floats, Floats]:
    """Return the numbers (N,) of hit, true and predicted labels of each row."""
    hits = (truth * prediction).sum(axis=1, dtype=np.float64)
    return hits, truth.sum(axis=1, dtype=np.float64), prediction.sum(axis=1, dtype=np.float64)


def _pooled(
    hits: Floats, true: Floats, predicted: Floats, beta: float, keys: npt.NDArray[Any] | None = None
) -> AdditiveScorer:
    """Return the scorer of F-beta from counts (N,) summed over rows."""
    statistics = np.stack([(1 + beta**2) * hits, beta**2 * true + predicted], axis=1)
    if keys is None:
        keys = statistics

    def finish(totals: Floats, rows: Floats) -> Floats:
        return ratio(totals[:, 0], totals[:, 1], undefined=0.0)

    return AdditiveScorer(statistics, finish, keys)
