"""The score of each of several targets by its own metric, beside the score over all."""

import math
from dataclasses import dataclass

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


def score_targets(spec: CompetitionSpec, truth: Rows, prediction: Rows) -> tuple[TargetScore, ...]:
    """Return the score of each of several targets; nothing for a competition of one task."""
    found = []
    for one in target_metrics(spec) if spec.task == "several" else ():
        score = one.metric.score(target_rows(truth, one.target), target_rows(prediction, one.target))
        found.append(TargetScore(one.target, one.metric.name, score if math.isfinite(score) else None))
    return tuple(found)
