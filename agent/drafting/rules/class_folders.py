"""Tables from folders that are named like the classes of their pictures (`mars init`)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.pictures.index import build_index

ID, PICTURE, LABEL = "id", "image", "label"
_TRAIN = re.compile(r"(^|[^a-z])(train|training)([^a-z]|$)", re.IGNORECASE)
_VALIDATION = re.compile(r"(^|[^a-z])(val|valid|validation|dev)([^a-z]|$)", re.IGNORECASE)
_TEST = re.compile(r"(^|[^a-z])(test|testing|predict|unlabell?ed)([^a-z]|$)", re.IGNORECASE)
_MIN_PICTURES = 2  # per class
_SEED = 42


@dataclass(frozen=True)
class ClassFolders:
    """Tables with the columns id, image (path below the folder) and, for labelled rows, label."""

    train: pd.DataFrame
    test: pd.DataFrame | None
    """The rows to predict; None if all pictures are labelled for training."""

    answers: pd.DataFrame | None
    """The labels of the rows to predict, if their folders are classes too."""

    note: str


def find_class_folders(folder: Path) -> ClassFolders | None:
    """Return tables of the pictures in class folders; None if the folder has no such folders.

    The layouts: `train/cat/1.jpg` with `test/2.jpg` or `test/cat/2.jpg`, or `cat/1.jpg`, also with more
    folders around them. Pictures of a folder `val` with the same classes are labelled rows.
    """
    names = _descend([picture.name for picture in build_index(folder).files])
    parts: dict[str, list[str]] = defaultdict(list)
    for name in names.relative:
        parts[name.partition("/")[0] if "/" in name else ""].append(name)
    train_parts = [part for part in parts if _TRAIN.search(part)]
    if not train_parts:
        classes = _classes(names.prefix, names.relative)
        return None if classes is None else _build(classes, None)
    labelled: dict[str, str] = {}
    for part in [*train_parts, *(part for part in parts if _VALIDATION.search(part))]:
        inner = _descend([f"{names.prefix}{name}" for name in parts[part]])
        labelled |= _classes(inner.prefix, inner.relative) or {}
    if not labelled:
        return None
    to_predict = [f"{names.prefix}{name}" for part in parts if _TEST.search(part) for name in parts[part]]
    inner = _descend(to_predict)
    found = _classes(inner.prefix, inner.relative) or {}
    known = bool(found) and set(found.values()) <= set(labelled.values())
    return _build(labelled, found if known else dict.fromkeys(to_predict, "") or None)


@dataclass(frozen=True)
class _Below:
    prefix: str  # "" or a folder with a slash
    relative: list[str]


def _descend(names: Iterable[str]) -> _Below:
    """Return the names below the innermost folder that holds all of them and is not the only one inside."""
    prefix, relative = "", list(names)
    while relative and all("/" in name for name in relative):
        first = relative[0].partition("/")[0]
        if any(name.partition("/")[0] != first for name in relative):
            break
        prefix += f"{first}/"
        relative = [name.partition("/")[2] for name in relative]
    return _Below(prefix, relative)


def _classes(prefix: str, relative: list[str]) -> dict[str, str] | None:
    """Return the class of each picture by its path; None unless all are in two or more class folders."""
    if not relative or not all("/" in name for name in relative):
        return None
    labels = {f"{prefix}{name}": name.partition("/")[0] for name in relative}
    counts = pd.Series(list(labels.values())).value_counts()
    return labels if len(counts) > 1 and counts.max() >= _MIN_PICTURES else None


def _build(labelled: Mapping[str, str], to_predict: Mapping[str, str] | None) -> ClassFolders:
    """Return the tables. Rows are in random order, so that ids say nothing of the class."""
    rng = np.random.default_rng(_SEED)
    paths = sorted(labelled)
    train = pd.DataFrame({PICTURE: paths, LABEL: [labelled[path] for path in paths]}, dtype=str)
    train = train.iloc[rng.permutation(len(train))].reset_index(drop=True)
    train.insert(0, ID, np.arange(1, len(train) + 1).astype(str))
    count = train[LABEL].nunique()
    note = f"The labels of {len(train)} pictures are the names of their {count} folders."
    if to_predict is None:
        return ClassFolders(train, None, None, note)
    paths = [sorted(to_predict)[row] for row in rng.permutation(len(to_predict))]
    test = pd.DataFrame({PICTURE: paths}, dtype=str)
    test.insert(0, ID, np.arange(len(train) + 1, len(train) + len(test) + 1).astype(str))
    answers = None
    if all(to_predict.values()):
        answers = test[[ID]].assign(**{LABEL: [to_predict[path] for path in paths]})
        note += " The rows to predict lie in class folders too: their labels are not used for training."
    return ClassFolders(train, test, answers, note)
