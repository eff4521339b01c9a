"""Scorers of predicted labels, label sets and probabilities.

Edge cases follow scikit-learn: F1 is 0 where nothing is true and nothing is predicted, AUC and kappa are
undefined (NaN) where one class is all there is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from agent.competition.metrics.metric import Floats, Rows, SummedRows


def _ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Elementwise division, with `undefined` where the denominator is 0."""
    result = np.full(numerator.shape, undefined)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _one_hot(labels: Rows, class_count: int) -> csr_array:
    """Labels (N,) as float (N, C)."""
    count = len(labels)
    return csr_array((np.ones(count), labels, np.arange(count + 1)), shape=(count, class_count))


def _pair_as_sets(truth: Rows, prediction: Rows) -> tuple[csr_array, csr_array]:
    """Labels (N,) or label sets (N, C) as two float matrices (N, C)."""
    if truth.ndim == 2:
        return csr_array(truth, dtype=np.float64), csr_array(prediction, dtype=np.float64)
    class_count = int(max(truth.max(), prediction.max())) + 1
    return _one_hot(truth, class_count), _one_hot(prediction, class_count)


def accuracy(truth: Rows, prediction: Rows) -> SummedRows:
    """Share of rows whose label is right."""
    hits = (truth == prediction).astype(np.float64)[:, None]
    return SummedRows(hits, lambda totals, rows: totals[:, 0] / rows, keys=hits)


def _label_keys(truth: Rows, prediction: Rows) -> npt.NDArray[np.int64] | None:
    """Keys of `SummedRows`: a pair of labels says all of a row, for label sets there is nothing so short."""
    return np.stack([truth, prediction], axis=1) if truth.ndim == 1 else None


def _mean_over_classes(totals: Floats, rows: Floats) -> Floats:
    """Totals (B, 2C) of numerators, then denominators; classes with a denominator of 0 don't count."""
    numerators, denominators = np.split(totals, 2, axis=1)
    shares = _ratio(numerators, denominators, undefined=0.0)
    return _ratio(shares.sum(axis=1), (denominators != 0).sum(axis=1).astype(np.float64), undefined=0.0)


def balanced_accuracy(truth: Rows, prediction: Rows) -> SummedRows:
    """Recall per class, averaged over the classes that occur in the truth."""
    true, predicted = _pair_as_sets(truth, prediction)
    statistics = hstack([true * predicted, true], format="csr")
    return SummedRows(statistics, _mean_over_classes, _label_keys(truth, prediction))


def macro_f1(truth: Rows, prediction: Rows) -> SummedRows:
    """F1 per class, averaged over the classes that occur in the truth or the prediction."""
    true, predicted = _pair_as_sets(truth, prediction)
    statistics = hstack([2 * (true * predicted), true + predicted], format="csr")
    return SummedRows(statistics, _mean_over_classes, _label_keys(truth, prediction))


def micro_f1(truth: csr_array, prediction: csr_array) -> SummedRows:
    """F1 pooled over all cells: 2 TP / (2 TP + FP + FN), the denominator being true plus predicted labels."""
    hits = (truth * prediction).sum(axis=1, dtype=np.float64)
    named = truth.sum(axis=1, dtype=np.float64) + prediction.sum(axis=1, dtype=np.float64)
    statistics = np.stack([2 * hits, named], axis=1)

    def finish(totals: Floats, rows: Floats) -> Floats:
        return _ratio(totals[:, 0], totals[:, 1], undefined=0.0)

    return SummedRows(statistics, finish, keys=statistics)


def micro_f1_answer_classes(truth: csr_array, prediction: csr_array) -> SummedRows:
    """Micro F1 over the classes that occur in the truth (resamples keep the classes of the whole truth).

    This is how MLE-bench grades iMet-2020-FGVC7: its label binariser is fitted on the answers.
    """
    answered = np.unique(truth.indices[truth.data])
    return micro_f1(truth[:, answered], prediction[:, answered])


def quadratic_weighted_kappa(truth: Rows, prediction: Rows) -> SummedRows:
    """Cohen's kappa with weights (i - j)^2 over class indices i, j.

    The squared weights make the confusion matrix needless: the chance disagreement of independent margins is
    sum(t^2) + sum(p^2) - 2 sum(t) sum(p) / n.
    """
    true, predicted = truth.astype(np.float64), prediction.astype(np.float64)

    def finish(totals: Floats, rows: Floats) -> Floats:
        disagreement, squares, true_sum, predicted_sum = totals.T
        by_chance = squares - 2 * true_sum * predicted_sum / rows
        return 1.0 - _ratio(disagreement, by_chance, undefined=np.nan)

    columns = [(true - predicted) ** 2, true**2 + predicted**2, true, predicted]
    return SummedRows(np.stack(columns, axis=1), finish, _label_keys(truth, prediction))


def log_loss(truth: Rows, prediction: Rows) -> SummedRows:
    """Mean of -ln of the true class's probability, clipped to [eps, 1 - eps] of float64."""
    epsilon = float(np.finfo(np.float64).eps)
    chosen = np.clip(prediction[np.arange(len(truth)), truth].astype(np.float64), epsilon, 1 - epsilon)
    return SummedRows(-np.log(chosen)[:, None], lambda totals, rows: totals[:, 0] / rows)


@dataclass(frozen=True)
class _RankedColumn:
    """One class against the rest, rows sorted by the class's probability."""

    order: npt.NDArray[np.intp]  # (N,)
    positive: npt.NDArray[np.bool_]  # (N,), in that order
    ties: npt.NDArray[np.intp]  # where each run of equal probabilities starts

    def areas(self, weights: Floats) -> Floats:
        """Weighted share (B,) of (positive, negative) pairs in the right order, ties counting half."""
        ordered = weights[:, self.order]
        positives = np.add.reduceat(ordered * self.positive, self.ties, axis=1)
        negatives = np.add.reduceat(ordered * ~self.positive, self.ties, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        right = (positives * (below + negatives / 2)).sum(axis=1)
        return _ratio(right, positives.sum(axis=1) * negatives.sum(axis=1), undefined=np.nan)


@dataclass(frozen=True)
class _RankedRows:
    columns: tuple[_RankedColumn, ...]

    def scores(self, weights: Floats) -> Floats:
        areas = np.stack([column.areas(weights) for column in self.columns])  # (C, B)
        defined = np.isfinite(areas)
        total = np.where(defined, areas, 0.0).sum(axis=0)
        return _ratio(total, defined.sum(axis=0).astype(np.float64), undefined=np.nan)


def roc_auc(truth: Rows, prediction: Rows) -> _RankedRows:
    """Area under the ROC curve of the second of two classes, else the mean one-vs-rest of classes present."""
    class_count = prediction.shape[1]
    classes = [1] if class_count == 2 else range(class_count)
    return _RankedRows(tuple(_ranked(truth == index, prediction[:, index]) for index in classes))


def _ranked(positive: npt.NDArray[np.bool_], probability: Floats) -> _RankedColumn:
    order = np.argsort(probability, kind="stable")
    steps = np.flatnonzero(np.diff(probability[order])) + 1
    return _RankedColumn(order, positive[order], np.concatenate([[0], steps]))
