"""What the type of a target says about its cells: bounds of numbers, labels of rows to predict alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.metrics import metric_of
from agent.competition.spec import CompetitionSpec
from agent.competition.target_views import bounds_of, typed_target_of
from agent.core.errors import SetupError, redacted_as


@redacted_as("a bounded target holds numbers outside its bounds")
def require_bounds(view: CompetitionSpec, values: NDArray[np.float64], file: Path) -> None:
    """Raise SetupError for a value (N, 1) outside the bounds of the target; the message names the row."""
    if (bounds := bounds_of(view)) is None:
        return
    low, high = bounds
    outside = np.flatnonzero((values[:, 0] < low) | (values[:, 0] > high))
    if outside.size:
        raise SetupError(
            f"{file}: {outside.size} values of the target '{view.targets[0]}' are not between {low:g} and "
            f"{high:g}; the first is {values[outside[0], 0]:g} (row {outside[0] + 1}). Correct the table, "
            "or low and high in competition.yaml."
        )


@redacted_as("training rows have the novel label of a target")
def novel_labels(view: CompetitionSpec, cells: "pd.Series[str]", file: Path) -> tuple[str, ...]:
    """Return the labels that only rows to predict have.

    Raises:
        SetupError: a training row has such a label. The message names the first row.
    """
    target = typed_target_of(view)
    if target is None or target.novel is None:
        return ()
    found = np.flatnonzero((cells == target.novel).to_numpy())
    if found.size:
        raise SetupError(
            f"{file}: {found.size} training rows have the novel label '{target.novel}' of the target "
            f"'{target.name}', first row {found[0] + 1}; such a label is a class like the others: "
            "remove novel from competition.yaml."
        )
    return (target.novel,)


@redacted_as("metric_parameters names another class than the novel label")
def require_novel_index(view: CompetitionSpec, classes: Sequence[str], file: Path) -> None:
    """Raise SetupError unless the parameter `novel` of the metric is the index of the novel label."""
    target = typed_target_of(view)
    given = view.metric_parameters.set_values.get("novel")
    if target is None or "open_set" not in metric_of(view).traits:
        return
    if target.novel is None:
        raise SetupError(
            f"The metric '{target.scored_by}' of the target '{target.name}' needs its novel label; "
            "set novel in competition.yaml, or choose another metric."
        )
    index = list(classes).index(target.novel)
    if given != index:
        raise SetupError(
            f"{file}: the novel label '{target.novel}' of the target '{target.name}' is the class with the "
            f"index {index}, not {given}; write `metric_parameters: {{novel: {index}}}`."
        )


@redacted_as("a binary target does not have two classes")
def require_two_classes(view: CompetitionSpec, classes: Sequence[str], file: Path) -> None:
    """Raise SetupError for a binary target with another number of classes."""
    target = typed_target_of(view)
    if target is not None and target.type == "binary" and len(classes) != 2:
        listed = ", ".join(f"'{label}'" for label in classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise SetupError(
            f"{file}: the binary target '{target.name}' has {len(classes)} different values ({listed}); "
            "set type: category, or correct the table."
        )


def require_one_column(view: CompetitionSpec, classes: Sequence[str] | None) -> None:
    """Raise SetupError for a metric that takes several prediction columns for one of several targets."""
    metric = metric_of(view)
    takes_probabilities = metric.prediction_kind(view.task) == "probability"
    if takes_probabilities and (view.task == "multilabel" or len(classes or ()) != 2):
        raise SetupError(
            f"The metric '{metric.name}' of the target '{view.targets[0]}' takes a probability per class, "
            "but each of several targets has one column; choose a metric of labels, such as accuracy."
        )


def doubt_parents(spec: CompetitionSpec, cells: pd.DataFrame, file: Path) -> tuple[str, ...]:
    """Return a warning per parent target if a label of its child has several parents in the training rows."""
    warnings = []
    for parent in spec.typed_targets:
        if (child := parent.parent_of) is None:
            continue
        parents = cells.groupby(child)[parent.name].nunique()
        crossing = parents[parents > 1]
        if len(crossing):
            warnings.append(
                f"{file.name}: {len(crossing)} of {len(parents)} labels of '{child}' occur with several "
                f"labels of '{parent.name}', first '{crossing.index[0]}', although parent_of says that each "
                "has one; correct the table, or remove parent_of from competition.yaml."
            )
    return tuple(warnings)
