"""Time the harness's own work on large data: splits, submissions, resamples, analysis, preparation.

    python benchmarks/performance/harness_speed.py [--only NAME ...] [--repeats 3]

Each row is the best of the repeats, in seconds. Where a plain way to the same result exists, the row also
gives its seconds and the ratio. The exit code is 1 if a result differs from that of the plain way.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy import sparse

from agent.competition.metrics import get_metric, paired_effect
from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.preparation.prepare import prepare
from agent.competition.preparation.splits import LabelledRows, split_rows
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import SubmissionFormat, read_predictions
from agent.competition.target import Target
from agent.core.paths import Home

CLASSES = 3474  # of iMet, at whose size most rows are timed
RESAMPLES = 400


@dataclass(frozen=True)
class Case:
    """Work to time, and a plain way to the same result, if there is one."""

    work: Callable[[], Any]
    plain: Callable[[], Any] | None = None
    same: Callable[[Any, Any], bool] = lambda ours, theirs: bool(ours == theirs)


def label_sets(rows: int, seed: int) -> sparse.csr_array:
    """Return (rows, CLASSES) bool with up to 9 labels a row, whose frequency falls with 1 / rank."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, CLASSES + 1)
    lengths = rng.integers(0, 10, rows)
    columns = rng.choice(CLASSES, lengths.sum(), p=frequency / frequency.sum())
    cells = (np.ones(len(columns), dtype=np.int32), (np.repeat(np.arange(rows), lengths), columns))
    matrix = sparse.csr_array(sparse.coo_array(cells, (rows, CLASSES)))
    return matrix.astype(bool)


def specification(task: str, metric: str) -> CompetitionSpec:
    fields = {"id": "speed", "title": "Speed", "task": task, "metric": metric, "targets": ["target"]}
    return CompetitionSpec.model_validate({**fields, "inputs": [{"name": "x", "role": "number"}]})


def split() -> Case:
    """Split 120,000 rows with 3,474 labels."""
    labels = label_sets(120_000, 0).astype(np.int32)
    target = Target(classes=tuple(map(str, range(CLASSES))), labels=labels)
    return Case(lambda: split_rows(LabelledRows(target)))


def submission() -> Case:
    """Read 28,000 rows of 5 of 3,474 labels; plainly: csv and a set of numbers for each row."""
    rng = np.random.default_rng(0)
    ids = [f"{number:08x}" for number in rng.permutation(28_000)]
    cells = [" ".join(map(str, row)) for row in rng.integers(0, CLASSES, (28_000, 5))]
    file = Path(tempfile.mkdtemp()) / "submission.csv"
    file.write_text("id,target\n" + "".join(f"{key},{cell}\n" for key, cell in zip(ids, cells, strict=True)))
    classes = tuple(map(str, range(CLASSES)))
    form = SubmissionFormat.build(specification("multilabel", "micro_f1"), classes, ("id", "target"))

    def plain() -> list[set[int]]:
        with file.open(newline="") as stream:
            rows = {
                row["id"]: {int(name) for name in row["target"].split()} for row in csv.DictReader(stream)
            }
        return [rows[key] for key in sorted(ids)]

    def same(ours: sparse.csr_array, theirs: list[set[int]]) -> bool:
        return [set(part) for part in np.split(ours.indices, ours.indptr[1:-1])] == theirs

    return Case(lambda: read_predictions(file, form, sorted(ids)), plain, same)


def resamples(name: str, truth: Any, before: Any, after: Any) -> Case:
    """Compare two predictions over 400 resamples; plainly: the metric of each resample's rows in turn."""
    metric = get_metric(name)

    def plain() -> float:
        rng, rows, differences = np.random.default_rng(0), truth.shape[0], []
        for _ in range(RESAMPLES):
            drawn = rng.integers(0, rows, rows)
            scores = [metric.score(truth[drawn], found[drawn]) for found in (before, after)]
            differences.append(scores[1] - scores[0])
        return float(np.std(differences, ddof=1))

    def same(ours: Any, theirs: float) -> bool:
        return bool(0.75 < ours.standard_error * ours.scale / theirs < 1.33)

    return Case(lambda: paired_effect(metric, truth, before, after), plain, same)


def resamples_of_labels() -> Case:
    rng = np.random.default_rng(24)
    truth, other = rng.integers(0, 5, 2000), rng.integers(0, 5, (2, 2000))
    before, after = (
        np.where(rng.random(2000) < noise, other[i], truth) for i, noise in enumerate((0.3, 0.2))
    )
    return resamples("accuracy", truth, before, after)


def resamples_of_ranks() -> Case:
    """Compare the ROC AUC of five classes on 10,000 rows."""
    rng = np.random.default_rng(28)
    truth = rng.integers(0, 5, 10_000)
    scores = [np.exp(rng.normal(size=(10_000, 5)) + skill * np.eye(5)[truth]) for skill in (1.0, 1.1)]
    before, after = (each / each.sum(axis=1, keepdims=True) for each in scores)
    return resamples("roc_auc", truth, before, after)


def resamples_of_label_sets() -> Case:
    return resamples("micro_f1", *(label_sets(21_000, seed) for seed in (1, 2, 3)))


def pictures() -> Case:
    """Describe 2,000 pictures of 128 pixels from a sample; plainly: decode all of them."""
    folder = Path(tempfile.mkdtemp())
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "a.png"), picture)
    rows = pd.DataFrame({"file_path": ["a.png"] * 2_000, "target": ["a", "b"] * 1_000})
    spec = specification("classification", "accuracy")

    def plain() -> float:
        return float(np.mean([cv2.imread(str(folder / name)).mean() / 255 for name in rows["file_path"]]))

    def same(ours: Any, theirs: float) -> bool:
        return bool(abs(ours["images"]["pixel_mean"] - theirs) < 1e-6)

    return Case(lambda: summarize_training_rows(rows, spec, folder), plain, same)


def run_plainly(script: Path, arguments: list[str], readable: list[Path], writable: Path) -> None:
    subprocess.run([sys.executable, script, *arguments], check=True)


def preparation(name: str) -> Case:
    """Prepare a bundled competition from its files; the data is made or found before."""
    home = Home(Path(tempfile.mkdtemp()))
    competition = find_competition(name)
    kind = "sample" if competition.spec.sample_script else "full"
    data = locate_data(competition, home, kind, run_plainly)
    homes: Iterator[Home] = iter(lambda: Home(Path(tempfile.mkdtemp())), None)
    return Case(lambda: prepare(competition.spec, data, next(homes)))


CASES: dict[str, Callable[[], Case]] = {
    "split": split,
    "submission": submission,
    "resamples-labels": resamples_of_labels,
    "resamples-label-sets": resamples_of_label_sets,
    "resamples-ranks": resamples_of_ranks,
    "pictures": pictures,
    "prepare-digits": lambda: preparation("digits"),
    "prepare-signals": lambda: preparation("signals"),
}


def best_of(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the least seconds, and the last result."""
    seconds, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def measure(name: str, repeats: int) -> dict[str, Any]:
    """Return the figures of one case."""
    case = CASES[name]()
    ours_s, ours = best_of(case.work, repeats)
    row: dict[str, Any] = {"name": name, "seconds": round(ours_s, 4)}
    if case.plain is not None:
        plain_s, theirs = best_of(case.plain, 1)
        row |= {"plain_seconds": round(plain_s, 4), "plain_over_ours": round(plain_s / ours_s, 2)}
        row["same"] = case.same(ours, theirs)
    return row


def main() -> int:
    """Print one JSON object per case; return 1 if a result differs from that of the plain way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    same = True
    for name in arguments.only:
        row = measure(name, arguments.repeats)
        same &= row.get("same", True)
        print(json.dumps(row), flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
