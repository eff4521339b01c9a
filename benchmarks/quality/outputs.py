"""From outputs of models to predictions, and the loss that choices among models use."""

import numpy as np
import pandas as pd
from problem import ID, PREDICTION, Problem
from scores import error_of, score_of
from sklearn.model_selection import KFold, StratifiedKFold

FOLDS = 5


def as_predictions(outputs: np.ndarray, ids: pd.Series, problem: Problem) -> pd.DataFrame:
    """Return predictions from outputs: (rows, classes) probabilities, or (rows,) numbers."""
    table = pd.DataFrame({ID: ids.to_numpy()})
    if problem.task == "regression":
        table[PREDICTION] = outputs
    elif problem.asks_probabilities:
        table[list(problem.classes)] = outputs
    else:
        table[PREDICTION] = np.asarray(problem.classes)[outputs.argmax(axis=1)]
    return table


def error_on(outputs: np.ndarray, target: np.ndarray, problem: Problem) -> float:
    """Return the metric of outputs on labelled rows as an error, lower is better."""
    truth = pd.Series(target)
    if problem.task == "classification":
        truth = pd.Series(np.asarray(problem.classes)[target])
    predictions = as_predictions(outputs, pd.Series(np.arange(len(truth))), problem)
    return error_of(score_of(predictions, truth, problem), problem)


def folds_of(target: np.ndarray, problem: Problem, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (training rows, held-out rows) of five folds, stratified by class."""
    splitter = StratifiedKFold if problem.task == "classification" else KFold
    return list(splitter(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(target)), target))
