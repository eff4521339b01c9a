"""The score of each of several targets by its own metric, beside the score over all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from agent.competition.metrics.registry import target_metrics
from agent.competition.metrics.rows import Rows
from agent.competition.metrics.target_rows import target_rows
from agent.competition.spec import CompetitionSpec


@dataclass(frozen=True)
class TargetScore:
    """The score of one target."""

    target: str
    metric: str
    score: float | None  # None: undefined on these rows
    parts: Mapping[str, float] = field(default_factory=dict)
    """With a novel class: the accuracy on all rows, on seen and on unseen classes, and `called novel`, the
    share of rows of seen classes that are taken for novel ones. A part without rows is left out."""


def score_targets(spec: CompetitionSpec, truth: Rows, prediction: Rows) -> tuple[TargetScore, ...]:
    """Return the score of each of several targets; nothing for a competition of one task."""
    found = []
    for one in target_metrics(spec) if spec.task == "several" else ():
        true, predicted = target_rows(truth, one.target), target_rows(prediction, one.target)
        score = one.metric.score(true, predicted)
        is_open = "open_set" in one.metric.traits
        parts = _novelty_parts(true, predicted, one.metric.parameters["novel"]) if is_open else {}
        found.append(TargetScore(one.target, one.metric.name, score if math.isfinite(score) else None, parts))
    return tuple(found)


def _novelty_parts(truth: Rows, prediction: Rows, novel: float) -> dict[str, float]:
    """Return the accuracies on seen and unseen classes from class indices (N,)."""
    unseen, hits = truth == novel, truth == prediction
    called = (prediction == novel)[~unseen]
    parts = {"overall": hits, "seen": hits[~unseen], "unseen": hits[unseen], "called novel": called}
    return {name: float(np.mean(rows)) for name, rows in parts.items() if len(rows)}
