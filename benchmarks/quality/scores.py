"""Scores of private rows, by scikit-learn and not by the product."""

import numpy as np
import pandas as pd
from problem import PREDICTION, Problem
from sklearn import metrics


def score_of(predictions: pd.DataFrame, truth: pd.Series, problem: Problem) -> float:
    """Return the score of predictions.

    Args:
        predictions: One row per private row: a column `prediction`, or one probability column per class.
        truth: True labels or numbers in the same order.
        problem: Names metric and classes.
    """
    if problem.task == "regression":
        errors = predictions[PREDICTION].to_numpy(float) - truth.to_numpy(float)
        return float(np.sqrt(np.mean(errors**2)) if problem.metric == "rmse" else np.mean(np.abs(errors)))
    labels = truth.astype(str)
    if problem.metric == "accuracy":
        return float(np.mean(predictions[PREDICTION].astype(str).to_numpy() == labels.to_numpy()))
    classes = list(problem.classes)
    if problem.metric == "macro_f1":
        given = predictions[PREDICTION].astype(str)
        return float(metrics.f1_score(labels, given, labels=classes, average="macro", zero_division=0.0))
    if problem.metric == "roc_auc":
        return float(metrics.roc_auc_score(labels == problem.positive, predictions[problem.positive]))
    chances = np.clip(predictions[classes].to_numpy(float), 1e-15, 1)
    chances /= chances.sum(axis=1, keepdims=True)
    true_columns = labels.map({name: place for place, name in enumerate(classes)}).to_numpy(int)
    return float(-np.log(chances[np.arange(len(labels)), true_columns]).mean())


def error_of(score: float, problem: Problem) -> float:
    """Return a number that is lower for better scores: 1 - score where higher scores are better."""
    return 1 - score if problem.higher_is_better else score
