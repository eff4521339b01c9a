"""Folds of the labelled rows that are no audit rows, fixed with the split (see `splits`).

* **How many.** 8 below 3,000 rows, otherwise 5; fewer if a fold would hold fewer than 5 rows, or if classes,
  groups or moments are few. There are none above 20,000 rows, nor for groups with times.
* **Fold 0 is the validation part.** The other folds are drawn from the remaining rows by the same rules.
* **Executed folds.** A fold is held out only if the rows that train for it are at least half of all rows. The
  executed folds come first.
* **Times.** The folds are blocks in time, fold 0 the latest. Only earlier blocks train for a block.
* **Folds of the user.** The last one is fold 0, the one before it fold 1, and so on; at most 10 are executed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.competition.preparation.draws import LabelledRows, Positions, draw_hold_out

FEW_ROWS, FOLDS_OF_FEW, FOLDS = 3_000, 8, 5
MOST_ROWS = 20_000
SMALLEST_FOLD = 5  # rows
MOST_OWN_FOLDS = 10
_LEAST_TRAINING_SHARE = 0.5


class NoFoldsError(Exception):
    """Folds cannot be made; the message is the reason."""


@dataclass(frozen=True)
class Folds:
    """The fold of each labelled row (N,), -1 for audit rows; fold 0 is the validation part.

    The first `executed` folds are held out in turn. With `is_forward`, only rows of higher folds train.
    """

    numbers: NDArray[np.intp]
    count: int
    executed: int
    is_forward: bool = False

    def rows(self, fold: int) -> Positions:
        """Return the positions of a fold's rows, ascending."""
        return np.flatnonzero(self.numbers == fold)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of rows of each executed fold."""
        return tuple(int((self.numbers == fold).sum()) for fold in range(self.executed))


def wants_folds(rows: LabelledRows, pool: Positions) -> bool:
    """Return whether rows of this number and kind are validated by folds, if folds can be made."""
    has_late_groups = rows.folds is None and rows.groups is not None and rows.times is not None
    return len(pool) <= MOST_ROWS and not has_late_groups


def draw_folds(rows: LabelledRows, pool: Positions, rng: np.random.Generator) -> Folds:
    """Return folds of the positions in `pool`.

    Raises:
        NoFoldsError: Fewer than two folds can be held out.
        SetupError: The rows have only one group or moment.
    """
    parts = _own_parts(rows, pool) if rows.folds is not None else _drawn_parts(rows, pool, rng)
    is_forward = rows.folds is None and rows.times is not None
    if is_forward:
        executed = _executed_blocks(parts, len(pool))
    else:
        most = (1 - _LEAST_TRAINING_SHARE) * len(pool)
        later = parts[1:]
        parts = [
            parts[0],
            *(part for part in later if len(part) <= most),
            *(part for part in later if len(part) > most),
        ]
        executed = sum(len(part) <= most for part in parts) if len(parts[0]) <= most else 1
        executed = min(executed, MOST_OWN_FOLDS)
    if executed < 2:
        raise NoFoldsError(
            "folds, groups or moments are so large that only one part leaves half of the rows for training"
        )
    numbers = np.full(rows.target.rows, -1, dtype=np.intp)
    for fold, part in enumerate(parts):
        numbers[part] = fold
    return Folds(numbers, len(parts), executed, is_forward)


def _own_parts(rows: LabelledRows, pool: Positions) -> list[Positions]:
    assert rows.folds is not None
    own = rows.folds[pool]
    return [pool[own == fold] for fold in np.unique(own)[::-1]]


def _drawn_parts(rows: LabelledRows, pool: Positions, rng: np.random.Generator) -> list[Positions]:
    """Return the parts in the order of their draws, the last is what the draws leave.

    A group with more than half of the rows is a part that always trains. Parts with two labels come first, so
    that metrics of one part are defined.
    """
    giant = _giant_group(rows, pool)
    rest = np.setdiff1d(pool, giant)
    count = _fold_count(rows, rest)
    parts = []
    for fold in range(count - 1):
        if fold and _units(rows, rest) < 2:
            break
        size = max(1, round(len(rest) / (count - fold)))
        parts.append(draw_hold_out(rows, rest, size, rng))
        rest = np.setdiff1d(rest, parts[-1])
    parts.append(rest)
    if rows.times is None and rows.target.labels is not None:
        labels = rows.target.labels
        parts.sort(key=lambda part: np.count_nonzero(labels[part].sum(axis=0)) < 2)
    return [*parts, giant] if len(giant) else parts


def _giant_group(rows: LabelledRows, pool: Positions) -> Positions:
    """Return the rows of the group with more than half of all rows, if there are two other groups."""
    if rows.groups is not None:
        names, group, sizes = np.unique(rows.groups[pool], return_inverse=True, return_counts=True)
        if len(names) > 2 and sizes.max() > (1 - _LEAST_TRAINING_SHARE) * len(pool):
            giant: Positions = pool[group == sizes.argmax()]
            return giant
    return pool[:0]


def _fold_count(rows: LabelledRows, pool: Positions) -> int:
    count = FOLDS_OF_FEW if len(pool) < FEW_ROWS else FOLDS
    if (by_rows := len(pool) // SMALLEST_FOLD) < count:
        count = by_rows
        if count < 2:
            raise NoFoldsError(f"{len(pool)} labelled rows are too few")
    if rows.groups is not None or rows.times is not None:
        return min(count, max(_units(rows, pool), 2))
    if rows.target.labels is not None and rows.target.labels.shape[1] > 1:
        frequencies = np.sort(rows.target.labels[pool].sum(axis=0))
        count = min(count, int(frequencies[-2]))  # each fold can hold two classes
        if count < 2:
            raise NoFoldsError("fewer than two labels have two rows or more")
    return count


def _units(rows: LabelledRows, pool: Positions) -> int:
    """Return how many parts the rows can be divided into: groups or moments, otherwise rows."""
    keys = rows.groups if rows.groups is not None else rows.times
    return len(pool) if keys is None else len(np.unique(keys[pool]))


def _executed_blocks(parts: list[Positions], rows: int) -> int:
    """Return how many of the latest blocks leave enough earlier rows for training."""
    earlier = rows - np.cumsum([len(part) for part in parts])
    return int((earlier >= _LEAST_TRAINING_SHARE * rows).sum())
