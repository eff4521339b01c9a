"""Score simple solutions of the text samples on their private answers: what a search must beat.

python benchmarks/performance/sample_references.py [metric-matching] [youth-mental-health]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

ROOT = Path(__file__).parents[1]
FOLDS = 5
PENALTIES = np.logspace(-1, 3, 9)
THRESHOLDS = np.linspace(0.05, 0.95, 19)
Texts = pd.DataFrame
Rows = npt.NDArray[np.float64]


def main() -> None:
    """Print the scores of each sample that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*", default=list(REFERENCES), help="names of samples; default: all")
    for name in parser.parse_args().samples:
        with TemporaryDirectory() as place:
            script = ROOT / name / "sample.py"
            subprocess.run([sys.executable, str(script), str(Path(place) / "sample")], check=True)
            for title, score in REFERENCES[name](Path(place) / "sample").items():
                print(f"{name}: {title}: {score:.3f}")


def metric_matching(folder: Path) -> Mapping[str, float]:
    """Return the RMSE of solutions on the test records."""
    columns = ["metric_name", "system_prompt", "user_prompt", "response"]
    train = pd.DataFrame(json.loads((folder / "train_data.json").read_text()))
    test = pd.DataFrame(json.loads((folder / "test_data.json").read_text()))
    y = train["score"].astype(float).to_numpy()
    truth = pd.read_csv(folder / "answers" / "test.csv")["score"].to_numpy(dtype=float)
    expected = pd.read_csv(folder / "answers" / "test_kinds.csv")["fit"].to_numpy(dtype=float)
    x, x_test = _tfidf(train[columns].fillna(""), test[columns].fillna(""))
    ridge = RidgeCV(PENALTIES).fit(x, y)

    def rmse(predicted: Rows) -> float:
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))

    return {
        "the mean score": rmse(np.full(len(truth), y.mean())),
        "TF-IDF of words and word pairs per column, ridge regression": rmse(ridge.predict(x_test)),
        "the expected score of each record": rmse(expected),
    }


def youth_mental_health(folder: Path) -> Mapping[str, float]:
    """Return the mean of 21 F1 scores and two accuracies of solutions on the test rows."""
    texts = ["NarrativeLE", "NarrativeCME"]
    train, test = (pd.read_csv(folder / f"{part}_features.csv").fillna("") for part in ("train", "test"))
    given, clean = (
        pd.read_csv(path).set_index("uid").loc[train["uid"]]
        for path in (folder / "train_labels.csv", folder / "answers" / "train.csv")
    )
    truth = pd.read_csv(folder / "answers" / "test.csv").set_index("uid").loc[test["uid"]]
    x, x_test = _tfidf(train[texts], test[texts])
    constant = {name: _best_constant(given[name], truth[name]) for name in truth.columns}
    return {
        "the constant that is best for each variable": _mean_score(truth, constant),
        "TF-IDF of words and word pairs, logistic regression, thresholds from folds": _mean_score(
            truth, {name: _classified(x, given[name], x_test) for name in truth.columns}
        ),
        "the same, trained on labels without errors": _mean_score(
            truth, {name: _classified(x, clean[name], x_test) for name in truth.columns}
        ),
    }


def _tfidf(train: Texts, test: Texts) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return TF-IDF (N, terms) of words and word pairs, the columns side by side."""
    parts = []
    for name in train.columns:
        terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        parts.append((terms.fit_transform(train[name]), terms.transform(test[name])))
    return sparse.hstack([one for one, _ in parts]).tocsr(), sparse.hstack([one for _, one in parts]).tocsr()


def _classified(x: sparse.csr_matrix, y: "pd.Series[int]", x_test: sparse.csr_matrix) -> Rows:
    """Return predicted labels (N,); the threshold of two classes has the best F1 of out-of-fold chances."""
    model = LogisticRegression(C=10.0, max_iter=500)
    fitted = model.fit(x, y)
    if y.nunique() > 2:
        return np.asarray(fitted.predict(x_test), dtype=float)
    chances = cross_val_predict(model, x, y, cv=FOLDS, method="predict_proba")[:, 1]
    threshold = max(THRESHOLDS, key=lambda one: f1_score(y, chances >= one, zero_division=0.0))
    return (model.fit(x, y).predict_proba(x_test)[:, 1] >= threshold).astype(float)


def _best_constant(y: "pd.Series[int]", truth: "pd.Series[int]") -> Rows:
    """Return the label that scores best on the training rows: 1 for F1, else the most frequent one."""
    label = 1 if y.nunique() == 2 else y.mode()[0]
    return np.full(len(truth), float(label))


def _mean_score(truth: pd.DataFrame, predicted: Mapping[str, Rows]) -> float:
    scores = [
        f1_score(truth[name], labels, zero_division=0.0)
        if truth[name].nunique() == 2
        else float(np.mean(truth[name].to_numpy() == labels))
        for name, labels in predicted.items()
    ]
    return float(np.mean(scores))


REFERENCES = {"metric-matching": metric_matching, "youth-mental-health": youth_mental_health}


if __name__ == "__main__":
    main()
