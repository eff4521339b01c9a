"""Which labelled rows train, validate and audit: decided once per competition's data, seed 42.

The rules, in order of precedence:

* **Size.** Audit: 10 % of the labelled rows; where that is fewer than 200, exactly 200 as long as they are at
  most 15 % of the rows; otherwise none. Validation: 20 % of what remains.
* **A user's own folds win**: the last fold is the validation part, the others train. Audit rows come out of
  that last fold (at most half of it), so that training rows keep the user's folds.
* **Groups stay whole** (for validation and audit alike). With times as well, the latest groups are held out.
* **Times**: the latest block audits, the block before it validates; rows of one moment stay together.
* **Otherwise** rows are stratified: single-label by class, regression by the first target's quantiles, label
  sets by the greedy rule of Sechidis et al. 2011 (rarest label first).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from agent.competition.target import Target
from agent.errors import SetupError

SEED = 42
AUDIT_SHARE, AUDIT_SHARE_AT_MOST, AUDIT_ROWS = 0.10, 0.15, 200
VALIDATION_SHARE = 0.20
MIN_LABELLED = 5
_GROUP_DRAWS = 30
_QUANTILE_BINS = 10

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class LabelledRows:
    """What the split may look at, row by row."""

    target: Target
    groups: NDArray[np.intp] | None = None
    times: NDArray[np.float64] | None = None
    folds: NDArray[np.intp] | None = None

    def take(self, rows: Positions) -> "LabelledRows":
        """Some of the rows."""
        return LabelledRows(
            self.target.take(rows),
            None if self.groups is None else self.groups[rows],
            None if self.times is None else self.times[rows],
            None if self.folds is None else self.folds[rows],
        )


@dataclass(frozen=True)
class Split:
    """Positions of rows, each ascending; `warnings` are sentences for the user."""

    train: Positions
    val: Positions
    audit: Positions
    warnings: tuple[str, ...] = ()


def split_rows(rows: LabelledRows, *, mix_audit: bool = True) -> Split:
    """Splits all labelled rows; the same rows give the same split.

    Raises:
        SetupError: too few rows, one group, one fold or one moment only.
    """
    count = rows.target.rows
    if count < MIN_LABELLED:
        raise SetupError(
            f"There are {count} labelled rows; at least {MIN_LABELLED} are needed to split them."
        )
    rng = np.random.default_rng(SEED)
    everything = np.arange(count)
    own_val = None if rows.folds is None else _last_fold(rows.folds)
    pool = everything if own_val is None else own_val
    audit, warnings = _audit(rows, pool, rng, mix_audit)
    rest = np.setdiff1d(everything, audit)
    if own_val is None:
        val = hold_out(rows, rest, max(1, round(VALIDATION_SHARE * len(rest))), rng)
    else:
        val = np.setdiff1d(own_val, audit)
    return Split(np.setdiff1d(rest, val), val, audit, warnings)


def audit_size(labelled: int) -> int:
    """How many of the labelled rows are audit rows; 0 where there are too few."""
    tenth = round(AUDIT_SHARE * labelled)
    if tenth >= AUDIT_ROWS:
        return tenth
    return AUDIT_ROWS if labelled * AUDIT_SHARE_AT_MOST >= AUDIT_ROWS else 0


def hold_out(rows: LabelledRows, pool: Positions, count: int, rng: np.random.Generator) -> Positions:
    """Draws about `count` positions of `pool` (exactly, when rows are stratified), ascending."""
    if rows.groups is not None:
        chosen = _whole_groups(rows, pool, count, rng)
    elif rows.times is not None:
        chosen = _latest(rows.times[pool], count)
    elif rows.target.values is not None:
        chosen = _systematic(rows.target.values[pool, 0], count, rng)
    else:
        labels = _labels(rows.target)[pool]
        single = bool((np.diff(labels.indptr) == 1).all())
        chosen = _systematic(_by_frequency(labels), count, rng) if single else _iterative(labels, count, rng)
    positions: Positions = np.sort(pool[chosen])
    return positions


def _audit(
    rows: LabelledRows, pool: Positions, rng: np.random.Generator, mix_audit: bool
) -> tuple[Positions, tuple[str, ...]]:
    none = np.empty(0, dtype=np.intp)
    if not mix_audit:
        return none, ("No audit rows: the competition forbids mixing them into the rows to predict.",)
    count = audit_size(rows.target.rows)
    if rows.folds is not None:
        count = min(count, len(pool) // 2)
    if count < AUDIT_ROWS:
        return none, (
            f"No audit rows: {len(pool)} labelled rows are too few to withhold {AUDIT_ROWS}; "
            "the choice among finalists rests on validation alone.",
        )
    divisible = [keys for keys in (rows.groups, rows.times) if keys is not None]
    if divisible and len(np.unique(divisible[0][pool])) < 3:
        return none, ("No audit rows: there are too few groups or moments to withhold some.",)
    audit = hold_out(rows, pool, count, rng)
    if not count <= len(audit) <= 1.5 * count:
        return none, (
            "No audit rows: groups or moments are too large to withhold a small share of the rows.",
        )
    return audit, ()


def _last_fold(folds: NDArray[np.intp]) -> Positions:
    last = np.flatnonzero(folds == folds.max())
    if len(last) == len(folds):
        raise SetupError("The fold column has one value only; at least two folds are needed.")
    return last


def _latest(times: NDArray[np.float64], count: int) -> Positions:
    """Rows from the moment on that the count-th latest row has; a moment is never cut."""
    cut = np.sort(times)[-count]
    if cut == times.min():
        later = times[times > cut]
        if not len(later):
            raise SetupError("The time column has one value only, so no rows are later than others.")
        cut = later.min()
    return np.flatnonzero(times >= cut)


def _systematic(key: NDArray[np.float64], count: int, rng: np.random.Generator) -> Positions:
    """One random row out of each of `count` equal blocks along the sorted key: a stratum gets its share."""
    order = np.lexsort((rng.random(len(key)), key))
    edges = np.linspace(0, len(key), count + 1).astype(np.intp)
    chosen: Positions = order[rng.integers(edges[:-1], edges[1:])]
    return chosen


def _by_frequency(labels: sparse.csr_array) -> NDArray[np.float64]:
    """Class of each row, renumbered by frequency: rare classes lie side by side and share a block."""
    rank = np.argsort(np.argsort(-labels.sum(axis=0), kind="stable"))
    key: NDArray[np.float64] = rank[labels.indices].astype(np.float64)
    return key


def _iterative(labels: sparse.csr_array, count: int, rng: np.random.Generator) -> Positions:
    """Two-way iterative stratification of label sets, exactly `count` rows.

    The rarest label left decides next; its rows go where that label is wanted most. O(non-zeros + C^2).
    Source: Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", 2011.
    """
    rows = labels.shape[0]
    share = count / rows
    labels = sparse.csr_array(labels[(shuffled := rng.permutation(rows))])
    bounds, members = labels.indptr.tolist(), labels.indices.tolist()
    sets = [members[bounds[row] : bounds[row + 1]] for row in range(rows)]
    by_label = sparse.csc_array(labels)
    left = np.asarray(labels.sum(axis=0)).ravel().astype(np.int64)
    wants = (left * share).tolist(), (left * (1 - share)).tolist()  # of the hold-out, of the rest
    room = [count, rows - count]
    side = np.full(rows, -1, dtype=np.int8)

    def assign(row: int, to: int) -> None:
        side[row] = to
        room[to] -= 1
        for label in sets[row]:
            wants[to][label] -= 1
        left[sets[row]] -= 1

    while left.any():
        label = int(np.where(left > 0, left, rows + 1).argmin())
        for row in by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]].tolist():
            if side[row] < 0:
                wanted = (wants[0][label], room[0] * (1 - share)), (wants[1][label], room[1] * share)
                assign(row, 0 if room[0] and (not room[1] or wanted[0] > wanted[1]) else 1)
    unlabelled = np.flatnonzero(side < 0)  # in random order already
    side[unlabelled[: room[0]]] = 0
    chosen: Positions = shuffled[side == 0]
    return chosen


def _whole_groups(rows: LabelledRows, pool: Positions, count: int, rng: np.random.Generator) -> Positions:
    """Groups that together hold about `count` rows: the latest, or of several draws the most typical."""
    assert rows.groups is not None
    names, group = np.unique(rows.groups[pool], return_inverse=True)
    if len(names) < 2:
        raise SetupError("The group column has one value only, so whole groups cannot be held out.")
    sizes = np.bincount(group)
    if rows.times is not None:
        last = np.full(len(names), -np.inf)
        np.maximum.at(last, group, rows.times[pool])
        return np.flatnonzero(_prefix(np.argsort(-last, kind="stable"), sizes, count)[group])
    strata = _strata(rows.target)[pool]
    overall = _distribution(strata)
    best, best_distance = np.empty(0, dtype=np.intp), np.inf
    for _ in range(_GROUP_DRAWS):
        drawn = np.flatnonzero(_prefix(rng.permutation(len(names)), sizes, count)[group])
        distance = abs(len(drawn) - count) / count + np.abs(_distribution(strata[drawn]) - overall).sum()
        if distance < best_distance:
            best, best_distance = drawn, distance
    return best


def _prefix(order: Positions, sizes: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Marks the first groups of the order that reach `count` rows, leaving one group at least."""
    taken = min(int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1, len(order) - 1)
    marked = np.zeros(len(order), dtype=np.bool_)
    marked[order[:taken]] = True
    return marked


def _strata(target: Target) -> sparse.csr_array:
    """(N, C) membership: the labels, or for regression the quantile bins of the first target."""
    if target.labels is not None:
        return target.labels
    assert target.values is not None
    rank = np.argsort(np.argsort(target.values[:, 0], kind="stable"))
    bins = rank * _QUANTILE_BINS // len(rank)
    cells = (np.ones(len(rank), dtype=np.int32), (np.arange(len(rank)), bins))
    return sparse.csr_array(sparse.coo_array(cells, (len(rank), _QUANTILE_BINS)))


def _distribution(strata: sparse.csr_array) -> NDArray[np.float64]:
    totals = np.asarray(strata.sum(axis=0), dtype=np.float64).ravel()
    distribution: NDArray[np.float64] = totals / max(totals.sum(), 1.0)
    return distribution


def _labels(target: Target) -> sparse.csr_array:
    assert target.labels is not None
    return target.labels
