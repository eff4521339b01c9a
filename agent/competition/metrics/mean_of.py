"""The metric of several targets: the weighted mean of one metric per target.

Truth and predictions are structured arrays, see `target_rows`. Statistics of all targets stand side by side
where they are sums over rows, so that a bootstrap draws rows once for all targets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, SparseRows, is_sparse, side_by_side
from agent.competition.metrics.scorers import AdditiveScorer, LinearisableScorer, WeightedScorer
from agent.competition.metrics.target_rows import target_rows
from agent.competition.typed_targets import MEAN_OF
from agent.core.errors import SetupError

_SHOWN = 6  # targets in the definition


@dataclass(frozen=True)
class TargetMetric:
    """The metric of one target, and its share of the mean."""

    target: str
    metric: Metric
    share: float  # all shares sum to 1

    def scorer(self, truth: Rows, prediction: Rows) -> WeightedScorer:
        """Return the scorer of the target's own rows."""
        return self.metric.scorer(target_rows(truth, self.target), target_rows(prediction, self.target))


@dataclass(frozen=True)
class _MeanScorer:
    """Scores targets one by one, and averages the scores."""

    scorers: Sequence[WeightedScorer]
    shares: Floats  # (T,)

    def scores(self, weights: Floats) -> Floats:
        """Return scores (B,) for row weights (B, N)."""
        scores: Floats = self.shares @ np.stack([scorer.scores(weights) for scorer in self.scorers])
        return scores

    def linearise(self) -> AdditiveScorer | None:
        """Return the expansion of all targets; None if a target has none."""
        expanded = [
            scorer.linearise() if isinstance(scorer, LinearisableScorer) else scorer
            for scorer in self.scorers
        ]
        additive = [scorer for scorer in expanded if isinstance(scorer, AdditiveScorer)]
        return _joined(additive, self.shares) if len(additive) == len(expanded) else None


def mean_of(targets: Sequence[TargetMetric]) -> Metric:
    """Return the weighted mean of the targets' metrics.

    Raises:
        SetupError: Higher is better for some of the metrics only, so that their mean has no direction.
    """
    first = targets[0]
    for other in targets[1:]:
        if other.metric.higher_is_better != first.metric.higher_is_better:
            raise SetupError(
                f"The metric {MEAN_OF} cannot average {first.metric.name} of '{first.target}' and "
                f"{other.metric.name} of '{other.target}': higher is better for one of them only. Score all "
                "targets in one direction (r2 instead of rmse), or write metric.py."
            )
    shares = np.array([target.share for target in targets])

    def scorer(truth: Rows, prediction: Rows) -> WeightedScorer:
        scorers = [target.scorer(truth, prediction) for target in targets]
        additive = [scorer for scorer in scorers if isinstance(scorer, AdditiveScorer)]
        return _joined(additive, shares) if len(additive) == len(scorers) else _MeanScorer(scorers, shares)

    return Metric(
        name=MEAN_OF,
        definition=_definition(targets),
        higher_is_better=first.metric.higher_is_better,
        prediction_kinds={"several": "several"},
        scorer=scorer,
        best_score=float(sum(target.share * target.metric.best for target in targets)),
    )


def _joined(scorers: Sequence[AdditiveScorer], shares: Floats) -> AdditiveScorer:
    """Return one scorer of sums whose columns are those of all scorers side by side."""
    ends = np.cumsum([scorer.statistics.shape[1] for scorer in scorers])
    finishes: list[Callable[[Floats, Floats], Floats]] = [scorer.finish for scorer in scorers]

    def finish(totals: Floats, rows: Floats) -> Floats:
        parts = np.split(totals, ends[:-1], axis=1)
        scores = [one(part, rows) for one, part in zip(finishes, parts, strict=True)]
        averaged: Floats = shares @ np.stack(scores)
        return averaged

    keys = [scorer.keys for scorer in scorers if scorer.keys is not None]
    all_keys = np.hstack(keys) if len(keys) == len(scorers) else None
    return AdditiveScorer(_dense(side_by_side(*(scorer.statistics for scorer in scorers))), finish, all_keys)


def _dense(statistics: Rows) -> "Floats | SparseRows":
    return statistics if is_sparse(statistics) else np.asarray(statistics, dtype=np.float64)


def _definition(targets: Sequence[TargetMetric]) -> str:
    equal = len({target.share for target in targets}) == 1
    named = [f"{target.metric.name} of {target.target}" for target in targets[:_SHOWN]]
    more = f" and {len(targets) - _SHOWN} more" if len(targets) > _SHOWN else ""
    return f"The {'mean' if equal else 'weighted mean'} of the targets' scores: {', '.join(named)}{more}."
