"""scikit-learn's HistGradientBoosting with its defaults on all labelled rows."""

from pathlib import Path

import pandas as pd
from features import make_matrices
from limits import Limits
from outputs import as_predictions
from problem import Problem, read_rows
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def predict(folder: Path, problem: Problem, limits: Limits) -> pd.DataFrame:
    """Fit one model and return predictions."""
    data = make_matrices(*read_rows(folder, problem), problem)
    options = {"categorical_features": "from_dtype", "random_state": limits.seed}
    if problem.task == "regression":
        loss = "absolute_error" if problem.metric == "mae" else "squared_error"
        outputs = (
            HistGradientBoostingRegressor(loss=loss, **options)
            .fit(data.train, data.target)
            .predict(data.test)
        )
    else:
        model = HistGradientBoostingClassifier(**options).fit(data.train, data.target)
        outputs = model.predict_proba(data.test)
    return as_predictions(outputs, data.ids, problem)
