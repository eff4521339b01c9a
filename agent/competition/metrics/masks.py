"""Areas of masks as sparse run lengths (N, P): each run stores its length in the column of its first pixel.

The runs of a row do not overlap and end within the row, so all rows fit on one line of pixels.
"""

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.rows import Floats, SparseRows


def mask_areas(truth: SparseRows, prediction: SparseRows) -> tuple[Floats, Floats, Floats]:
    """Return the numbers (N,) of common, true and predicted pixels of each row."""
    rows, starts, lengths = _flatten_runs(truth)
    _, other_starts, other_lengths = _flatten_runs(prediction)
    overlaps = _covered_before(starts + lengths, other_starts, other_lengths)
    overlaps -= _covered_before(starts, other_starts, other_lengths)
    common = np.bincount(rows, weights=overlaps, minlength=truth.shape[0])
    true, predicted = (np.asarray(masks.sum(axis=1), dtype=np.float64) for masks in (truth, prediction))
    return np.asarray(common, dtype=np.float64), true, predicted


def _flatten_runs(masks: SparseRows) -> tuple[npt.NDArray[np.int64], ...]:
    """Return row, first pixel and length of every run, ascending, with the pixels of all rows on one line."""
    ordered = masks.copy()
    ordered.sort_indices()
    rows = np.repeat(np.arange(masks.shape[0], dtype=np.int64), np.diff(ordered.indptr))
    return rows, rows * masks.shape[1] + ordered.indices, ordered.data.astype(np.int64)


def _covered_before(
    pixels: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the number of pixels of the runs that lie before each of the given pixels."""
    if not len(starts):
        return np.zeros(len(pixels), dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(lengths)])
    run = np.searchsorted(starts, pixels, side="right") - 1
    inside = np.clip(pixels - starts[np.maximum(run, 0)], 0, lengths[np.maximum(run, 0)])
    covered: npt.NDArray[np.int64] = np.where(run < 0, 0, before[np.maximum(run, 0)] + inside)
    return covered
