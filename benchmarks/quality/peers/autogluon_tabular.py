"""AutoGluon with one of its presets. The time limit ends the training; predicting comes on top of it."""

import tempfile
from pathlib import Path

import pandas as pd
from limits import Limits
from problem import ID, PREDICTION, Problem, read_rows

_METRICS = {"rmse": "root_mean_squared_error", "mae": "mean_absolute_error", "macro_f1": "f1_macro"}


def predict(folder: Path, problem: Problem, limits: Limits, preset: str) -> pd.DataFrame:
    """Train within the limits and return predictions."""
    from autogluon.tabular import TabularPredictor

    train, test = read_rows(folder, problem)
    kinds = {0: "regression", 2: "binary"}
    with tempfile.TemporaryDirectory(prefix="autogluon-") as models:
        predictor = TabularPredictor(
            label=problem.target,
            problem_type=kinds.get(len(problem.classes), "multiclass"),
            eval_metric=_METRICS.get(problem.metric, problem.metric),
            path=models,
            verbosity=2,
        )
        predictor.fit(
            train.drop(columns=ID),
            presets=preset,
            time_limit=limits.left(),
            num_cpus=limits.threads,
            num_gpus=0,
            fit_strategy="sequential",
            ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
        )
        inputs = test.drop(columns=ID)
        if problem.asks_probabilities:
            table = predictor.predict_proba(inputs)[list(problem.classes)]
        else:
            table = predictor.predict(inputs).rename(PREDICTION).to_frame()
    table.insert(0, ID, test[ID])
    return table
