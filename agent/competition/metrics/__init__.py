"""Metrics: definition, direction, prediction form, score and standard error.

A metric is one file in `catalogue/` and one entry in `registry`.
"""

from agent.competition.metrics.bootstrap import PairedEffect, paired_effect, standard_error
from agent.competition.metrics.direction import Direction
from agent.competition.metrics.metric import Metric, PredictionKind
from agent.competition.metrics.own_metric import SandboxRunner
from agent.competition.metrics.registry import METRICS, get_metric, metric_of, target_metrics
from agent.competition.metrics.rows import Floats, Rows
from agent.competition.metrics.scored_rows import ScoredRows, score_rows
from agent.competition.metrics.scorers import AdditiveScorer, WeightedScorer, ratio, row_means
from agent.competition.metrics.source import MetricSource, SourceContext, sklearn_call
from agent.competition.metrics.target_scores import TargetScore, score_targets
from agent.competition.metrics.traits import TRAITS, Trait

__all__ = [
    "METRICS",
    "TRAITS",
    "AdditiveScorer",
    "Direction",
    "Floats",
    "Metric",
    "MetricSource",
    "PairedEffect",
    "PredictionKind",
    "Rows",
    "SandboxRunner",
    "ScoredRows",
    "SourceContext",
    "TargetScore",
    "Trait",
    "WeightedScorer",
    "get_metric",
    "metric_of",
    "paired_effect",
    "ratio",
    "row_means",
    "score_rows",
    "score_targets",
    "sklearn_call",
    "standard_error",
    "target_metrics",
]
