"""Record response surfaces for `search_regret.py`: errors of models over their slots, by cross-validation.

    python benchmarks/performance/record_surfaces.py [--points 240] [--out FILE]

Each surface is one model on one table that scikit-learn ships. A point is a random blueprint of the model's
slots, half of them near the model's usual values. Its error is the mean over two repeats of four folds: log
loss for classes, root mean squared error for numbers.
"""

import argparse
import csv
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from search_surfaces import RECORDED, SLOTS, Surface, family_of
from sklearn import datasets
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.ensemble import HistGradientBoostingClassifier as BoostedClassifier
from sklearn.ensemble import HistGradientBoostingRegressor as BoostedRegressor
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from agent.planner.library.axes import Space
from agent.repository.family import Value

TABLES = {
    "cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}
CASES = [
    ("boosting", "cancer"),
    ("boosting", "diabetes"),
    ("forest", "diabetes"),
    ("forest", "cancer"),
    ("kernel", "diabetes"),
    ("kernel", "wine"),
]
REPEATS, FOLDS = 2, 4


def model_of(kind: str, slots: Mapping[str, Any], is_regression: bool) -> Any:
    """Return the model of a kind with the values of its slots."""
    chosen = dict(slots)
    if kind == "boosting":
        chosen["l2_regularization"] = chosen.pop("l2")
        model = BoostedRegressor if is_regression else BoostedClassifier
        return model(**chosen, random_state=0)
    if kind == "forest":
        chosen["max_depth"] = chosen["max_depth"] or None
        forest = ExtraTreesRegressor if is_regression else ExtraTreesClassifier
        return forest(**chosen, random_state=0)
    scaling = chosen.pop("scaling")
    scaler = (
        StandardScaler() if scaling == "standard" else QuantileTransformer(50, output_distribution="normal")
    )
    epsilon = chosen.pop("epsilon")
    kernel = (
        SVR(**chosen, epsilon=epsilon) if is_regression else SVC(**chosen, probability=True, random_state=0)
    )
    return make_pipeline(scaler, kernel)


def error_of(kind: str, table: str, slots: Mapping[str, Value]) -> float:
    """Return the error of a model with these slots, by repeated cross-validation."""
    data = TABLES[table]()
    is_regression = table == "diabetes"
    target = (data.target - data.target.mean()) / data.target.std() if is_regression else data.target
    split = RepeatedKFold if is_regression else RepeatedStratifiedKFold
    folds = split(n_splits=FOLDS, n_repeats=REPEATS, random_state=0)
    scoring = "neg_root_mean_squared_error" if is_regression else "neg_log_loss"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cross_val_score(
            model_of(kind, slots, is_regression), data.data, target, cv=folds, scoring=scoring
        )
    return float(-found.mean())


def record(points: int, file: Path) -> None:
    """Write the points of every case that the file does not hold yet."""
    known = {(row.kind, row.table) for row in Surface.recorded(file)} if file.exists() else set()
    with file.open("a", newline="") as out:
        writer = csv.writer(out)
        for number, (kind, table) in enumerate(CASES):
            if (kind, table) in known:
                continue
            family, rng = family_of(SLOTS[kind]), np.random.default_rng(number)
            space = Space.of(family, ())
            for point in range(points):
                slots = dict(family.defaults)
                for axis in space.axes:
                    usual = point % 2 and slots[axis.name]
                    if point and rng.random() < 0.8:
                        slots[axis.name] = axis.near(usual, rng, 1.5) if point % 2 else axis.sample(rng)
                writer.writerow([kind, table, json.dumps(slots), f"{error_of(kind, table, slots):.6g}"])
                out.flush()
            print(kind, table, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=240, help="Points of each surface.")
    parser.add_argument("--out", type=Path, default=RECORDED, help="File of the surfaces.")
    arguments = parser.parse_args()
    record(arguments.points, arguments.out)


if __name__ == "__main__":
    main()
