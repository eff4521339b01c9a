"""A small competition folder with one target of each type, for tests."""

from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.spec import CompetitionSpec
from tests.competition.raw_folders import write_spec

TARGETS: tuple[dict[str, object], ...] = (
    {"name": "churn", "type": "binary", "metric": "f1", "positive_class": "yes"},
    {"name": "breed", "type": "category", "metric": "accuracy", "novel": "other", "weight": 2},
    {"name": "tags", "type": "label_set", "metric": "micro_f1", "label_separator": "|"},
    {"name": "price", "type": "value", "metric": "r2"},
    {"name": "grade", "type": "ordinal", "metric": "qwk", "order": ["low", "mid", "high"]},
    {"name": "stars", "type": "bounded", "metric": "r2", "low": 0, "high": 10},
)
NAMES = tuple(str(target["name"]) for target in TARGETS)


def several_rows(count: int, start: int = 0) -> pd.DataFrame:
    """Rows whose targets all follow from `x` and `colour`."""
    number = np.arange(start, start + count)
    rng = np.random.default_rng(start)
    x = number % 50 / 10
    return pd.DataFrame(
        {
            "id": [f"row-{i}" for i in number],
            "x": np.round(x, 2),
            "colour": np.array(["red", "green", "blue"])[number % 3],
            "churn": np.where(x > 2.5, "yes", "no"),
            "breed": np.array(["dog", "cat", "bird"])[number % 3],
            "tags": np.where(number % 3 == 0, "a|long tail", np.where(x > 2, "b", "")),
            "price": np.round(3 * x + rng.normal(0, 0.1, count), 3),
            "grade": np.array(["low", "mid", "high"])[np.minimum((x / 1.7).astype(int), 2)],
            "stars": np.round(np.minimum(3 * x, 10), 2),
        }
    )


def several_folder(
    folder: Path, labelled: int = 120, to_predict: int = 30, **fields: object
) -> CompetitionSpec:
    """A folder with six typed targets; the sample submission asks for all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    several_rows(labelled).to_csv(folder / "train.csv", index=False)
    answers = several_rows(to_predict, start=labelled)
    answers.drop(columns=list(NAMES)).to_csv(folder / "test.csv", index=False)
    constant = {"churn": "no", "breed": "dog", "tags": "b", "price": 0, "grade": "low", "stars": 0}
    answers[["id"]].assign(**constant).to_csv(folder / "sample_submission.csv", index=False)
    (folder / "answers").mkdir(exist_ok=True)
    answers[["id", *NAMES]].to_csv(folder / "answers" / "test.csv", index=False)
    inputs = [{"name": "x", "role": "number"}, {"name": "colour", "role": "category"}]
    settings: dict[str, object] = {
        "task": "several",
        "metric": "mean_of",
        "targets": list(TARGETS),
        "inputs": inputs,
    }
    return write_spec(folder, **settings | fields)
