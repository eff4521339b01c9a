"""The split of labelled rows into training, validation and audit rows, fixed per data fingerprint (seed 42).

The rules, in order of precedence:

* **Size.** The audit part takes 10 % of the labelled rows. If 10 % are fewer than 200 rows, the audit part
  takes exactly 200 rows, provided that 200 rows are at most 15 %; otherwise there are no audit rows. The
  validation part takes 20 % of the remaining rows; with K folds (see `folds`) it is fold 0 and takes 1 / K.
* **Folds of the user win.** The last fold is the validation part, and the other folds train. Audit rows come
  from the last fold (at most half of it), so that training rows keep the folds of the user.
* **Groups stay whole**, in validation and audit. With times as well, the latest groups are held out.
* **Times.** The latest block is the audit part, the block before it the validation part. Rows of one moment
  stay together.
* **Pseudo-novel classes.** Where some classes count as novel (see `open_set`), all their rows that are no
  audit rows are validation rows, beside those drawn by the other rules; there are no folds.
* **Otherwise** the rows are stratified: single labels by class, regression by quantiles of the first target,
  label sets by the greedy rule of Sechidis et al. 2011 (rarest label first).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.competition.preparation.draws import LabelledRows, Positions, draw_hold_out, latest_rows
from agent.competition.preparation.folds import MOST_ROWS, Folds, NoFoldsError, draw_folds, wants_folds
from agent.core.errors import SetupError, redacted_as

__all__ = [
    "SEED",
    "Folds",
    "LabelledRows",
    "Split",
    "audit_size",
    "latest_rows",
    "may_have_folds",
    "split_rows",
]

SEED = 42
AUDIT_SHARE, MAX_AUDIT_SHARE, AUDIT_ROWS = 0.10, 0.15, 200
VALIDATION_SHARE = 0.20
MIN_LABELLED = 5


@dataclass(frozen=True)
class Split:
    """Positions of the rows of each part, ascending, and warnings for the user.

    With `folds`, the validation part is fold 0, and the training part holds the other folds.
    """

    train: Positions
    val: Positions
    audit: Positions
    warnings: tuple[str, ...] = ()
    folds: Folds | None = None


@redacted_as("there are too few labelled rows to split")
def split_rows(rows: LabelledRows, *, mix_audit: bool = True, allow_folds: bool = True) -> Split:
    """Split all labelled rows. Equal rows give equal splits.

    Raises:
        SetupError: the rows are too few, or have only one group, fold or moment.
    """
    count = rows.target.rows
    if count < MIN_LABELLED:
        raise SetupError(f"There are {count} labelled rows; a split needs at least {MIN_LABELLED}.")
    rng = np.random.default_rng(SEED)
    all_rows = np.arange(count)
    own_val = None if rows.folds is None else _last_fold(rows.folds)
    pool = all_rows if own_val is None else own_val
    audit, warnings = _draw_audit(rows, pool, rng, mix_audit)
    rest = np.setdiff1d(all_rows, audit)
    state, folds = rng.bit_generator.state, None
    if allow_folds and rows.pseudo_novel is None and wants_folds(rows, rest):
        try:
            folds = draw_folds(rows, rest, rng)
        except NoFoldsError as reason:
            warnings += (f"One part of the labelled rows validates, not several folds: {reason}.",)
            rng.bit_generator.state = state
    if folds is not None:
        val = folds.rows(0)
    elif own_val is None:
        val = draw_hold_out(rows, rest, max(1, round(VALIDATION_SHARE * len(rest))), rng)
    else:
        val = np.setdiff1d(own_val, audit)
    if rows.pseudo_novel is not None:
        val = np.union1d(val, rest[rows.pseudo_novel[rest]])
    return Split(np.setdiff1d(rest, val), val, audit, warnings, folds)


def may_have_folds(labelled: int) -> bool:
    """Return whether so many labelled rows can have folds; a cheap test before the split."""
    return labelled * (1 - MAX_AUDIT_SHARE) <= MOST_ROWS


def audit_size(labelled: int) -> int:
    """Return the number of audit rows; 0 if there are too few labelled rows."""
    tenth = round(AUDIT_SHARE * labelled)
    if tenth >= AUDIT_ROWS:
        return tenth
    return AUDIT_ROWS if labelled * MAX_AUDIT_SHARE >= AUDIT_ROWS else 0


def _draw_audit(
    rows: LabelledRows, pool: Positions, rng: np.random.Generator, mix_audit: bool
) -> tuple[Positions, tuple[str, ...]]:
    none = np.empty(0, dtype=np.intp)
    if not mix_audit:
        return none, (
            "No audit rows: the competition forbids mixing audit rows into the rows to predict (mix_audit).",
        )
    count = audit_size(rows.target.rows)
    if rows.folds is not None:
        count = min(count, len(pool) // 2)
    if count < AUDIT_ROWS:
        return none, (
            f"No audit rows: {len(pool)} labelled rows are too few to withhold {AUDIT_ROWS}; "
            "only validation scores decide among the finalists.",
        )
    divisible = [keys for keys in (rows.groups, rows.times) if keys is not None]
    if divisible and len(np.unique(divisible[0][pool])) < 3:
        return none, ("No audit rows: there are fewer than three groups or moments.",)
    audit = draw_hold_out(rows, pool, count, rng)
    if not count <= len(audit) <= 1.5 * count:
        return none, ("No audit rows: the groups or moments are too large for a small audit part.",)
    return audit, ()


def _last_fold(folds: NDArray[np.intp]) -> Positions:
    last = np.flatnonzero(folds == folds.max())
    if len(last) == len(folds):
        raise SetupError("The fold column has only one value; give at least two folds.")
    return last
