"""Optuna over LightGBM's settings, by TPE or at random: the usual way to tune a table.

Each trial trains 5 folds with early stopping. Its score is the metric over all out-of-fold outputs. A trial
that is worse than the median after some folds ends early. The predictions are the mean of the best trial's
fold models.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from features import Matrices, make_matrices
from limits import Limits
from outputs import as_predictions, error_on, folds_of
from problem import Problem, read_rows

MOST_ROUNDS, PATIENCE, TIME_SHARE = 2000, 50, 0.97


def predict(folder: Path, problem: Problem, limits: Limits, sampler: str) -> pd.DataFrame:
    """Search until the time ends and return the best trial's predictions."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = make_matrices(*read_rows(folder, problem), problem)
    folds = folds_of(data.target, problem, limits.seed)
    end = limits.started + TIME_SHARE * limits.seconds
    best: tuple[float, np.ndarray] | None = None

    def objective(trial: Any) -> float:
        nonlocal best
        settings = _settings(trial)
        shape = (len(data.target), len(problem.classes)) if problem.classes else (len(data.target),)
        outputs, tests, done = np.zeros(shape), [], np.zeros(0, int)
        for number, (train, validation) in enumerate(folds):
            if time.time() > end and best is not None:
                raise optuna.TrialPruned
            model = _fit(data, train, validation, problem, limits, settings, end)
            outputs[validation], test = (
                _outputs(model, data.train.iloc[validation]),
                _outputs(model, data.test),
            )
            tests.append(test)
            done = np.concatenate([done, validation])
            error = error_on(outputs[done], data.target[done], problem)
            trial.report(error, number)
            if trial.should_prune():
                raise optuna.TrialPruned
        if best is None or error < best[0]:
            best = error, np.mean(tests, axis=0)
        return error

    samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    study = optuna.create_study(
        sampler=samplers[sampler](seed=limits.seed), pruner=optuna.pruners.MedianPruner()
    )
    while time.time() < end:
        study.optimize(objective, n_trials=1)
    assert best is not None
    return as_predictions(best[1], data.ids, problem)


def _settings(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        "reg_alpha": trial.suggest_float("reg_alpha", 1e-3, 10.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 100.0, log=True),
    }


def _fit(
    data: Matrices,
    train: np.ndarray,
    validation: np.ndarray,
    problem: Problem,
    limits: Limits,
    settings: dict[str, Any],
    end: float,
) -> Any:
    import lightgbm

    def stop_in_time(environment: Any) -> None:
        if time.time() > end and environment.iteration > 0:
            raise lightgbm.callback.EarlyStopException(
                environment.iteration, environment.evaluation_result_list
            )

    regression = problem.task == "regression"
    kind = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
    objective = {"objective": "mae" if problem.metric == "mae" else "rmse"} if regression else {}
    model = kind(
        n_estimators=MOST_ROUNDS,
        subsample_freq=1,
        n_jobs=limits.threads,
        random_state=limits.seed,
        verbosity=-1,
        **objective,
        **settings,
    )
    return model.fit(
        data.train.iloc[train],
        data.target[train],
        eval_set=[(data.train.iloc[validation], data.target[validation])],
        eval_metric={
            "roc_auc": "auc",
            "accuracy": "error" if len(problem.classes) == 2 else "multi_error",
        }.get(problem.metric),
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False), stop_in_time],
    )


def _outputs(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))
