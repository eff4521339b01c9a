"""Metrics: definition, direction, prediction form, score and standard error."""

from agent.competition.metrics.bootstrap import PairedEffect, paired_effect, standard_error
from agent.competition.metrics.catalogue import METRICS, get_metric, metric_of
from agent.competition.metrics.metric import Metric, PredictionKind, Rows
from agent.competition.metrics.own_metric import SandboxRunner

__all__ = [
    "METRICS",
    "Metric",
    "PairedEffect",
    "PredictionKind",
    "Rows",
    "SandboxRunner",
    "get_metric",
    "metric_of",
    "paired_effect",
    "standard_error",
]
