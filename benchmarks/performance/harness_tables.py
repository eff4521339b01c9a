"""Time the harness per node on tables with folds, by number of rows, number of folds and metric.

    python benchmarks/performance/harness_tables.py [--rows 3000 10000 20000] [--folds 5 8]
        [--metrics log_loss rmse roc_auc macro_f1 qwk] [--nodes 20]

The candidates of `rows_family` predict five classes, or one value, from given features, for all rows of all
folds, and write what a node of a table writes.

- Harness: from the end of the previous node to the node's own end, minus the candidate's own time.
- CPU: time of the harness's process over the same span. It hardly depends on other work of the machine.
- Scores: CPU time of the score, its standard error and the comparison with a parent.
- Last half: the median of the last half of the nodes against that of the first half.
"""

import argparse
import io
import os
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from harness_time import TOY, harness_ms, use_one_blas_thread
from rich.console import Console

from agent.competition.hold_out import load_common_rows
from agent.competition.metrics import paired_effect, standard_error
from agent.core.contract import VALIDATION_FILE
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.record.events import Event, NodeFinished
from agent.record.opened_run import Run
from agent.record.state import RunState
from agent.report.live_screen import LiveScreen

FAMILY = Path(__file__).with_name("rows_family")
CLASSES = 5
TEST_ROWS = 1_000
GOAL_MS = 25.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[3_000, 10_000, 20_000])
    parser.add_argument("--folds", type=int, nargs="+", default=[5, 8])
    metrics = ["log_loss", "rmse", "roc_auc", "macro_f1", "qwk"]
    parser.add_argument("--metrics", nargs="+", default=metrics)
    parser.add_argument("--nodes", type=int, default=20)
    arguments = parser.parse_args()
    use_one_blas_thread()
    print("| metric | rows | folds | harness, median | CPU, median | scores, median | last half |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    medians = []
    for metric in arguments.metrics:
        for rows in arguments.rows:
            for folds in arguments.folds:
                times = measure(metric, rows, folds, arguments.nodes)
                medians.append(statistics.median(times.harness))
                print(f"| {metric} | {rows:,} | {folds} | {times}", flush=True)
    met = sum(median < GOAL_MS for median in medians)
    middle = statistics.median(medians)
    print(f"\nmedian of the medians {middle:.1f} ms; {met} of {len(medians)} under {GOAL_MS:g} ms")


@dataclass
class Times:
    """Milliseconds per node of one run."""

    harness: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        half = len(self.harness) // 2
        ratio = statistics.median(self.harness[half:]) / statistics.median(self.harness[:half])
        medians = [f"{statistics.median(times):.1f} ms" for times in (self.harness, self.cpu, self.scores)]
        return f"{' | '.join(medians)} | {ratio:.2f} times |"


class Clock(LiveScreen):
    """The live screen, which notes the CPU time of the process at the end of each node."""

    ends: ClassVar[list[float]] = []

    def on_event(self, event: Event, state: RunState) -> None:
        super().on_event(event, state)
        if isinstance(event, NodeFinished):
            self.ends.append(1000 * time.process_time())


def measure(metric: str, rows: int, folds: int, nodes: int) -> Times:
    """Return the times of a run. The first nodes, which fill the caches, are left out."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        home = make_home(root)
        os.environ["MARS_HOME"] = str(root)
        competition = make_competition(root / "table", metric, rows, folds)
        request = RunRequest(
            competition=str(competition), minutes=30, node_minutes=1, max_nodes=nodes, refit=False, workers=1
        )
        console = Console(file=io.StringIO(), force_terminal=True, width=140, height=40)
        Clock.ends.clear()
        summary = start(request, home, lambda metric: Clock(console, metric))
        cpu = np.diff(Clock.ends)[1 : nodes - 1].tolist()
        return Times(harness_ms(summary.run)[2:], cpu, time_scores(summary.run))


def time_scores(run: Run) -> list[float]:
    """Return the milliseconds of score, standard error and comparison of each node with the one before it."""
    times = []
    files = [run.nodes / node.name / VALIDATION_FILE for node in run.state.valid]
    for before, after in pairwise(files):
        # The parent's predictions are in memory in a run; copies of the arrays keep scores from being found.
        truth, old, new = load_common_rows(run.prepared, "val", before, after)
        began = time.thread_time()
        run.metric.score(truth, new)
        standard_error(run.metric, truth, new.copy())
        paired_effect(run.metric, truth, old.copy(), new.copy())
        times.append(1000 * (time.thread_time() - began))
    return times


def make_home(root: Path) -> Home:
    """Return a home with `rows_family`, whose other files are those of the toy family."""
    target = root / "templates" / "rows"
    shutil.copytree(TOY / "families" / "toy", target)
    for file in FAMILY.iterdir():
        shutil.copyfile(file, target / file.name)
    names = ("depth", "width", "breadth")
    lines = [f'{name.upper()} = {{{{ slots.{name} }}}}{{{{ cite("{name}") }}}}' for name in names]
    (target / "library" / "config.py.j2").write_text('"""The slots."""\n\n' + "\n".join(lines) + "\n")
    return Home(root)


def make_competition(folder: Path, metric: str, rows: int, folds: int) -> Path:
    """Write a competition: the label is the largest of five noisy features, the value the first."""
    rng = np.random.default_rng(0)
    count = rows + TEST_ROWS
    features = rng.normal(size=(count, CLASSES))
    noisy = features + rng.normal(size=features.shape)
    is_value = metric == "rmse"
    target = noisy[:, 0] if is_value else noisy.argmax(axis=1)
    names = [f"x{index}" for index in range(CLASSES)]
    table = pd.DataFrame(features, columns=names)
    table.insert(0, "id", [f"r{index}" for index in range(count)])
    folder.mkdir()
    labelled = table[:rows].assign(fold=rng.permutation(np.arange(rows) % folds), target=target[:rows])
    labelled.to_csv(folder / "train.csv", index=False)
    table[rows:].to_csv(folder / "test.csv", index=False)
    sample = pd.DataFrame({"id": table["id"][rows:]})
    if metric in ("log_loss", "roc_auc"):
        sample[[str(label) for label in range(CLASSES)]] = 0.2
    else:
        sample["target"] = 0
    sample.to_csv(folder / "sample_submission.csv", index=False)
    inputs = "\n".join(f"  - {{name: {name}, role: embedding}}" for name in names)
    task = "regression" if is_value else "classification"
    (folder / "competition.yaml").write_text(
        f"id: table\ntitle: A table\ntask: {task}\nmetric: {metric}\nid_column: id\ntargets: target\n"
        f"fold_column: fold\ninputs:\n{inputs}\n"
    )
    return folder


if __name__ == "__main__":
    main()
