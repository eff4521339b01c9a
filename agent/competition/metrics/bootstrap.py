"""How sure a score or a difference is: the bootstrap over rows (Efron, 1979)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Floats, Metric, Rows, SummedRows, WeightedScorer, row_count

_WEIGHTS_AT_ONCE = 2**22  # 32 MB of float64
_ROUNDING = 1e-12  # an error below this is none
_FEWEST = 20  # resamples that must define the score: fewer say nothing of its spread


@dataclass(frozen=True)
class PairedEffect:
    """What a change did to the error on the same rows.

    `effect` is the relative error reduction, in -1..1: (before - after) / max(before, after), where the error
    is `Metric.error`. Positive where the change helped; where it hurt, undoing it reduces the error by as
    much. So a change from a small error to a large one is as sure as the difference, and the effect of the
    reverse change is the same with the other sign. `scale` is the error that the effect is relative to.
    `lower` and `upper` are the 2.5 and 97.5 percentiles of the difference of the raw scores, in the metric's
    unit and positive where the change helped.
    """

    effect: float
    standard_error: float
    scale: float
    lower: float
    upper: float


def standard_error(
    metric: Metric, truth: Rows, prediction: Rows, seed: int = 0, resamples: int = 200
) -> float:
    """Standard deviation of the score over resampled rows; NaN where hardly a resample defines the score."""
    rows = row_count(truth, prediction)
    (scores,) = _resampled([metric.scorer(truth, prediction)], rows, seed, resamples)
    return _deviation(scores)


def paired_effect(
    metric: Metric, truth: Rows, before: Rows, after: Rows, seed: int = 0, resamples: int = 400
) -> PairedEffect:
    """Compares two predictions of the same rows, each resample scoring both on the rows that it drew.

    The standard error is that of the difference, over the same scale as the effect: together they say how
    sure the sign is. That of the ratio would be far smaller where one error is almost 0, and call 1 mistake
    against 8 surer than it is.
    """
    rows = row_count(truth, before, after)
    scorers = [metric.scorer(truth, before), metric.scorer(truth, after)]
    error_before, error_after = (metric.error(metric.score(truth, guess)) for guess in (before, after))
    larger = max(error_before, error_after)
    scale = larger if larger > _ROUNDING else 1.0
    effect = (error_before - error_after) / scale

    scores_before, scores_after = _resampled(scorers, rows, seed, resamples)
    rise = scores_after - scores_before
    lower, upper = _interval(rise if metric.higher_is_better else -rise)
    # An error is a score up to its sign and a constant, so that scores deviate as errors do.
    return PairedEffect(effect, _deviation(rise) / scale, scale, lower, upper)


def _deviation(values: Floats) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.std(ddof=1)) if len(defined) >= min(_FEWEST, len(values)) > 1 else float("nan")


def _interval(values: Floats) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if len(defined) < min(_FEWEST, len(values)):
        return float("nan"), float("nan")
    lower, upper = np.percentile(defined, [2.5, 97.5])
    return float(lower), float(upper)


def _resampled(scorers: Sequence[WeightedScorer], rows: int, seed: int, resamples: int) -> list[Floats]:
    """Scores (resamples,) of each scorer, all scorers on the same draws."""
    merged, counts = _merge_equal_rows(scorers, rows)
    draws = _draws(np.random.default_rng(seed), counts, resamples)
    parts = [[scorer.scores(weights) for scorer in merged] for weights in draws]
    return [np.concatenate(scores) for scores in zip(*parts, strict=True)]


def _merge_equal_rows(
    scorers: Sequence[WeightedScorer], rows: int
) -> tuple[Sequence[WeightedScorer], npt.NDArray[np.int64]]:
    """Makes rows that contribute the same to every score one row with a count: far less to draw."""
    keys = [scorer.keys for scorer in scorers if isinstance(scorer, SummedRows) and scorer.keys is not None]
    if len(keys) < len(scorers):
        return scorers, np.ones(rows, dtype=np.int64)
    _, first, counts = np.unique(np.hstack(keys), axis=0, return_index=True, return_counts=True)
    summed = [scorer for scorer in scorers if isinstance(scorer, SummedRows)]
    return [replace(scorer, statistics=scorer.statistics[first]) for scorer in summed], counts


def _draws(generator: np.random.Generator, counts: npt.NDArray[np.int64], resamples: int) -> Iterator[Floats]:
    """Row weights (b, N) in blocks of bounded memory: how often each row came in sum(counts) draws."""
    total, groups = int(counts.sum()), len(counts)
    members = np.repeat(np.arange(groups), counts)
    block = max(1, _WEIGHTS_AT_ONCE // total)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        if 8 * groups < total:  # where the binomials of a multinomial are cheaper than single draws
            yield generator.multinomial(total, counts / total, size=size).astype(np.float64)
            continue
        picks = members[generator.integers(0, total, (size, total))]
        picks += groups * np.arange(size)[:, None]
        drawn = np.bincount(picks.ravel(), minlength=size * groups)
        yield drawn.reshape(size, groups).astype(np.float64)
