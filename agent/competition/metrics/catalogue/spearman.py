"""Spearman's rank correlation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.correlation import correlation, correlation_source
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, as_columns
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.metrics.source import MetricSource, SourceContext

_MIN_ROWS = 128  # fewer rows are resampled one by one


@dataclass(frozen=True)
class _Ranks:
    """The ranks of one column of values. Equal values share their mean rank."""

    order: npt.NDArray[np.intp]  # (N,)
    run_starts: npt.NDArray[np.intp]  # (G,), start of each run of equal values
    run_of_row: npt.NDArray[np.intp]  # (N,), index of the run of each row

    @classmethod
    def from_values(cls, values: Floats) -> "_Ranks":
        order = np.argsort(values, kind="stable")
        ties = np.concatenate([[0], np.flatnonzero(np.diff(values[order])) + 1])
        run_of_row = np.empty(len(values), dtype=np.intp)
        run_of_row[order] = np.repeat(np.arange(len(ties)), np.diff([*ties, len(values)]))
        return cls(order, ties, run_of_row)

    def centred_ranks(self, weights: Floats) -> Floats:
        """Return ranks (B, N) minus their mean, with row n repeated weights[b, n] times."""
        runs = np.add.reduceat(weights[:, self.order], self.run_starts, axis=1)
        mean_ranks = np.cumsum(runs, axis=1) - runs / 2
        centred: Floats = mean_ranks[:, self.run_of_row] - weights.sum(axis=1, keepdims=True) / 2
        return centred

    def mean_above(self, values: Floats) -> Floats:
        """Return sums (N,) of values (N,) over the rows above a row and half its equals, divided by N."""
        runs = np.add.reduceat(values[self.order], self.run_starts)
        above = runs[::-1].cumsum()[::-1] - runs / 2
        shares: Floats = above[self.run_of_row] / len(values)
        return shares


@dataclass(frozen=True)
class _RankCorrelation:
    pairs: tuple[tuple[_Ranks, _Ranks], ...]  # per target

    def scores(self, weights: Floats) -> Floats:
        rows = weights.sum(axis=1)
        found = []
        for true, guess in self.pairs:
            x, y = true.centred_ranks(weights), guess.centred_ranks(weights)
            # Both centred ranks have mean 0.
            means = [(weights * product).sum(axis=1) / rows for product in (x * x, y * y, x * y)]
            found.append(correlation(np.zeros_like(rows), np.zeros_like(rows), *means))
        mean: Floats = np.mean(found, axis=0)
        return mean

    def linearise(self) -> AdditiveScorer | None:
        """Return the expansion of the three moments of centred ranks; None for few rows."""
        rows = len(self.pairs[0][0].order)
        if rows < _MIN_ROWS:
            return None
        every_row_once = np.ones((1, rows))
        columns = []
        for true, guess in self.pairs:
            x, y = (ranks.centred_ranks(every_row_once)[0] / rows for ranks in (true, guess))
            columns += [
                x * x + 2 * true.mean_above(x) - 2 * (x * x).mean(),
                y * y + 2 * guess.mean_above(y) - 2 * (y * y).mean(),
                x * y + true.mean_above(y) + guess.mean_above(x) - 2 * (x * y).mean(),
            ]

        def finish(totals: Floats, count: Floats) -> Floats:
            zeros = np.zeros_like(count)
            moments = (totals / count[:, None]).T.reshape(-1, 3, len(count))
            found = [correlation(zeros, zeros, *three) for three in moments]
            mean: Floats = np.mean(found, axis=0)
            return mean

        return AdditiveScorer(np.stack(columns, axis=1), finish)


def spearman(truth: Rows, prediction: Rows) -> _RankCorrelation:
    """Pearson's correlation of the ranks (Spearman, 1904)."""
    true, guess = as_columns(truth), as_columns(prediction)
    return _RankCorrelation(
        tuple(
            (_Ranks.from_values(true[:, index]), _Ranks.from_values(guess[:, index]))
            for index in range(true.shape[1])
        )
    )


def source(context: SourceContext) -> MetricSource:
    return correlation_source("spearmanr")


METRIC = Metric(
    name="spearman",
    definition="Spearman's rank correlation, averaged over targets.",
    higher_is_better=True,
    prediction_kinds={"regression": "value"},
    scorer=spearman,
    source=source,
)
