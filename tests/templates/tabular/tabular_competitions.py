"""Made-up and real competitions for the tabular family, and how its repositories are rendered and run."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from agent.competition.metrics import get_metric
from agent.competition.spec import InputColumn, Task
from agent.core.paths import templates_dir
from agent.repository.family import Value, load_family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.rendering import Renderer, TaskView, write_tree
from tests.support.repository_runs import run_repositories

FAMILY = load_family(templates_dir() / "tabular")
SMALL_NODE = {
    "PATH": os.environ["PATH"],
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MARS_SEED": "7",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Competition:
    """Tables of one competition and what a template knows of it."""

    view: TaskView
    tables: dict[str, pd.DataFrame]  # train, val, test; targets in all of them
    classes: list[str] = field(default_factory=list)
    folds: dict[str, int] = field(default_factory=dict)  # of labelled rows, by id

    def write(self, workspace: Path) -> None:
        """Writes `metadata/` as preparation does."""
        folder = workspace / "metadata"
        folder.mkdir(parents=True)
        targets = list(self.view.target_columns)
        for name, table in self.tables.items():
            table.drop(columns=targets if name == "test" else []).to_csv(folder / f"{name}.csv", index=False)
        if self.classes:
            pd.DataFrame({"label": self.classes}).to_csv(folder / "classes.csv", index=False)
        if self.folds:
            table = pd.DataFrame({self.view.id_column: self.folds.keys(), "fold": self.folds.values()})
            table.to_csv(folder / "folds.csv", index=False)

    def held_out(self, folds: int | None = None) -> list[str]:
        """The ids of the rows that a run predicts: those of the executed folds, or of the first `folds`."""
        if not self.folds:
            return self.tables["val"][self.view.id_column].tolist()
        last = self.view.folds_executed if folds is None else folds
        return [row for row, fold in self.folds.items() if fold < last]

    def score(self, workspace: Path) -> float:
        """The harness's metric of the workspace's predictions of held-out rows."""
        prediction = read_rows(workspace / "working" / "val_submission.csv")
        labelled = pd.concat([self.tables["val"], self.tables["train"]])
        truth = labelled.astype(str).set_index(self.view.id_column).loc[prediction.index]
        metric = get_metric(self.view.metric)
        if self.view.task == "regression":
            columns = list(self.view.target_columns)
            return metric.score(truth[columns].to_numpy(float), prediction.to_numpy(float))
        position = {label: index for index, label in enumerate(self.classes)}
        indices = truth[self.view.target_columns[0]].map(position).to_numpy()
        if self.view.prediction == "label":
            return metric.score(indices, prediction.iloc[:, 0].map(position).to_numpy())
        values = prediction.to_numpy(float)
        if values.shape[1] == 1:
            values = np.hstack([1 - values, values])
        return metric.score(indices, values)


def read_rows(file: Path) -> pd.DataFrame:
    """A submission as text, by id."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.set_index(table.columns[0])


def view(
    task: Task,
    metric: str,
    inputs: dict[str, str],
    targets: tuple[str, ...] = ("target",),
    submission: tuple[str, ...] | None = None,
    classes: int | None = None,
    train: int = 200,
) -> TaskView:
    """What templates see; `inputs` maps columns to roles."""
    known = get_metric(metric)
    return TaskView(
        id="made-up",
        title="A made-up table",
        task=task,
        metric=metric,
        metric_definition=known.definition,
        higher_is_better=known.higher_is_better,
        prediction=known.prediction_kind(task),
        id_column="id",
        target_columns=targets,
        submission_columns=submission or ("id", *targets),
        file_column="file_path",
        inputs=tuple(InputColumn(name=name, role=role) for name, role in inputs.items()),
        n_classes=classes,
        data_kind="full",
        n_train=train,
    )


ALL_ROLES = {
    "size": "number",
    "weight": "number",
    "colour": "category",
    "shop's name": "category",
    "sold": "time",
    "remark": "text",
    "customer": "group",
}


def mixed_table(rows: int, seed: int) -> pd.DataFrame:
    """Rows of every role; `signal` is what targets are made of."""
    random = np.random.default_rng(seed)
    size, weight = random.normal(size=(2, rows))
    colour = random.integers(0, 4, rows)
    late = random.integers(0, 2, rows)
    day = np.datetime64("2023-01-01") + random.integers(0, 700, rows)
    return pd.DataFrame(
        {
            "id": [f"r{seed}-{index}" for index in range(rows)],
            "size": np.where(random.random(rows) < 0.1, np.nan, size),
            "weight": weight,
            "colour": np.array(["red", "green", "blue", ""])[colour],
            "shop's name": [f"shop {index}" for index in random.integers(0, 40, rows)],
            "sold": day.astype(str),
            "remark": np.where(late == 1, "came late and broken", "quick and neat, thanks"),
            "customer": [f"c{index}" for index in random.integers(0, rows // 4, rows)],
            "signal": size * (1 + (colour == 1)) + weight**2 + 1.5 * late + random.normal(size=rows) / 3,
        }
    )


def folded(
    competition: Competition, count: int = 4, executed: int | None = None, forward: bool = False
) -> Competition:
    """The competition with folds: 0 holds the validation rows, the others hold training rows in turn."""
    key = competition.view.id_column
    folds = dict.fromkeys(competition.tables["val"][key], 0)
    rows = competition.tables["train"][key]
    folds |= {row: 1 + number % (count - 1) for number, row in enumerate(rows)}
    changes = {"folds": count, "folds_executed": executed or count, "folds_forward": forward}
    seen = competition.view.model_copy(update=changes)
    return Competition(seen, competition.tables, competition.classes, folds)


def mixed(task: Task, metric: str, rows: int = 240) -> Competition:
    """A competition with a column of every role."""
    tables = {
        name: mixed_table(count, seed)
        for name, count, seed in (("train", rows, 0), ("val", 120, 1), ("test", 60, 2))
    }
    if task == "regression":
        tables = {name: table.rename(columns={"signal": "target"}) for name, table in tables.items()}
        return Competition(view(task, metric, ALL_ROLES, train=rows), tables)
    labels = ["low", "middle", "high"]
    for table in tables.values():
        table["target"] = pd.cut(table.pop("signal"), [-np.inf, 0.5, 2.5, np.inf], labels=labels).astype(str)
    probability = get_metric(metric).prediction_kind(task) == "probability"
    submission = ("id", *labels) if probability else ("id", "target")
    return Competition(
        view(task, metric, ALL_ROLES, submission=submission, classes=3, train=rows), tables, labels
    )


def real(name: str, metric: str) -> Competition:
    """A table that scikit-learn ships, split 50/30/20."""
    bunch = {"breast_cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}[name](
        as_frame=True
    )
    table = bunch.frame.sample(frac=1, random_state=0).reset_index(drop=True)
    features = dict.fromkeys(bunch.feature_names, "number")
    table.insert(0, "id", [f"row{index}" for index in range(len(table))])
    first, second = len(table) // 2, len(table) * 4 // 5
    parts = {"train": table[:first], "val": table[first:second], "test": table[second:]}
    if name == "diabetes":
        return Competition(view("regression", metric, features, train=first), parts)
    classes = [str(label) for label in range(len(bunch.target_names))]
    return Competition(
        view("classification", metric, features, classes=len(classes), train=first), parts, classes
    )


def idea(slots: dict[str, Value], cites: dict[str, tuple[str, ...]] | None = None) -> Idea:
    """An idea with these slots and defaults for the others."""
    blueprint = Blueprint(family="tabular", slots=FAMILY.fill(slots, "test"))
    return placeholder_idea("the blueprint", "Boosting on typed columns", blueprint, cites)


def render(competition: Competition, slots: dict[str, Value]) -> dict[str, str]:
    return Renderer(FAMILY, competition.view).render(idea(slots))


@dataclass(frozen=True)
class Run:
    """What a finished run printed and left behind."""

    workspace: Path
    exit_code: int
    output: str

    @property
    def printed(self) -> float:
        assert self.exit_code == 0, self.output
        lines = [line for line in self.output.splitlines() if line.startswith("Final Validation Metric: ")]
        assert len(lines) == 1, self.output
        return float(lines[0].split(": ")[1])

    @property
    def analysis(self) -> dict[str, object]:
        return json.loads((self.workspace / "working" / "analysis.json").read_text())

    def outputs(self, part: str) -> np.ndarray:
        with np.load(self.workspace / "working" / f"{part}_outputs.npz", allow_pickle=False) as arrays:
            return arrays["outputs"]


# What most repositories of the family import.
PRELOAD = (
    *("catboost", "lightgbm", "pandas", "sklearn.calibration", "sklearn.compose", "sklearn.ensemble"),
    *("sklearn.feature_selection", "sklearn.gaussian_process", "sklearn.linear_model", "sklearn.neighbors"),
    *("sklearn.svm", "xgboost"),
)
SAVING = {"--save", "--predict"}


def lay_out(competition: Competition, slots: dict[str, Value], workspace: Path) -> Path:
    """Renders the repository and writes its tables."""
    write_tree(render(competition, slots), workspace)
    competition.write(workspace)
    return workspace


def run_all(workspaces: list[Path], *arguments: str, environment: dict[str, str] | None = None) -> list[Run]:
    """Run `main.py` of each, one after the other; numerical warnings are errors."""
    saving = ("skops.io",) if SAVING & set(arguments) else ()
    run_repositories(workspaces, (*PRELOAD, *saving), arguments, SMALL_NODE | (environment or {}))
    return finished(workspaces)


def finished(workspaces: list[Path]) -> list[Run]:
    """Return the runs that have ended in these workspaces."""
    return [
        Run(workspace, int((workspace / "exit_code").read_text()), (workspace / "run.log").read_text())
        for workspace in workspaces
    ]


def run(
    competition: Competition,
    slots: dict[str, Value],
    workspace: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
) -> Run:
    """Renders, writes and runs one repository."""
    return run_all([lay_out(competition, slots, workspace)], *arguments, environment=environment)[0]
