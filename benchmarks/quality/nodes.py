"""What the nodes of a MARS run are worth on the private rows, and ensembles of them by size."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from outputs import as_predictions, error_on
from problem import ID, Problem
from product import predictions_of
from scores import error_of, score_of

SIZES = (1, 2, 4, 8, 16, 25)
LEAST_SHARED = 0.5  # Nodes that cover fewer of the validation rows than this share do not enter ensembles.


@dataclass(frozen=True)
class Private:
    """The private rows: ids and truth in the order of the answers, and the ids that candidates saw.

    Attributes:
        original: The user's id of each opaque id (`ids.csv` of the prepared data).
    """

    ids: pd.Series
    truth: pd.Series
    original: Mapping[str, str]


def original_ids(home: Path) -> Mapping[str, str]:
    """Return the user's id of each opaque id in the prepared data below a home."""
    tables = [
        pd.read_csv(path, dtype=str) for path in (home / "workspaces" / "_prepared").rglob("private/ids.csv")
    ]
    return {
        opaque: original
        for table in tables
        for opaque, original in zip(table["opaque"], table["original"], strict=True)
    }


def private_nodes(run: Path, problem: Problem, private: Private) -> list[dict[str, object]]:
    """Return number, operator, parents, status, validation score and private error of each node of a run."""
    path = run / "tracker.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    found = []
    for line in lines:
        if line["event"] != "node_finished":
            continue
        kept = {
            key: line.get(key)
            for key in ("node", "operator", "parents", "status", "score", "seconds", "title")
        }
        found.append({**kept, "private_error": _private_error(run, int(line["node"]), problem, private)})
    return found


def _private_error(run: Path, node: int, problem: Problem, private: Private) -> float | None:
    path = run / "nodes" / f"{node:03d}" / "submission" / "submission.csv"
    try:
        predictions = predictions_of(path, problem)
        ids = predictions[ID].astype(str).map(private.original).astype(int)
        predictions = predictions.assign(**{ID: ids}).set_index(ID).loc[private.ids].reset_index()
        return error_of(score_of(predictions, private.truth, problem), problem)
    except (OSError, KeyError, ValueError):
        return None


def ensembles_by_size(
    run: Path, nodes: Sequence[Mapping[str, object]], train: pd.DataFrame, problem: Problem, private: Private
) -> dict[str, float]:
    """Return the private error of greedy ensembles of all valid nodes, by the number of members chosen.

    Members are chosen with replacement by the metric over the validation rows that all nodes cover.
    """
    tables = [
        _outputs(run, int(str(node["node"])), private.original) for node in nodes if node["status"] == "valid"
    ]
    complete = [pair for pair in tables if pair is not None]
    if not complete:
        return {}
    most = max(len(validation) for validation, _ in complete)
    complete = [(validation, test) for validation, test in complete if len(validation) >= LEAST_SHARED * most]
    shared = sorted(set.intersection(*[set(validation.index) for validation, _ in complete]))
    labels = train.set_index(ID)[problem.target].loc[shared]
    places = {name: place for place, name in enumerate(problem.classes)}
    target = labels.astype(str).map(places).to_numpy() if places else labels.to_numpy(float)
    held_out = [_as_array(validation.loc[shared], problem) for validation, _ in complete]
    tests = [_as_array(test.loc[private.ids], problem) for _, test in complete]
    found: dict[str, float] = {}
    total_held_out, total_test = np.zeros_like(held_out[0]), np.zeros_like(tests[0])
    for step in range(1, max(SIZES) + 1):
        errors = [error_on((total_held_out + more) / step, target, problem) for more in held_out]
        best = int(np.argmin(errors))
        total_held_out, total_test = total_held_out + held_out[best], total_test + tests[best]
        if step in SIZES:
            predictions = as_predictions(total_test / step, private.ids, problem)
            found[str(step)] = error_of(score_of(predictions, private.truth, problem), problem)
    return found


def _outputs(run: Path, node: int, original: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return a node's outputs for validation rows and for rows to predict, by id."""
    tables = []
    for name in ("val_outputs.npz", "test_outputs.npz"):
        try:
            with np.load(run / "nodes" / f"{node:03d}" / "working" / name, allow_pickle=False) as arrays:
                outputs = np.asarray(arrays["outputs"], float)
                tables.append(pd.DataFrame(outputs.reshape(len(outputs), -1), index=arrays["ids"]))
        except (OSError, KeyError, ValueError, BadZipFile):
            return None
    for table in tables:
        table.index = table.index.astype(str).map(original).astype(int)
    return tables[0], tables[1]


def _as_array(table: pd.DataFrame, problem: Problem) -> np.ndarray:
    values = table.to_numpy()
    return values if problem.classes else values[:, 0]
