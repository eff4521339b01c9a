"""TF-IDF and a linear model, tuned by random search: the usual way to start with texts.

Each trial draws terms and penalty, and trains 5 folds. Its score is the metric over all out-of-fold outputs.
The best trial's settings train once more on all rows. Numbers and categories stand beside the terms.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from features import TEXT_COMPONENTS, Matrices, dense_encoder, make_matrices
from limits import Limits
from outputs import as_predictions, error_on, folds_of
from problem import Problem, read_rows
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

TIME_SHARE = 0.95
MOST_ITERATIONS = 200
# The first trial. Words and word pairs with a mild penalty do well on most texts.
USUAL: Mapping[str, Any] = {"words": 2, "characters": 0, "min_rows": 2, "strength": 1.0, "balanced": False}


@dataclass(frozen=True)
class Inputs:
    """Rows as a frame of numbers and categories, and their columns of texts."""

    plain: pd.DataFrame
    texts: Mapping[str, pd.Series]

    def take(self, places: np.ndarray) -> "Inputs":
        """Return some of the rows."""
        texts = {name: column.iloc[places] for name, column in self.texts.items()}
        return Inputs(self.plain.iloc[places], texts)


def predict(folder: Path, problem: Problem, limits: Limits) -> pd.DataFrame:
    """Search until the time ends, train the best settings on all rows and return predictions."""
    train, test = read_rows(folder, problem)
    data = make_matrices(train, test, problem)
    inputs = _inputs(data.train, train, data)
    rng = np.random.default_rng(limits.seed)
    best, settings = USUAL, USUAL
    lowest, longest = np.inf, 0.0
    while True:
        before = time.time()
        error = _error(settings, inputs, data.target, problem, limits, may_stop=np.isfinite(lowest))
        longest = max(longest, time.time() - before)
        if error < lowest:
            best, lowest = settings, error
        # A fit on all rows takes a quarter of five fits on four fifths, and half is left for it.
        if limits.left() < (1 - TIME_SHARE) * limits.seconds + longest / 2:
            break
        settings = _draw(rng)
    x, x_test = _terms(best, inputs, _inputs(data.test, test, data))
    return as_predictions(_fit(best, x, data.target, problem)(x_test), data.ids, problem)


def _inputs(matrix: pd.DataFrame, rows: pd.DataFrame, data: Matrices) -> Inputs:
    latent = {f"{name}_{place}" for name in data.texts for place in range(TEXT_COMPONENTS)}
    texts = {name: rows[name].fillna("").astype(str) for name in data.texts}
    return Inputs(matrix.drop(columns=[name for name in matrix if name in latent]), texts)


def _draw(rng: np.random.Generator) -> Mapping[str, Any]:
    return {
        "words": int(rng.integers(1, 4)),
        "characters": int(rng.choice([0, 0, 4, 5, 6])),
        "min_rows": int(rng.choice([1, 2, 3, 5])),
        "strength": float(10 ** rng.uniform(-1.5, 1.5)),
        "balanced": bool(rng.random() < 0.5),
    }


def _error(
    settings: Mapping[str, Any],
    inputs: Inputs,
    target: np.ndarray,
    problem: Problem,
    limits: Limits,
    may_stop: bool,
) -> float:
    """Return the error of out-of-fold outputs; infinity if the time ends before the last fold."""
    shape = (len(target), len(problem.classes)) if problem.classes else (len(target),)
    outputs = np.zeros(shape)
    for rows, held_out in folds_of(target, problem, limits.seed):
        if may_stop and limits.left() < (1 - TIME_SHARE) * limits.seconds:
            return float("inf")
        x, x_held_out = _terms(settings, inputs.take(rows), inputs.take(held_out))
        outputs[held_out] = _fit(settings, x, target[rows], problem)(x_held_out)
    return error_on(outputs, target, problem)


def _terms(settings: Mapping[str, Any], rows: Inputs, others: Inputs) -> tuple[csr_matrix, csr_matrix]:
    """Return the matrices of rows to learn from and of others. Everything is learned from the former."""
    blocks: list[tuple[Any, Any]] = []
    if len(rows.plain.columns):
        encoder = dense_encoder(rows.plain)
        blocks.append((encoder.fit_transform(rows.plain), encoder.transform(others.plain)))
    for name, texts in rows.texts.items():
        for counter in _counters(settings):
            blocks.append((counter.fit_transform(texts), counter.transform(others.texts[name])))
    first, second = (hstack([csr_matrix(block[side]) for block in blocks]).tocsr() for side in (0, 1))
    return first, second


def _counters(settings: Mapping[str, Any]) -> list[TfidfVectorizer]:
    plain = {"min_df": settings["min_rows"], "sublinear_tf": True, "dtype": np.float32}
    counters = [TfidfVectorizer(ngram_range=(1, settings["words"]), **plain)]
    if settings["characters"]:
        counters.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, settings["characters"]), **plain))
    return counters


def _fit(settings: Mapping[str, Any], x: csr_matrix, target: np.ndarray, problem: Problem) -> Any:
    """Return the function from a matrix to outputs of a fitted linear model."""
    if problem.task == "regression":
        centre = target.mean()
        model = Ridge(alpha=1 / settings["strength"]).fit(x, target - centre)
        return lambda rows: model.predict(rows) + centre
    weights = "balanced" if settings["balanced"] else None
    model = LogisticRegression(C=10 * settings["strength"], class_weight=weights, max_iter=MOST_ITERATIONS)
    return model.fit(x, target).predict_proba
