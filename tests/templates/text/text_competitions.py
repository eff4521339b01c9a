"""Made-up competitions of texts, and how repositories of the text family are rendered and run."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from agent.competition.metrics import get_metric
from agent.competition.spec import Task
from agent.core.paths import templates_dir
from agent.repository.family import Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import Renderer, write_tree
from tests.support.repository_runs import run_repositories
from tests.templates.tabular.tabular_competitions import (
    SAVING,
    SMALL_NODE,
    Competition,
    Run,
    finished,
    read_rows,
    view,
)

FAMILY = load_family(templates_dir() / "text")
LABELS = ["bad", "fair", "good"]
WORDS = {
    "bad": ("broken", "late", "rude", "awful"),
    "fair": ("plain", "usual", "average", "okay"),
    "good": ("lovely", "quick", "neat", "superb"),
}
FILL = ("the", "parcel", "came", "and", "it", "was", "from", "shop", "today")
BOTH_TEXTS = {"title": "text", "body": "text"}
ALL_ROLES = {**BOTH_TEXTS, "size": "number", "colour": "category", "customer": "group"}

# What most repositories of the family import.
PRELOAD = (
    *("pandas", "scipy.optimize", "sklearn.compose", "sklearn.feature_extraction.text", "sklearn.impute"),
    *("sklearn.linear_model", "sklearn.metrics", "sklearn.pipeline", "sklearn.preprocessing"),
)


def text_table(rows: int, seed: int) -> pd.DataFrame:
    """Rows whose texts say in their own words how good a parcel was; `quality` is 0, 1 or 2."""
    random = np.random.default_rng(seed)
    quality = random.integers(0, 3, rows)
    size = random.normal(size=rows)

    def sentence(row: int, length: int) -> str:
        words = [str(word) for word in random.choice(FILL, length)]
        words.insert(int(random.integers(0, length)), str(random.choice(WORDS[LABELS[quality[row]]])))
        return " ".join(words)

    return pd.DataFrame(
        {
            "id": [f"r{seed}-{row}" for row in range(rows)],
            "title": [sentence(row, 3) for row in range(rows)],
            "body": [sentence(row, 12) if row % 10 else "" for row in range(rows)],
            "size": np.where(random.random(rows) < 0.1, np.nan, size),
            "colour": random.choice(["red", "green", ""], rows),
            "customer": [f"c{row}" for row in random.integers(0, rows // 4, rows)],
            "quality": quality,
        }
    )


def texts(
    task: Task, metric: str, inputs: dict[str, str] | None = None, rows: int = 200, classes: int = 3
) -> Competition:
    """A competition of texts: of quality as a class (three, or two), as a set of labels, or as a number."""
    counts = (("train", rows, 0), ("val", 80, 1), ("test", 50, 2))
    tables = {name: text_table(count, seed) for name, count, seed in counts}
    prediction, labels = get_metric(metric).prediction_kind(task), LABELS[-classes:]
    for table in tables.values():
        quality = table.pop("quality").to_numpy()
        if task == "regression":
            table["target"] = 2.0 * quality + table["size"].fillna(0) / 5
        elif task == "multilabel":
            sets = [[LABELS[value], *(["fair"] if value == 2 else [])] if value else [] for value in quality]
            table["target"] = [" ".join(sorted(one)) for one in sets]
        else:
            table["target"] = [labels[max(value - 3 + classes, 0)] for value in quality]
    columns = ("target",)
    if prediction == "probability":
        columns = ("target",) if classes == 2 else tuple(labels)
    seen = view(
        task,
        metric,
        inputs or ALL_ROLES,
        submission=("id", *columns),
        classes=None if task == "regression" else classes,
        train=rows,
    )
    return Competition(seen, tables, [] if task == "regression" else labels)


def score(competition: Competition, workspace: Path) -> float:
    """The harness's metric of the workspace's predictions of held-out rows."""
    if competition.view.task != "multilabel":
        return competition.score(workspace)
    prediction = read_rows(workspace / "working" / "val_submission.csv")
    labelled = pd.concat([competition.tables["val"], competition.tables["train"]])
    truth = members(labelled.set_index("id").loc[prediction.index]["target"], competition)
    if competition.view.prediction == "probability":
        return get_metric(competition.view.metric).score(truth, prediction.to_numpy(float))
    return get_metric(competition.view.metric).score(truth, members(prediction.iloc[:, 0], competition))


def members(cells: "pd.Series[str]", competition: Competition) -> csr_array:
    """Label sets (N, C) bool of cells."""
    return csr_array([[label in cell.split() for label in competition.classes] for cell in cells])


def idea(slots: dict[str, Value], cites: dict[str, tuple[str, ...]] | None = None) -> Idea:
    """An idea with these slots and defaults for the others."""
    blueprint = Blueprint(family="text", slots=FAMILY.fill(slots, "test"))
    return placeholder_idea("the blueprint", "A linear model of texts", blueprint, cites)


def render(competition: Competition, slots: dict[str, Value]) -> dict[str, str]:
    return Renderer(FAMILY, competition.view).render(idea(slots))


def lay_out(competition: Competition, slots: dict[str, Value], workspace: Path) -> Path:
    """Render the repository and write its tables."""
    write_tree(render(competition, slots), workspace)
    competition.write(workspace)
    return workspace


def run_all(workspaces: list[Path], *arguments: str, environment: dict[str, str] | None = None) -> list[Run]:
    """Run `main.py` of each, one after the other; numerical warnings are errors."""
    saving = ("skops.io",) if SAVING & set(arguments) else ()
    variables = SMALL_NODE | {"HF_HUB_OFFLINE": "1"} | (environment or {})
    run_repositories(workspaces, (*PRELOAD, *saving), arguments, variables)
    return finished(workspaces)
