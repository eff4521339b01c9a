"""Standard errors of scores and of score differences, by the bootstrap over rows (Efron, 1979).

- A mean over rows has a closed form: the limit of the bootstrap for many resamples.
- A metric of sums over rows is scored from resampled sums. Rows with equal contributions are counted instead.
- A metric of ranks is replaced by its first-order expansion, which depends on sums. For ROC AUC the expansion
  has the placement values of DeLong et al. (1988).
- Other metrics are scored once for each resample.
- Rows of one group err together, such as pictures of one patient or days of one week. Whole groups are drawn
  then (cluster bootstrap, Field and Welsh, 2007).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, SparseRows, is_sparse
from agent.competition.metrics.scored_rows import ScoredRows, score_rows
from agent.competition.metrics.scorers import AdditiveScorer, WeightedScorer

_MAX_BLOCK_WEIGHTS = 2**22  # 32 MB of float64
_MOST_GROUPS = (
    2048  # groups estimate a spread as well as single rows, and cost the same for any number of rows
)
_MOST_COUNTED = 40  # distinct rows whose counts are drawn faster than single rows
_MOST_RESAMPLES = 400  # of the draws that are kept between calls
_DENSE_COLUMNS = 64  # fewer columns are multiplied faster as a dense matrix
_ZERO_ERROR = 1e-12  # a smaller error is rounding
_MIN_RESAMPLES = 20  # with a defined score; fewer do not estimate a spread

Groups = npt.NDArray[np.intp]
"""Numbers (N,) of the groups of rows, 0 and up."""


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
    metric: Metric,
    truth: Rows,
    prediction: Rows,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = 200,
) -> float:
    """Return the standard deviation of the score over resampled rows; NaN if too few resamples define it.

    With `groups`, whole groups of rows are resampled.
    """
    scored = score_rows(metric, truth, prediction)
    (simple,) = _simplify([scored])
    if (means := _row_scores(simple)) is not None:
        return _error_of_mean(means, groups)
    (scores,) = _resample_scores([simple], scored.rows, groups, seed, resamples)
    return _standard_deviation(scores)


def paired_effect(
    metric: Metric,
    truth: Rows,
    before: Rows,
    after: Rows,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = 400,
) -> PairedEffect:
    """Compare two predictions of the same rows. Each resample scores both predictions on the same draw.

    With `groups`, whole groups of rows are resampled.

    The standard error is that of the difference, divided by the scale of the effect, so that effect over
    standard error measures the certainty of the sign. The standard error of the ratio would be far too small
    if one error is almost 0, for example with 1 mistake against 8.
    """
    scored = [score_rows(metric, truth, prediction) for prediction in (before, after)]
    error_before, error_after = (metric.error(one.score) for one in scored)
    larger = max(error_before, error_after)
    scale = larger if larger > _ZERO_ERROR else 1.0
    effect = (error_before - error_after) / scale

    simple = _simplify(scored)
    scores_before, scores_after = _resample_scores(simple, scored[0].rows, groups, seed, resamples)
    lower, upper = _interval(metric.direction.gain(scores_after, scores_before))
    means_before, means_after = (_row_scores(scorer) for scorer in simple)
    if means_before is not None and means_after is not None:
        deviation = _error_of_mean(means_after - means_before, groups)
    else:
        deviation = _standard_deviation(scores_after - scores_before)
    # Score and error differ by sign and a constant only, so their differences have the same deviation.
    return PairedEffect(effect, deviation / scale, scale, lower, upper)


def _simplify(scored: Sequence[ScoredRows]) -> Sequence[WeightedScorer]:
    """Return first-order expansions of the scores if all of them have one, otherwise their scorers."""
    expansions = [one.expansion for one in scored if one.expansion is not None]
    return expansions if len(expansions) == len(scored) else [one.scorer for one in scored]


def _row_scores(scorer: WeightedScorer) -> Floats | None:
    """Return the score (N,) of each row if their mean is the score; None for other metrics."""
    if not isinstance(scorer, AdditiveScorer) or not scorer.is_mean or is_sparse(scorer.statistics):
        return None
    scores: Floats = scorer.statistics.mean(axis=1)
    return scores


def _error_of_mean(values: Floats, groups: Groups | None) -> float:
    """Return the standard error of the mean as the bootstrap has it: with the variance of the rows drawn."""
    with np.errstate(invalid="ignore", over="ignore"):
        deviations = values - values.mean()
        sums = deviations if groups is None else np.bincount(groups, deviations)
        error = float(np.sqrt(np.sum(sums**2)) / len(values))
    return error if np.isfinite(error) else float("nan")


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


def _resample_scores(
    scorers: Sequence[WeightedScorer], rows: int, groups: Groups | None, seed: int, resamples: int
) -> list[Floats]:
    """Return the scores (resamples,) of each scorer. All scorers see the same draws."""
    additive = [scorer for scorer in scorers if isinstance(scorer, AdditiveScorer)]
    if groups is not None:
        return _resample_groups(scorers, groups, seed, resamples)
    if len(additive) == len(scorers):
        return _resample_sums(additive, rows, seed, resamples)
    draws = _draw_blocks(np.random.default_rng(seed), rows, resamples)
    parts = [[scorer.scores(weights) for scorer in scorers] for weights in draws]
    return [np.concatenate(scores) for scores in zip(*parts, strict=True)]


def _resample_sums(scorers: Sequence[AdditiveScorer], rows: int, seed: int, resamples: int) -> list[Floats]:
    """Return the scores (resamples,) of metrics of sums, from counts of equal rows or of groups of rows."""
    distinct = _distinct_rows(scorers)
    if distinct is not None:
        first, counts = distinct
        generator = np.random.default_rng(seed)
        drawn = generator.multinomial(rows, counts / rows, size=resamples).astype(np.float64)
        return [_take_rows(scorer, first).scores(drawn) for scorer in scorers]
    if rows <= 2 * _MOST_GROUPS:
        weights = _draw_rows(seed, rows, resamples)
        return [_as_dense(scorer).scores(weights) for scorer in scorers]
    weights = _draw_rows(seed, _MOST_GROUPS, resamples)
    return [grouped.scores(weights) for grouped in _group_rows(scorers, *_random_groups(seed, rows))]


def _resample_groups(
    scorers: Sequence[WeightedScorer], groups: Groups, seed: int, resamples: int
) -> list[Floats]:
    """Return the scores (resamples,) of each scorer; whole groups are drawn, very many as unions."""
    count = int(groups.max()) + 1
    if count > 2 * _MOST_GROUPS:
        groups, count = _random_numbers(seed, count)[groups], _MOST_GROUPS
    drawn = _draw_rows(seed, count, resamples)
    additive = [scorer for scorer in scorers if isinstance(scorer, AdditiveScorer)]
    if len(additive) == len(scorers):
        member = _membership(groups, count)
        return [one.scores(drawn) for one in _group_rows(additive, *member)]
    size = max(1, _MAX_BLOCK_WEIGHTS // len(groups))
    blocks = (drawn[start : start + size][:, groups] for start in range(0, resamples, size))
    parts = [[scorer.scores(weights) for scorer in scorers] for weights in blocks]
    return [np.concatenate(scores) for scores in zip(*parts, strict=True)]


def _distinct_rows(
    scorers: Sequence[AdditiveScorer],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Return a row (G,) of each kind of rows that contribute the same to every score, and their counts (G,).

    None if the metric has no such kinds, or too many of them.
    """
    keys = [scorer.keys for scorer in scorers if scorer.keys is not None]
    if len(keys) < len(scorers):
        return None
    codes, span = _row_codes(np.hstack(keys))
    if span > 2 * len(codes):
        _, codes = np.unique(codes, return_inverse=True)
    all_counts = np.bincount(codes)
    row = np.zeros(len(all_counts), dtype=np.int64)
    row[codes] = np.arange(len(codes))
    present = np.flatnonzero(all_counts)
    if len(present) > _MOST_COUNTED or 8 * len(present) >= len(codes):
        return None
    return row[present], all_counts[present]


def _row_codes(keys: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], int]:
    """Return one number (N,) for each row of keys (N, Q), equal for equal rows only, and their range."""
    codes, span = np.zeros(len(keys), dtype=np.int64), 1
    for column in keys.T:
        numbers = column.astype(np.int64)
        if (numbers != column).any():
            _, numbers = np.unique(column, return_inverse=True)
        low = int(numbers.min())
        width = int(numbers.max()) - low + 1
        if span * width > 2**62:
            _, codes = np.unique(codes, return_inverse=True)
            span = len(codes)
        codes, span = codes * width + (numbers - low), span * width
    return codes, span


def _take_rows(scorer: AdditiveScorer, rows: npt.NDArray[np.int64]) -> AdditiveScorer:
    return _as_dense(replace(scorer, statistics=scorer.statistics[rows]))


def _as_dense(scorer: AdditiveScorer) -> AdditiveScorer:
    return replace(scorer, statistics=_dense_if_narrow(scorer.statistics))


def _dense_if_narrow(matrix: Floats | SparseRows) -> Floats | SparseRows:
    return matrix.toarray() if is_sparse(matrix) and matrix.shape[1] <= _DENSE_COLUMNS else matrix


@dataclass(frozen=True)
class _GroupedScorer:
    """Scores an additive metric from the totals of groups of rows; weights count whole groups."""

    totals: Floats | SparseRows  # (G, K)
    sizes: Floats  # (G,)
    finish: Callable[[Floats, Floats], Floats]

    def scores(self, weights: Floats) -> Floats:
        return self.finish(weights @ self.totals, weights @ self.sizes)


def _group_rows(scorers: Sequence[AdditiveScorer], member: SparseRows, sizes: Floats) -> list[_GroupedScorer]:
    """Return scorers of groups of rows, given as `_membership` returns them."""
    totals = [_dense_if_narrow(member @ scorer.statistics) for scorer in scorers]
    return [
        _GroupedScorer(total, sizes, scorer.finish) for total, scorer in zip(totals, scorers, strict=True)
    ]


@lru_cache(maxsize=4)
def _random_groups(seed: int, rows: int) -> tuple[SparseRows, Floats]:
    """Return random groups of rows, as `_membership` does."""
    return _membership(_random_numbers(seed, rows), _MOST_GROUPS)


def _random_numbers(seed: int, count: int) -> Groups:
    """Return a random number below `_MOST_GROUPS` for each of `count` things, all numbers about as often."""
    numbers = np.empty(count, dtype=np.intp)
    numbers[np.random.default_rng(seed).permutation(count)] = np.arange(count) % _MOST_GROUPS
    return numbers


def _membership(groups: Groups, count: int) -> tuple[SparseRows, Floats]:
    """Return the groups as a matrix (G, N) of 1 for each member, and their sizes (G,)."""
    from scipy.sparse import csr_array  # slow to import, and few commands score many rows

    rows = len(groups)
    member = csr_array((np.ones(rows), (groups, np.arange(rows))), shape=(count, rows))
    return member, np.bincount(groups, minlength=count).astype(np.float64)


def _draw_rows(seed: int, rows: int, resamples: int) -> Floats:
    """Return row weights (resamples, N): how often each row is in N draws. N is at most 2 * _MOST_GROUPS."""
    kept = _kept_draws(seed, rows, max(resamples, _MOST_RESAMPLES))
    return kept[:resamples].astype(np.float64)


# The nodes of a run have few different numbers of rows. Drawing took longer than scoring.
@lru_cache(maxsize=8)
def _kept_draws(seed: int, rows: int, resamples: int) -> npt.NDArray[np.uint16]:
    """Return the draws in at most 2 bytes per row and resample. Callers must not change them."""
    drawn = list(_draw_blocks(np.random.default_rng(seed), rows, resamples))
    return np.concatenate(drawn).astype(np.uint16)


def _draw_blocks(generator: np.random.Generator, rows: int, resamples: int) -> Iterator[Floats]:
    """Yield row weights (b, N) in blocks of bounded memory: how often each row is in N draws."""
    block = max(1, _MAX_BLOCK_WEIGHTS // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        picks = generator.integers(0, rows, (size, rows))
        picks += rows * np.arange(size)[:, None]
        drawn = np.bincount(picks.ravel(), minlength=size * rows)
        yield drawn.reshape(size, rows).astype(np.float64)
