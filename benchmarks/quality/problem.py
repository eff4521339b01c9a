"""One problem of the benchmark: what entrants get, and where it lies.

A folder holds train.csv (with the target), test.csv (without it) and problem.json. The answers lie elsewhere,
and only the scoring reads them.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

ID = "id"
PREDICTION = "prediction"
FACTS = "problem.json"
HIGHER_IS_BETTER = {"accuracy", "macro_f1", "roc_auc"}
LABELS_SCORED = frozenset({"accuracy", "macro_f1"})  # The other metrics of classification need probabilities.


@dataclass(frozen=True)
class Problem:
    """What an entrant knows beside the tables.

    Attributes:
        name: Name of the data.
        target: Column to predict.
        task: Kind of target.
        metric: Name of the score, as `mars` calls it.
        classes: Class names in alphabetical order; empty for regression.
        positive: The class whose probability `roc_auc` ranks; None unless there are two classes.
        time: Column whose latest rows are to be predicted; None if rows to predict were drawn at random.
        pictures: Column with paths of pictures below the folder; None for tables.
        groups: Column whose rows of one value are either labelled or to be predicted; None without.
    """

    name: str
    target: str
    task: Literal["classification", "regression"]
    metric: str
    classes: Sequence[str] = ()
    positive: str | None = None
    time: str | None = None
    pictures: str | None = None
    groups: str | None = None

    @property
    def asks_probabilities(self) -> bool:
        """Whether predictions are one probability per class."""
        return self.task == "classification" and self.metric not in LABELS_SCORED

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger score is better."""
        return self.metric in HIGHER_IS_BETTER


def write_problem(problem: Problem, train: pd.DataFrame, test: pd.DataFrame, folder: Path) -> None:
    """Write what entrants get to a folder; refuse rows to predict that hold the target."""
    if problem.target in test:
        raise ValueError(f"{problem.name}: the rows to predict hold the target {problem.target}.")
    folder.mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    (folder / FACTS).write_text(json.dumps(asdict(problem), indent=1))


def read_problem(folder: Path) -> Problem:
    """Return the facts that a folder states."""
    return Problem(**json.loads((folder / FACTS).read_text()))


def read_rows(folder: Path, problem: Problem) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return labelled rows and rows to predict as pandas reads them; class names are text."""
    as_text = {problem.target: str} if problem.task == "classification" else {}
    train = pd.read_csv(folder / "train.csv", dtype=as_text, keep_default_na=True)
    return train, pd.read_csv(folder / "test.csv")


def check_predictions(predictions: pd.DataFrame, problem: Problem, ids: Sequence[object]) -> None:
    """Raise ValueError unless there is one prediction for each row to predict, in their order."""
    columns = [ID, *problem.classes] if problem.asks_probabilities else [ID, PREDICTION]
    if list(predictions.columns) != columns:
        raise ValueError(f"Predictions have the columns {list(predictions.columns)}, not {columns}.")
    if list(predictions[ID]) != list(ids):
        raise ValueError("Predictions are not one per row to predict, in the order of test.csv.")
    if predictions.isna().any(axis=None):
        raise ValueError("Predictions have blank cells.")
