"""Scores of one prediction, made once: a node is scored, and compared again with its parent and children."""

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property, partial

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Rows, is_read_only, row_count
from agent.competition.metrics.scorers import (
    AdditiveScorer,
    LinearisableScorer,
    WeightedScorer,
    score_every_row_once,
)

_MOST_KEPT = 6  # predictions
_MOST_CELLS = 500_000  # of a prediction that is kept; its scorer takes up to 30 bytes for each cell


@dataclass(frozen=True)
class ScoredRows:
    """The scorer of one prediction of `rows` rows, and what follows from it."""

    scorer: WeightedScorer
    rows: int

    @cached_property
    def score(self) -> float:
        """The score over all rows; NaN if undefined, infinite if extreme values overflow."""
        return score_every_row_once(self.scorer, self.rows)

    @cached_property
    def expansion(self) -> AdditiveScorer | None:
        """The first-order expansion of a metric of ranks; None for other metrics and for few rows."""
        return self.scorer.linearise() if isinstance(self.scorer, LinearisableScorer) else None


@dataclass(frozen=True)
class _Kept:
    """Scored rows and the arrays that they are of, which may be gone."""

    truth: "weakref.ref[Rows]"
    prediction: "weakref.ref[Rows]"
    scored: ScoredRows


_kept: OrderedDict[object, _Kept] = OrderedDict()
_lock = threading.Lock()


def score_rows(metric: Metric, truth: Rows, prediction: Rows) -> ScoredRows:
    """Return the scored rows of a prediction, kept from an earlier call with the same read-only arrays.

    Raises:
        ValueError: The numbers of rows differ or are 0.
    """
    rows = row_count(truth, prediction)
    if not (is_read_only(truth) and is_read_only(prediction)):
        return ScoredRows(metric.scorer(truth, prediction), rows)
    key = (_definition(metric), id(truth), id(prediction))
    with _lock:
        kept = _kept.get(key)
        if kept is not None and kept.truth() is truth and kept.prediction() is prediction:
            _kept.move_to_end(key)
            return kept.scored
    scored = ScoredRows(metric.scorer(truth, prediction), rows)
    cells = rows * (prediction.shape[1] if prediction.ndim > 1 else 1)
    # A competition's own scorer counts the time that its resamples took, so it serves one caller.
    is_pure = isinstance(scored.scorer, AdditiveScorer | LinearisableScorer)
    if is_pure and cells <= _MOST_CELLS:
        with _lock:
            _kept[key] = _Kept(weakref.ref(truth), weakref.ref(prediction), scored)
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    return scored


def _definition(metric: Metric) -> object:
    """Return what identifies the scorer: its function and parameters."""
    if isinstance(metric.scorer, partial):
        return metric.scorer.func, tuple(sorted(metric.scorer.keywords.items()))
    return metric.scorer
