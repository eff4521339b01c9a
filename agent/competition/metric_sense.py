"""Metrics that make no sense on the targets: one sentence before the search starts."""

from pathlib import Path

import numpy as np

from agent.competition.metrics import metric_of
from agent.competition.spec import CompetitionSpec
from agent.competition.target import Target
from agent.core.errors import SetupError, redacted_as


@redacted_as("the metric is undefined on some targets")
def check_sense(spec: CompetitionSpec, target: Target, file: Path) -> tuple[str, ...]:
    """Return warnings about targets on which the metric is past sense.

    Raises:
        SetupError: the metric is undefined on a target.
    """
    metric, values = metric_of(spec), target.values
    if spec.task != "regression" or values is None:
        return ()
    if "log_scale" in metric.traits and (values <= -1).any():
        row, column = np.argwhere(values <= -1)[0]
        count = int((values <= -1).sum())
        raise SetupError(
            f"{file}: the metric '{metric.name}' takes ln(1 + value), but {count} targets are -1 or less; "
            f"the first is {values[row, column]:g} in column '{spec.targets[column]}' "
            f"(row {row + 1}). Choose another metric, such as rmse, or correct the table."
        )
    if metric.divides_by_truth and (values == 0).any():
        row, column = np.argwhere(values == 0)[0]
        share = 100 * float((values == 0).mean())
        return (
            f"The metric '{metric.name}' divides by the true value, and {share:.3g} % of the targets are 0, "
            f"first in column '{spec.targets[column]}' (row {row + 1}). These rows alone decide the score; "
            "choose another metric, such as mae.",
        )
    return ()
