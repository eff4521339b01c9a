"""Ranks of entrants over tables, wins, and differences, with bootstrap intervals over tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from results import Result

RESAMPLES = 10_000
SURE = (2.5, 97.5)
TIE = 1e-9


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 2, percent: bool = False) -> str:
        """Return `value [low, high]`."""
        if percent:
            return f"{100 * self.value:+.1f} % [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


@dataclass(frozen=True)
class Duel:
    """One entrant against another.

    Attributes:
        wins, ties, tables: Tables on which its mean error is lower, equal, and all tables of both.
        difference: Mean relative difference of the errors, negative where the first is better.
        seeds_won: Share of (table, seed) pairs that it wins; a tie counts half.
    """

    wins: int
    ties: int
    tables: int
    difference: Interval
    seeds_won: float


def errors_by_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return errors, one row per (table, seed), one column per entrant; a failure is infinite."""
    rows = [
        {
            "table": result.table,
            "seed": result.seed,
            "entrant": result.entrant,
            "error": np.inf if result.error is None else result.error,
        }
        for result in results
    ]
    return pd.DataFrame(rows).pivot(index=["table", "seed"], columns="entrant", values="error")


def mean_ranks(errors: pd.DataFrame, seed: int = 0) -> Mapping[str, Interval]:
    """Return each entrant's mean rank over the rows that all entrants have, first is 1.

    Ranks are averaged over seeds, then over tables. Tables are resampled for the interval.
    """
    complete = errors.dropna()
    if complete.empty:
        return {}
    by_table = complete.rank(axis=1).groupby(level="table").mean()
    return {str(name): interval(by_table[name].to_numpy(), seed) for name in by_table}


def duel(errors: pd.DataFrame, first: str, second: str, seed: int = 0) -> Duel | None:
    """Return how one entrant does against another on the rows that both have; None without such a row."""
    if first not in errors or second not in errors:
        return None
    both = errors[[first, second]].dropna()
    if both.empty:
        return None
    means = both.groupby(level="table").mean()
    gap = means[first] - means[second]
    finite = means[np.isfinite(means).all(axis=1)]
    relative = (finite[first] - finite[second]) / np.maximum(finite[[first, second]].max(axis=1), TIE)
    won = (both[first] < both[second] - TIE).astype(float) + 0.5 * ((both[first] - both[second]).abs() <= TIE)
    return Duel(
        wins=int((gap < -TIE).sum()),
        ties=int((gap.abs() <= TIE).sum()),
        tables=len(means),
        difference=interval(relative.to_numpy(), seed),
        seeds_won=float(won.mean()),
    )


def interval(values: np.ndarray, seed: int = 0) -> Interval:
    """Return the mean of values and its 95 % bootstrap interval."""
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan)
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), SURE)
    return Interval(float(values.mean()), float(low), float(high))
