"""docs/metrics.md agrees with the code about every metric."""

import re
from pathlib import Path

from agent.competition.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
FORMS = {
    "label": "a label",
    "label_set": "a label set",
    "probability": "probabilities",
    "ranking": "up to k labels",
    "value": "values",
    "mask": "a mask",
}


def test_every_metric_has_its_row_with_direction_tasks_and_form() -> None:
    listed = {}
    for line in PAGE.splitlines():
        names, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for position, name in enumerate(re.findall(r"`(\w+)`", names)):
            listed[name] = (position, cells)
    assert set(METRICS) <= set(listed)
    for name, metric in METRICS.items():
        position, (better, tasks, form, _) = listed[name]
        directions = better.split(", ")
        direction = directions[min(position, len(directions) - 1)]
        assert direction == ("higher" if metric.higher_is_better else "lower"), name
        assert tasks.removesuffix(", two classes") == ", ".join(metric.tasks), name
        assert all(FORMS[kind] in form for kind in metric.prediction_kinds.values()), name
