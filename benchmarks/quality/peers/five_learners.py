"""Five untuned learners in 5 folds, blended greedily by their out-of-fold predictions."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from features import Matrices, dense_encoder, make_matrices
from limits import Limits
from outputs import as_predictions, error_on, folds_of
from problem import Problem, read_rows
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline

TREES, ROUNDS, TIME_SHARE = 300, 200, 0.9
BLEND_STEPS = 30
Outputs = tuple[np.ndarray, np.ndarray]


def predict(folder: Path, problem: Problem, limits: Limits) -> pd.DataFrame:
    """Fit as many learners as the time allows, the fast ones first, and return blended predictions."""
    data = make_matrices(*read_rows(folder, problem), problem)
    fitted: list[Outputs] = []
    slowest = 0.0
    for make in _learners(problem, limits, data).values():
        before = limits.left()
        if fitted and before < slowest + (1 - TIME_SHARE) * limits.seconds:
            break
        outputs = _out_of_fold(make, data, problem, limits, may_stop=bool(fitted))
        if outputs is None:
            break
        fitted.append(outputs)
        slowest = max(slowest, before - limits.left())
    weights = _blend([held_out for held_out, _ in fitted], data.target, problem)
    blended = sum(weight * test for weight, (_, test) in zip(weights, fitted, strict=True))
    return as_predictions(np.asarray(blended), data.ids, problem)


def _learners(problem: Problem, limits: Limits, data: Matrices) -> Mapping[str, Callable[[], Any]]:
    from lightgbm import LGBMClassifier, LGBMRegressor

    seed, threads = {"random_state": limits.seed}, {"n_jobs": limits.threads}
    trees: Mapping[str, Any] = {"n_estimators": TREES, "min_samples_leaf": 2, **seed, **threads}
    boosted: Mapping[str, Any] = {
        "n_estimators": ROUNDS,
        "learning_rate": 0.05,
        "verbosity": -1,
        **seed,
        **threads,
    }
    dense = lambda model: make_pipeline(dense_encoder(data.train), model)  # noqa: E731
    if problem.task == "regression":
        absolute = problem.metric == "mae"
        loss = {"loss": "absolute_error" if absolute else "squared_error"}
        objective = {"objective": "mae" if absolute else "rmse"}
        return {
            "linear": lambda: dense(RidgeCV(np.logspace(-2, 3, 11))),
            "hist": lambda: HistGradientBoostingRegressor(categorical_features="from_dtype", **loss, **seed),
            "lightgbm": lambda: LGBMRegressor(**boosted, **objective),
            "extra trees": lambda: dense(ExtraTreesRegressor(**trees)),
            "forest": lambda: dense(RandomForestRegressor(**trees)),
        }
    return {
        "linear": lambda: dense(LogisticRegression(max_iter=500)),
        "hist": lambda: HistGradientBoostingClassifier(categorical_features="from_dtype", **seed),
        "lightgbm": lambda: LGBMClassifier(**boosted),
        "extra trees": lambda: dense(ExtraTreesClassifier(**trees)),
        "forest": lambda: dense(RandomForestClassifier(**trees)),
    }


def _out_of_fold(
    make: Callable[[], Any], data: Matrices, problem: Problem, limits: Limits, may_stop: bool
) -> Outputs | None:
    """Return out-of-fold outputs of labelled rows, and the mean outputs of rows to predict.

    Return None if the time ends before the last fold and the learner can be left out.
    """
    shape = (len(data.target), len(problem.classes)) if problem.classes else (len(data.target),)
    held_out, tests = np.zeros(shape), []
    for train, validation in folds_of(data.target, problem, limits.seed):
        if may_stop and limits.left() < 0:
            return None
        model = make().fit(data.train.iloc[train], data.target[train])
        call = model.predict_proba if problem.classes else model.predict
        held_out[validation] = call(data.train.iloc[validation])
        tests.append(call(data.test))
    return held_out, np.mean(tests, axis=0)


def _blend(outputs: list[np.ndarray], target: np.ndarray, problem: Problem) -> np.ndarray:
    """Return weights by greedy choice with replacement (Caruana et al. 2004)."""
    counts = np.zeros(len(outputs))
    total = np.zeros_like(outputs[0])
    for step in range(BLEND_STEPS):
        errors = [error_on((total + more) / (step + 1), target, problem) for more in outputs]
        best = int(np.argmin(errors))
        counts[best] += 1
        total += outputs[best]
    return counts / counts.sum()
