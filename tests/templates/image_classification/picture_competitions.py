"""Tiny competitions on pictures, as preparation would leave them: metadata tables and PNG files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from agent.competition.metrics import get_metric
from agent.competition.spec import InputColumn, Task
from agent.repository.rendering import TaskView

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255, 255, 255)}  # BGR
CLASSES = (*COLOURS, "round", "rare")
PICTURE = 24


@dataclass(frozen=True)
class TinyCompetition:
    """A data folder (`input/`, `metadata/`), what a template knows of it, and its validation rows' labels."""

    folder: Path
    task: TaskView
    val_labels: dict[str, str]


def task_view(task: Task, metric: str, n_train: int = 1000, columns: Sequence[str] = ("label",)) -> TaskView:
    """A competition as a template sees it."""
    definition = get_metric(metric)
    return TaskView(
        id="shapes",
        title='Coloured shapes: "one" or several',
        task=task,
        metric=metric,
        metric_definition=definition.definition,
        higher_is_better=definition.higher_is_better,
        prediction=definition.prediction_kind(task),
        id_column="id",
        target_columns=("label",),
        submission_columns=("id", *columns),
        file_column="file_path",
        inputs=(InputColumn(name="picture", role="image", path="{id}.png"),),
        n_classes=len(CLASSES) if task == "multilabel" else len(COLOURS),
        data_kind="full",
        n_train=n_train,
    )


def draw(labels: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """A noisy dark picture (S, S, 3) with a shape of each colour; shapes are round if a label says so."""
    picture = rng.integers(0, 60, (PICTURE, PICTURE, 3), dtype=np.uint8)
    for label in labels:
        if label in COLOURS:
            x, y = (int(value) for value in rng.integers(6, PICTURE - 6, 2))
            if "round" in labels:
                cv2.circle(picture, (x, y), 5, COLOURS[label], -1)
            else:
                cv2.rectangle(picture, (x - 4, y - 4), (x + 4, y + 4), COLOURS[label], -1)
    return picture


def choose_labels(task: Task, rng: np.random.Generator) -> list[str]:
    if task == "classification":
        return [str(rng.choice(list(COLOURS)))]
    labels = [label for label in CLASSES if rng.random() < 0.35 and label != "rare"]
    return [*labels, "rare"] if rng.random() < 0.05 else labels


def make_competition(
    folder: Path,
    task: Task = "classification",
    metric: str = "accuracy",
    rows: tuple[int, int, int] = (96, 48, 32),
    seed: int = 0,
) -> TinyCompetition:
    """Writes pictures and tables of (train, validation, test) rows; ids look like numbers."""
    rng = np.random.default_rng(seed)
    (folder / "input" / "media").mkdir(parents=True)
    (folder / "metadata").mkdir()
    classes = CLASSES if task == "multilabel" else tuple(COLOURS)
    columns = tuple(classes) if get_metric(metric).prediction_kind(task) == "probability" else ("label",)
    val_labels: dict[str, str] = {}
    for part, count in zip(("train", "val", "test"), rows, strict=True):
        table = []
        for number in range(count):
            labels = choose_labels(task, rng)
            name = f"media/{part}{number:03}.png"
            cv2.imwrite(str(folder / "input" / name), draw(labels, rng))
            table.append((f"0{len(part)}{number:03}", name, " ".join(labels)))
        frame = pd.DataFrame(table, columns=["id", "file_path", "label"])
        if part == "val":
            val_labels = dict(zip(frame["id"], frame["label"], strict=True))
        if part == "test":
            sample = frame[["id"]].iloc[::-1].assign(**dict.fromkeys(columns, ""))
            sample.to_csv(folder / "metadata" / "sample_submission.csv", index=False)
            frame = frame.drop(columns="label")
        frame.to_csv(folder / "metadata" / f"{part}.csv", index=False)
    pd.DataFrame({"label": classes}).to_csv(folder / "metadata" / "classes.csv", index=False)
    return TinyCompetition(folder, task_view(task, metric, rows[0], columns), val_labels)
