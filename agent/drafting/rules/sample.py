"""A sample submission for a folder that has none (`mars init`)."""

import pandas as pd

from agent.competition.labels import sort_labels, split_labels
from agent.competition.metrics import metric_of
from agent.competition.spec import CompetitionSpec
from agent.competition.target_views import bounds_of, target_views
from agent.drafting.rules.tables import FoundTables

GENERATED_SAMPLE = "sample_submission.csv"


def generate_sample(tables: FoundTables, spec: CompetitionSpec) -> pd.DataFrame:
    """Return a sample submission with a default answer: 0, equal probabilities or the most frequent class."""
    assert tables.test is not None  # a folder without rows to predict gets a hold-out
    ids = [spec.id_column] if spec.id_from is None else list(spec.id_from)
    sample = tables.test[ids].copy()
    if spec.task == "several":
        return sample.assign(**{view.targets[0]: _usual_cell(tables, view) for view in target_views(spec)})
    kind = metric_of(spec).prediction_kind(spec.task)
    if kind == "probability":
        names = _probability_columns(tables, spec)
        share = 0.5 if spec.task == "multilabel" or len(names) == 1 else 1 / len(names)
        return sample.assign(**dict.fromkeys(names, _number(share, spec)))
    for name in spec.targets:
        filled = tables.train[name][tables.train[name].str.strip() != ""]
        sample[name] = "0" if spec.task == "regression" or len(spec.targets) > 1 else filled.mode().iloc[0]
    return sample


def _usual_cell(tables: FoundTables, view: CompetitionSpec) -> str:
    """Return a default answer of one of several targets."""
    kind = metric_of(view).prediction_kind(view.task)
    if kind in ("probability", "value"):
        low, _ = bounds_of(view) or (0.0, 0.0)
        return _number(0.5, view) if kind == "probability" else f"{max(low, 0):g}"
    cells = tables.train[view.targets[0]]
    return str(cells[cells.str.strip() != ""].mode().iloc[0])


def distinct_labels(cells: "pd.Series[str]", mark: str | None = None) -> list[str]:
    """Return the distinct labels of cells that hold label sets, sorted."""
    return sorted({label for cell in cells for label in split_labels(cell, mark)})


def _probability_columns(tables: FoundTables, spec: CompetitionSpec) -> list[str]:
    """Return a column per class, or the target for the probability of one of two classes."""
    if len(spec.targets) > 1:
        return list(spec.targets)
    cells = tables.train[spec.targets[0]]
    if spec.task == "multilabel":
        return distinct_labels(cells, spec.label_separator)
    classes = spec.class_order or sort_labels(set(cells[cells.str.strip() != ""]))
    return list(spec.targets) if len(classes) == 2 else list(classes)


def _number(value: float, spec: CompetitionSpec) -> str:
    return repr(value).replace(".", spec.csv.decimal or ".")
