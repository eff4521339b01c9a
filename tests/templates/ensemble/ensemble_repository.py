"""Made-up members of an ensemble, and the ensemble rendered and run as the harness does."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from agent.competition.metrics import get_metric
from agent.competition.spec import InputColumn, Task
from agent.core.paths import templates_dir
from agent.repository.idea import placeholder_idea
from agent.repository.rendering import TaskView, template_environment, template_names, write_tree
from tests.support.repository_runs import run_repositories

IDEA = placeholder_idea("its code", "Blend of nodes 003, 007", None)
ENVIRONMENT = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "MARS_SEED": "3"}

# A member that runs: it looks at its input and leaves what the environment and the call said.
MEMBER_SCRIPT = """
import json, os, sys
import numpy as np
import pandas as pd
os.makedirs("working", exist_ok=True)
assert os.path.isdir("input")
for part in ("val", "test"):
    ids = pd.read_csv(f"metadata/{part}.csv", dtype=str)["id"].tolist()
    outputs = np.random.default_rng(len(ids)).dirichlet(np.ones(3), len(ids)).astype(np.float32)
    np.savez(f"working/{part}_outputs.npz", ids=np.array(ids), outputs=outputs)
call = {"arguments": sys.argv[1:], "limit": os.environ["MARS_TIME_LIMIT_S"]}
open("working/call.json", "w").write(json.dumps(call))
print("Final Validation Metric: 0.123")
"""


@dataclass(frozen=True)
class Problem:
    """Truth and outputs of members for validation and test rows."""

    task: Task
    metric: str
    truth: dict[str, np.ndarray]  # val, test: (N,) indices, (N, C) bool or (N, T) values
    members: dict[str, dict[str, np.ndarray]]  # by node and part: (N, K)
    submission: tuple[str, ...] = ("id", "target")
    targets: tuple[str, ...] = ("target",)
    folds: int = 0  # of the labelled rows; 0: hold-out
    predict_ms: float | None = None  # most milliseconds per row
    member_ms: tuple[float, ...] = ()

    @property
    def classes(self) -> list[str]:
        width = next(iter(self.members.values()))["val"].shape[1]
        return [] if self.task == "regression" else [f"class{index}" for index in range(width)]

    @property
    def view(self) -> TaskView:
        metric = get_metric(self.metric)
        return TaskView(
            id="made-up",
            title="Made up",
            task=self.task,
            metric=self.metric,
            metric_definition=metric.definition,
            higher_is_better=metric.higher_is_better,
            prediction=metric.prediction_kind(self.task),
            id_column="id",
            target_columns=self.targets,
            submission_columns=self.submission,
            file_column="file_path",
            inputs=(InputColumn(name="number", role="number"),),
            n_classes=len(self.classes) or None,
            data_kind="full",
            n_train=10,
            folds=self.folds,
            folds_executed=self.folds,
        )

    def cells(self, part: str) -> pd.DataFrame:
        """The table of a part, targets as they stand in files."""
        truth = self.truth[part]
        table = pd.DataFrame({"id": [f"{part}{row}" for row in range(len(truth))]})
        if self.task == "regression":
            table[list(self.targets)] = truth
        elif self.task == "multilabel":
            table["target"] = [" ".join(np.array(self.classes)[row]) for row in truth]
        else:
            table["target"] = np.array(self.classes)[truth]
        return table

    def score(self, part: str, file: Path) -> float:
        """The harness's metric of a submission."""
        metric, truth = get_metric(self.metric), self.truth[part]
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        assert tuple(table.columns) == self.view.submission_columns
        rows = table.set_index("id").loc[self.cells(part)["id"]]
        kind = self.view.prediction
        if kind == "label":
            return metric.score(truth, rows["target"].map(self.classes.index).to_numpy())
        if kind == "label_set":
            sets = [cell.split() for cell in rows["target"]]
            predicted = np.array([[label in labels for label in self.classes] for labels in sets])
            return metric.score(csr_array(truth), csr_array(predicted))
        values = rows.to_numpy(dtype=float)
        if kind == "probability" and values.shape[1] == 1:
            values = np.hstack([1 - values, values])
        return metric.score(truth, values)


def render(problem: Problem) -> dict[str, str]:
    """The repository without its members."""
    folder = templates_dir() / "ensemble"
    environment = template_environment(folder)
    times = problem.member_ms or [None] * len(problem.members)
    members = [
        SimpleNamespace(node=node, title=f"Member {node}", predict_ms=ms)
        for node, ms in zip(problem.members, times, strict=True)
    ]
    context = {
        "competition": problem.view,
        "members": members,
        "idea": IDEA,
        "predict_ms": problem.predict_ms,
    }
    return {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }


def lay_out(problem: Problem, workspace: Path) -> Path:
    """Writes the repository, metadata and the members' recorded outputs, each in an order of its own."""
    write_tree(render(problem), workspace)
    (workspace / "input").mkdir()
    (workspace / "metadata").mkdir()
    for part in ("train", "val", "test"):
        cells = problem.cells("val" if part == "train" else part)
        if part == "test":
            cells = cells[["id"]]
        elif problem.folds:  # the labelled rows: the first fold stands in val.csv, the others in train.csv
            first = len(cells) // problem.folds
            cells = cells[first:] if part == "train" else cells[:first]
        cells.to_csv(workspace / "metadata" / f"{part}.csv", index=False)
    if problem.folds:
        rows = len(problem.cells("val"))
        table = {"id": problem.cells("val")["id"], "fold": np.arange(rows) * problem.folds // rows}
        pd.DataFrame(table).to_csv(workspace / "metadata" / "folds.csv", index=False)
    if problem.classes:
        pd.DataFrame({"label": problem.classes}).to_csv(workspace / "metadata" / "classes.csv", index=False)
    random = np.random.default_rng(9)
    for node, outputs in problem.members.items():
        folder = workspace / "members" / node / "working"
        folder.mkdir(parents=True)
        for part, values in outputs.items():
            order = random.permutation(len(values))
            ids = problem.cells(part)["id"].to_numpy(dtype=str)[order]
            np.savez(folder / f"{part}_outputs.npz", ids=ids, outputs=values[order].astype(np.float16))
    return workspace


@dataclass(frozen=True)
class Result:
    """What a run left behind."""

    workspace: Path
    output: str

    @property
    def printed(self) -> float:
        lines = [line for line in self.output.splitlines() if line.startswith("Final Validation Metric: ")]
        assert len(lines) == 1, self.output
        return float(lines[0].split(": ")[1])

    @property
    def analysis(self) -> dict[str, dict[str, float]]:
        return json.loads((self.workspace / "working" / "analysis.json").read_text())


PRELOAD = ("pandas", "scipy.sparse", "sklearn.metrics")  # what every ensemble imports


def run_all(workspaces: list[Path], *arguments: str, limit_s: float | None = None) -> list[Result]:
    """Runs each ensemble, one after the other; numerical warnings are errors."""
    limit = {} if limit_s is None else {"MARS_TIME_LIMIT_S": str(limit_s)}
    run_repositories(workspaces, PRELOAD, arguments, ENVIRONMENT | limit)
    return [Result(workspace, (workspace / "run.log").read_text()) for workspace in workspaces]


def run(workspace: Path, *arguments: str, limit_s: float | None = None) -> Result:
    """Runs one ensemble."""
    return run_all([workspace], *arguments, limit_s=limit_s)[0]
