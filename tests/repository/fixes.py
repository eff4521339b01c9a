"""A small repository and its fixes, with the findings of the static checks."""

import ast

from agent.repository.checks import CONTRACT_FILES
from agent.repository.hidden_errors import hidden_errors

MAIN = """\
import sys
from pathlib import Path

import numpy as np

from library.train import fit


def read(part):
    return (Path("metadata") / f"{part}.csv").read_text().splitlines()


def write(rows, labels, file):
    Path(file).write_text("".join(f"{row},{label}" for row, label in zip(rows, labels)))


def score(rows):
    right = 0
    for row in read("val"):
        right += row in rows
    return right / len(rows)


def predict(model, rows):
    outputs = model.predict(rows)
    return outputs.argmax(axis=1)


def main():
    model = fit(read("train"))
    val_rows = read("val")
    val_labels = predict(model, val_rows)
    write(val_rows, val_labels, "working/val_submission.csv")
    write(read("test"), predict(model, read("test")), "submission/submission.csv")
    print(f"Final Validation Metric: {score(val_labels)!r}")


if __name__ == "__main__":
    main()
"""
TRAIN = """\
import warnings

import numpy as np


def fit(rows):
    try:
        weights = np.load("weights.npy")
    except OSError:
        weights = None
    return Model(weights, rows)
"""
FILES = dict.fromkeys(CONTRACT_FILES, "") | {"main.py": MAIN, "library/train.py": TRAIN}


def changed(old: str, new: str, file: str = "main.py") -> dict[str, str]:
    assert FILES[file].count(old) == 1, "the test's own edit"
    text = FILES[file].replace(old, new)
    ast.parse(text)
    return FILES | {file: text}


def alarm(after: dict[str, str], before: dict[str, str] = FILES) -> str:
    (sentence,) = hidden_errors(before, after)
    return sentence
