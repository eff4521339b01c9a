"""Scorers of predicted labels. Kappa is undefined (NaN) for a single class."""

import numpy as np
from scipy.sparse import hstack

from agent.competition.metrics.fscores import label_keys, mean_over_classes, pair_as_sets
from agent.competition.metrics.metric import AdditiveScorer, Floats, Rows, ratio


def accuracy(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Share of rows with the right label."""
    hits = (truth == prediction).astype(np.float64)[:, None]
    return AdditiveScorer(hits, lambda totals, rows: totals[:, 0] / rows, keys=hits)


def balanced_accuracy(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Recall per class, averaged over the classes that occur in the truth."""
    true, predicted = pair_as_sets(truth, prediction)
    statistics = hstack([true * predicted, true], format="csr")
    return AdditiveScorer(statistics, mean_over_classes, label_keys(truth, prediction))


def matthews_correlation(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Correlation of true and predicted labels as one-hot vectors (Gorodkin, 2004); 0 if one is constant.

    (n c - t.p) / sqrt((n^2 - t.t) (n^2 - p.p)), with n rows, c hits, and the vectors t and p of true and
    predicted rows per class.
    """
    true, predicted = pair_as_sets(truth, prediction)
    hits = (truth == prediction).astype(np.float64)[:, None]

    def finish(totals: Floats, rows: Floats) -> Floats:
        trues, guesses = np.split(totals[:, 1:], 2, axis=1)
        covariance = rows * totals[:, 0] - (trues * guesses).sum(axis=1)
        spreads = [rows**2 - (counts**2).sum(axis=1) for counts in (trues, guesses)]
        return ratio(covariance, np.sqrt(spreads[0] * spreads[1]), undefined=0.0)

    return AdditiveScorer(
        hstack([hits, true, predicted], format="csr"), finish, label_keys(truth, prediction)
    )


def quadratic_weighted_kappa(truth: Rows, prediction: Rows) -> AdditiveScorer:
    """Cohen's kappa with weights (i - j)^2 over class indices i, j.

    Squared weights need no confusion matrix: the chance disagreement of independent margins is
    sum(t^2) + sum(p^2) - 2 sum(t) sum(p) / n.
    """
    true, predicted = truth.astype(np.float64), prediction.astype(np.float64)

    def finish(totals: Floats, rows: Floats) -> Floats:
        disagreement, squares, true_sum, predicted_sum = totals.T
        by_chance = squares - 2 * true_sum * predicted_sum / rows
        return 1.0 - ratio(disagreement, by_chance, undefined=np.nan)

    columns = [(true - predicted) ** 2, true**2 + predicted**2, true, predicted]
    return AdditiveScorer(np.stack(columns, axis=1), finish, label_keys(truth, prediction))
