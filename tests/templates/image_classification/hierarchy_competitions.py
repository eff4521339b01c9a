"""Prepared competitions of pictures with superclasses, subclasses and classes that nobody has seen."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from agent.competition.prepared import Prepared
from tests.competition.raw_folders import prepare_folder, write_spec

SHAPES = ("disc", "square", "cross")
COLOURS = {
    "blue": (255, 40, 40),
    "green": (40, 220, 40),
    "red": (40, 40, 255),
    "white": (240, 240, 240),
}
CLASSES = tuple((shape, f"{colour} {shape}") for shape in SHAPES for colour in COLOURS)
TARGETS: tuple[dict[str, object], ...] = (
    {
        "name": "shape",
        "type": "category",
        "metric": "seen_unseen_accuracy",
        "metric_parameters": {"novel": 3},
        "novel": "new",
        "parent_of": "kind",
    },
    {
        "name": "kind",
        "type": "category",
        "metric": "seen_unseen_accuracy",
        "metric_parameters": {"novel": 12},
        "novel": "new",
    },
)
PLAIN = tuple({"name": one["name"], "type": "category", "metric": "accuracy"} for one in TARGETS)
BINARY: tuple[dict[str, object], ...] = (
    PLAIN[0],
    {"name": "red", "type": "binary", "metric": "roc_auc", "positive_class": "yes"},
)
SIDE = 32


def draw(shape: str, colour: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """A noisy dark picture (SIDE, SIDE, 3) of one shape."""
    picture = rng.integers(0, 50, (SIDE, SIDE, 3), dtype=np.uint8)
    x, y = (int(value) for value in rng.integers(12, SIDE - 12, 2))
    if shape == "disc":
        cv2.circle(picture, (x, y), 9, colour, -1)
    elif shape == "square":
        cv2.rectangle(picture, (x - 8, y - 8), (x + 8, y + 8), colour, -1)
    else:
        cv2.line(picture, (x - 9, y), (x + 9, y), colour, 4)
        cv2.line(picture, (x, y - 9), (x, y + 9), colour, 4)
    return picture


def hierarchy_of_pictures(
    folder: Path, labelled: int = 240, targets: Sequence[dict[str, object]] = TARGETS, **fields: object
) -> Prepared:
    """Draws and prepares the pictures; every fourth row to predict is a yellow one, which is new."""
    rng = np.random.default_rng(0)
    raw = folder / "raw"
    for part, count in (("train", labelled), ("test", 24)):
        (raw / part).mkdir(parents=True)
        rows = []
        for number in range(count):
            shape, kind = CLASSES[number % len(CLASSES)]
            colour = COLOURS[kind.split()[0]]
            if part == "test" and number % 4 == 0:
                colour, kind = (0, 220, 220), "new"
            cv2.imwrite(str(raw / part / f"{part}{number}.png"), draw(shape, colour, rng))
            rows.append((f"{part}{number}", shape, kind, "yes" if kind.startswith("red") else "no"))
        table = pd.DataFrame(rows, columns=["id", "shape", "kind", "red"])
        if part == "train":
            table.to_csv(raw / "train.csv", index=False)
        else:
            first = {"shape": "disc", "kind": "red disc", "red": 0.5}
            names = [str(target["name"]) for target in targets]
            sample = table[["id"]].assign(**{name: first[name] for name in names})
            sample.to_csv(raw / "sample_submission.csv", index=False)
    settings: dict[str, object] = {
        "task": "several",
        "metric": "mean_of",
        "test": None,
        "targets": list(targets),
        "inputs": [{"name": "picture", "role": "image", "path": "{split}/{id}.png"}],
    }
    return prepare_folder(write_spec(raw, **settings | fields), raw)
