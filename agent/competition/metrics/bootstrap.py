"""Standard errors of scores and of score differences, by the bootstrap over rows (Efron, 1979)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, SparseRows, row_count
from agent.competition.metrics.scorers import AdditiveScorer, WeightedScorer

_MAX_BLOCK_WEIGHTS = 2**22  # 32 MB of float64
_MOST_GROUPS = (
    2048  # groups estimate a spread as well as single rows, and cost the same for any number of rows
)
_ZERO_ERROR = 1e-12  # a smaller error is rounding
_MIN_RESAMPLES = 20  # with a defined score; fewer do not estimate a spread


@dataclass(frozen=True)
class PairedEffect:
    """Effect of a change on the error of the same rows.

    Attributes:
        effect: Relative error reduction in -1..1: (before - after) / max(before, after) of `Metric.error`.
            Positive if the change helps. The reverse change has the same effect with the other sign.
        standard_error: Standard error of the difference, divided by `scale`.
        scale: The error that the effect is relative to.
        lower: 2.5 percentile of the difference of the raw scores, in the unit of the metric; positive if the
            change helps.
        upper: 97.5 percentile of the same difference.
    """

    effect: float
    standard_error: float
    scale: float
    lower: float
    upper: float


def standard_error(
    metric: Metric, truth: Rows, prediction: Rows, seed: int = 0, resamples: int = 200
) -> float:
    """Return the standard deviation of the score over resampled rows; NaN if too few resamples define it."""
    rows = row_count(truth, prediction)
    (scores,) = _resample_scores([metric.scorer(truth, prediction)], rows, seed, resamples)
    return _standard_deviation(scores)


def paired_effect(
    metric: Metric, truth: Rows, before: Rows, after: Rows, seed: int = 0, resamples: int = 400
) -> PairedEffect:
    """Compare two predictions of the same rows. Each resample scores both predictions on the same draw.

    The standard error is that of the difference, divided by the scale of the effect, so that effect over
    standard error measures the certainty of the sign. The standard error of the ratio would be far too small
    if one error is almost 0, for example with 1 mistake against 8.
    """
    rows = row_count(truth, before, after)
    scorers = [metric.scorer(truth, before), metric.scorer(truth, after)]
    error_before, error_after = (
        metric.error(metric.score(truth, prediction)) for prediction in (before, after)
    )
    larger = max(error_before, error_after)
    scale = larger if larger > _ZERO_ERROR else 1.0
    effect = (error_before - error_after) / scale

    scores_before, scores_after = _resample_scores(scorers, rows, seed, resamples)
    difference = scores_after - scores_before
    lower, upper = _interval(metric.direction.gain(scores_after, scores_before))
    # Score and error differ by sign and a constant only, so their differences have the same deviation.
    return PairedEffect(effect, _standard_deviation(difference) / scale, scale, lower, upper)


def _standard_deviation(values: Floats) -> float:
    defined = values[np.isfinite(values)]
    enough = len(defined) >= min(_MIN_RESAMPLES, len(values)) > 1
    return float(defined.std(ddof=1)) if enough else float("nan")


def _interval(values: Floats) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if len(defined) < min(_MIN_RESAMPLES, len(values)):
        return float("nan"), float("nan")
    lower, upper = np.percentile(defined, [2.5, 97.5])
    return float(lower), float(upper)


def _resample_scores(scorers: Sequence[WeightedScorer], rows: int, seed: int, resamples: int) -> list[Floats]:
    """Return the scores (resamples,) of each scorer. All scorers see the same draws."""
    merged, counts = _merge_equal_rows(scorers, rows)
    if len(counts) > 2 * _MOST_GROUPS:
        merged, counts = _group_rows(merged, counts, seed)
    draws = _draws(np.random.default_rng(seed), counts, resamples)
    parts = [[scorer.scores(weights) for scorer in merged] for weights in draws]
    return [np.concatenate(scores) for scores in zip(*parts, strict=True)]


def _merge_equal_rows(
    scorers: Sequence[WeightedScorer], rows: int
) -> tuple[Sequence[WeightedScorer], npt.NDArray[np.int64]]:
    """Merge rows that contribute the same to every score into one row with a count, to draw fewer rows."""
    keys = [
        scorer.keys for scorer in scorers if isinstance(scorer, AdditiveScorer) and scorer.keys is not None
    ]
    if len(keys) < len(scorers):
        return scorers, np.ones(rows, dtype=np.int64)
    _, first, counts = np.unique(np.hstack(keys), axis=0, return_index=True, return_counts=True)
    additive = [scorer for scorer in scorers if isinstance(scorer, AdditiveScorer)]
    return [replace(scorer, statistics=scorer.statistics[first]) for scorer in additive], counts


@dataclass(frozen=True)
class _GroupedScorer:
    """Scores an additive metric from the totals of groups of rows; weights count whole groups."""

    totals: Floats | SparseRows  # (G, K)
    sizes: Floats  # (G,)
    finish: Callable[[Floats, Floats], Floats]

    def scores(self, weights: Floats) -> Floats:
        return self.finish(weights @ self.totals, weights @ self.sizes)


def _group_rows(
    scorers: Sequence[WeightedScorer], counts: npt.NDArray[np.int64], seed: int
) -> tuple[Sequence[WeightedScorer], npt.NDArray[np.int64]]:
    """Return scorers of random groups of rows, if the metric is additive and no rows are merged."""
    from scipy.sparse import csr_array  # slow to import, and few commands score many rows

    additive = [scorer for scorer in scorers if isinstance(scorer, AdditiveScorer)]
    if len(additive) < len(scorers) or counts.max() > 1:
        return scorers, counts
    rows = len(counts)
    order = np.random.default_rng(seed).permutation(rows)
    group = np.empty(rows, dtype=np.int64)
    group[order] = np.arange(rows) % _MOST_GROUPS
    member = csr_array((np.ones(rows), (group, np.arange(rows))), shape=(_MOST_GROUPS, rows))
    sizes = np.bincount(group, minlength=_MOST_GROUPS).astype(np.float64)
    grouped = [_GroupedScorer(member @ scorer.statistics, sizes, scorer.finish) for scorer in additive]
    return grouped, np.ones(_MOST_GROUPS, dtype=np.int64)


def _draws(generator: np.random.Generator, counts: npt.NDArray[np.int64], resamples: int) -> Iterator[Floats]:
    """Yield row weights (b, N) in blocks of bounded memory: how often each row is in sum(counts) draws."""
    total, groups = int(counts.sum()), len(counts)
    members = np.repeat(np.arange(groups), counts)
    block = max(1, _MAX_BLOCK_WEIGHTS // total)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        if 8 * groups < total:  # few groups: a multinomial is cheaper than single draws
            yield generator.multinomial(total, counts / total, size=size).astype(np.float64)
            continue
        picks = members[generator.integers(0, total, (size, total))]
        picks += groups * np.arange(size)[:, None]
        drawn = np.bincount(picks.ravel(), minlength=size * groups)
        yield drawn.reshape(size, groups).astype(np.float64)
