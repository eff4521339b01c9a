"""The order of classes, given, by value or by the alphabet. The positive class is the last of two."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from agent.competition.labels import alike_labels, are_numbers, find_label, sort_labels
from agent.competition.metrics import metric_of
from agent.competition.reading.user_table import read_user_table
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import require_unique
from agent.core.errors import SetupError, redacted_as


def order_classes(
    spec: CompetitionSpec, labels: Sequence[str], folder: Path, file: Path, novel: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the classes in order, and warnings. Of two classes the positive class is the last.

    Labels that only rows to predict have (`novel`) come last, unless a list or a table says otherwise.

    Raises:
        SetupError: there are fewer than two classes, or the specification names labels that do not occur.
    """
    known = read_classes(spec, folder) or sort_labels(labels)
    classes = _given_order(spec, labels, file) or (*known, *(label for label in novel if label not in known))
    if len(classes) < 2:
        raise SetupError(
            f"{file}: column '{spec.targets[0]}' holds {len(classes)} classes; at least two are needed."
        )
    if spec.positive_class is not None:
        classes = _with_positive_last(spec.positive_class, classes, file)
    return classes, (*_look_alikes(spec, classes, file), *_alphabet_decides(spec, classes))


def _order_key(spec: CompetitionSpec) -> str:
    """Return the key of competition.yaml that lists the classes in order."""
    return "order" if spec.typed_targets else "class_order"


@redacted_as("class_order does not list all labels")
def _given_order(spec: CompetitionSpec, labels: Sequence[str], file: Path) -> tuple[str, ...] | None:
    if spec.class_order is None:
        return None
    key = _order_key(spec)
    order = tuple(find_label(name, labels) or name for name in spec.class_order)
    if len(set(order)) < len(order):
        raise SetupError(f"competition.yaml: {key} lists a label twice; list every label once.")
    if missing := [label for label in labels if label not in order]:
        raise SetupError(
            f"{file}: {len(missing)} labels of column '{spec.targets[0]}' are not in {key}; "
            f"the first is '{missing[0]}'."
        )
    return order


@redacted_as("positive_class is not one of two classes")
def _with_positive_last(positive: str, classes: Sequence[str], file: Path) -> tuple[str, ...]:
    found = find_label(positive, classes)
    listed = ", ".join(f"'{label}'" for label in classes[:10])
    if found is None:
        raise SetupError(f"{file}: positive_class '{positive}' is not one of the classes {listed}.")
    if len(classes) != 2:
        raise SetupError(
            f"{file}: positive_class is for two classes, but there are {len(classes)}: {listed}; "
            "remove it from competition.yaml."
        )
    return (*[label for label in classes if label != found], found)


def _look_alikes(spec: CompetitionSpec, classes: Sequence[str], file: Path) -> tuple[str, ...]:
    groups = alike_labels(classes)
    if not groups:
        return ()
    first = " and ".join(f"'{label}'" for label in groups[0])
    return (
        f"{file.name}: column '{spec.targets[0]}' holds labels that look alike, such as {first}; MARS keeps "
        "them apart. Write them alike in the table if they mean the same class.",
    )


def _alphabet_decides(spec: CompetitionSpec, classes: Sequence[str]) -> tuple[str, ...]:
    """Return a warning if the metric needs an order of labels that only the alphabet gives."""
    ordered = "class_order" in metric_of(spec).traits
    known = spec.class_order is not None or spec.label_table is not None or are_numbers(classes)
    if not ordered or known:
        return ()
    shown = " < ".join(classes[:8]) + (" < ..." if len(classes) > 8 else "")
    return (
        f"The metric '{spec.metric}' depends on the order of the labels, and the alphabet decides: {shown}. "
        f"List the labels from the lowest to the highest as {_order_key(spec)} in competition.yaml.",
    )


def other_separator(spec: CompetitionSpec, cells: "pd.Series[str]") -> tuple[str, ...]:
    """Return a warning if a mark seems to part the labels although none is named."""
    if spec.label_separator is not None or cells.str.contains(r"\s").any():
        return ()
    for mark in ("|", ";", ",", "/", "+"):
        share = float(cells.str.contains(mark, regex=False).mean())
        if share > 0.2:
            return (
                f"The labels of column '{cells.name}' seem to be separated by '{mark}' "
                f"(in {100 * share:.0f} % of the rows), but blanks part labels; "
                f"set label_separator: '{mark}' in competition.yaml.",
            )
    return ()


def read_classes(spec: CompetitionSpec, folder: Path) -> tuple[str, ...] | None:
    """Return the first column of the label table, or None if the competition has no label table."""
    if spec.label_table is None:
        return None
    table = read_user_table(folder, spec.label_table, spec.csv).cells
    require_unique(table, str(table.columns[0]), folder / spec.label_table)
    return tuple(table.iloc[:, 0].tolist())
