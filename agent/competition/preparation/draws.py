"""Draws of held-out rows from the labelled rows; see `agent.competition.preparation.splits` for the rules."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from agent.competition.target import Target, strata_of
from agent.core.errors import SetupError, redacted_as

_GROUP_DRAWS = 30
_QUANTILE_BINS = 10

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class LabelledRows:
    """The labelled rows, with the columns that the split may use."""

    target: Target
    groups: NDArray[np.intp] | None = None
    times: NDArray[np.float64] | None = None
    folds: NDArray[np.intp] | None = None
    pseudo_novel: NDArray[np.bool_] | None = None  # rows that may not train, see `open_set`

    def take(self, rows: Positions) -> "LabelledRows":
        """Return the given rows."""
        return LabelledRows(
            self.target.take(rows),
            None if self.groups is None else self.groups[rows],
            None if self.times is None else self.times[rows],
            None if self.folds is None else self.folds[rows],
            None if self.pseudo_novel is None else self.pseudo_novel[rows],
        )


def draw_hold_out(rows: LabelledRows, pool: Positions, count: int, rng: np.random.Generator) -> Positions:
    """Draw about `count` positions from `pool`, ascending. Stratified draws return exactly `count`."""
    if rows.groups is not None:
        chosen = _whole_groups(rows, pool, count, rng)
    elif rows.times is not None:
        chosen = latest_rows(rows.times[pool], count)
    elif rows.target.values is not None:
        chosen = _systematic_sample(rows.target.values[pool, 0], count, rng)
    else:
        labels = _labels(rows.target)[pool]
        single = bool((np.diff(labels.indptr) == 1).all())
        chosen = (
            _systematic_sample(_by_frequency(labels), count, rng)
            if single
            else _iterative_stratification(labels, count, rng)
        )
    positions: Positions = np.sort(pool[chosen])
    return positions


@redacted_as("the time column has only one value, so no rows are later than others")
def latest_rows(times: NDArray[np.float64], count: int) -> Positions:
    """Return the latest `count` rows or slightly more, since rows of one moment stay together."""
    cut = np.sort(times)[-count]
    if cut == times.min():
        later = times[times > cut]
        if not len(later):
            raise SetupError("The time column has only one value; a split by time needs at least two.")
        cut = later.min()
    return np.flatnonzero(times >= cut)


def _systematic_sample(key: NDArray[np.float64], count: int, rng: np.random.Generator) -> Positions:
    """Systematic sampling: draw one random row from each of `count` equal blocks of the sorted key."""
    order = np.lexsort((rng.random(len(key)), key))
    edges = np.linspace(0, len(key), count + 1).astype(np.intp)
    chosen: Positions = order[rng.integers(edges[:-1], edges[1:])]
    return chosen


def _by_frequency(labels: sparse.csr_array) -> NDArray[np.float64]:
    """Return the frequency rank of the class of each row (N,), so that rare classes share blocks."""
    rank = np.argsort(np.argsort(-labels.sum(axis=0), kind="stable"))
    key: NDArray[np.float64] = rank[labels.indices].astype(np.float64)
    return key


def _iterative_stratification(labels: sparse.csr_array, count: int, rng: np.random.Generator) -> Positions:
    """Draw exactly `count` rows by two-way iterative stratification of label sets.

    Each step takes the rarest remaining label and assigns its rows to the side that lacks the label most.
    Complexity: O(non-zeros + C^2).

    Source: Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", 2011.
    """
    rows = labels.shape[0]
    share = count / rows
    labels = sparse.csr_array(labels[(shuffled := rng.permutation(rows))])
    bounds, members = labels.indptr.tolist(), labels.indices.tolist()
    sets = [members[bounds[row] : bounds[row + 1]] for row in range(rows)]
    by_label = sparse.csc_array(labels)
    left = np.asarray(labels.sum(axis=0)).ravel().astype(np.int64)
    demand = (left * share).tolist(), (left * (1 - share)).tolist()  # of the hold-out, of the remaining rows
    capacity = [count, rows - count]
    side = np.full(rows, -1, dtype=np.int8)

    def assign(row: int, to: int) -> None:
        side[row] = to
        capacity[to] -= 1
        for label in sets[row]:
            demand[to][label] -= 1
        left[sets[row]] -= 1

    while left.any():
        label = int(np.where(left > 0, left, rows + 1).argmin())
        for row in by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]].tolist():
            if side[row] < 0:
                urgency = (
                    (demand[0][label], capacity[0] * (1 - share)),
                    (demand[1][label], capacity[1] * share),
                )
                assign(row, 0 if capacity[0] and (not capacity[1] or urgency[0] > urgency[1]) else 1)
    unlabelled = np.flatnonzero(side < 0)  # in random order already
    side[unlabelled[: capacity[0]]] = 0
    chosen: Positions = shuffled[side == 0]
    return chosen


@redacted_as("the group column has only one value, so no group can be held out")
def _whole_groups(rows: LabelledRows, pool: Positions, count: int, rng: np.random.Generator) -> Positions:
    """Return the rows of whole groups, about `count` rows.

    With times, the latest groups; otherwise the most typical label distribution of 30 random draws.
    """
    assert rows.groups is not None
    groups, group = np.unique(rows.groups[pool], return_inverse=True)
    if len(groups) < 2:
        raise SetupError("The group column has only one value; a split by group needs at least two.")
    sizes = np.bincount(group)
    if rows.times is not None:
        last = np.full(len(groups), -np.inf)
        np.maximum.at(last, group, rows.times[pool])
        return np.flatnonzero(_mark_first_groups(np.argsort(-last, kind="stable"), sizes, count)[group])
    strata = strata_of(rows.target, _QUANTILE_BINS)[pool]
    overall = _distribution(strata)
    best, best_distance = np.empty(0, dtype=np.intp), np.inf
    for _ in range(_GROUP_DRAWS):
        drawn = np.flatnonzero(_mark_first_groups(rng.permutation(len(groups)), sizes, count)[group])
        distance = abs(len(drawn) - count) / count + np.abs(_distribution(strata[drawn]) - overall).sum()
        if distance < best_distance:
            best, best_distance = drawn, distance
    return best


def _mark_first_groups(order: Positions, sizes: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Mark the first groups of `order` (G,) that reach `count` rows, leaving at least one group unmarked."""
    taken = min(int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1, len(order) - 1)
    marked = np.zeros(len(order), dtype=np.bool_)
    marked[order[:taken]] = True
    return marked


def _distribution(strata: sparse.csr_array) -> NDArray[np.float64]:
    totals = np.asarray(strata.sum(axis=0), dtype=np.float64).ravel()
    distribution: NDArray[np.float64] = totals / max(totals.sum(), 1.0)
    return distribution


def _labels(target: Target) -> sparse.csr_array:
    assert target.labels is not None
    return target.labels
