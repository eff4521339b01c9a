"""The arrays that metrics take, one form per kind of prediction.

With N rows, C classes and T targets:

- label: `(N,)` int class indices
- label_set: `(N, C)` bool csr_array
- probability: `(N, C)` float
- ranking: `(N, K)` distinct int class indices, best first, padded with -1
- value: `(N,)` float, or `(N, T)`
- mask: `(N, P)` int64 csr_array; the first pixel of each run holds the length of the run. Pixels count from 0

The truth of probabilities and rankings is a label, or a label set if the task is multilabel. Functions import
scipy when they are called, because most commands load metrics without scoring anything.
"""

from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    SparseRows: TypeAlias = csr_array
    Rows: TypeAlias = npt.NDArray[Any] | csr_array
else:
    SparseRows = Any
    Rows = Any

Floats: TypeAlias = npt.NDArray[np.float64]

_DENSE_CLASSES = 32  # fewer classes are counted faster in a dense matrix


def is_sparse(rows: Rows) -> TypeGuard[SparseRows]:
    """Return whether rows are a sparse matrix: label sets or masks."""
    return not isinstance(rows, np.ndarray)


def make_read_only(rows: Rows) -> None:
    """Make the array, or the array of cells of a sparse matrix, read-only."""
    (rows.data if is_sparse(rows) else rows).flags.writeable = False


def is_read_only(rows: Rows) -> bool:
    """Return whether `make_read_only` was called for the rows."""
    return not (rows.data if is_sparse(rows) else rows).flags.writeable


def row_count(*arrays: Rows) -> int:
    """Return the common number of rows; raises ValueError if the numbers differ or are 0."""
    counts = {int(array.shape[0]) for array in arrays}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            f"truth and predictions must have the same number of rows, at least one, not {counts}"
        )
    return counts.pop()


def as_columns(values: Rows) -> Floats:
    """Return values as float64 `(N, T)`."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def one_hot(labels: Rows, class_count: int) -> SparseRows:
    """Return labels `(N,)` as a float matrix `(N, C)`."""
    from scipy.sparse import csr_array

    count = len(labels)
    return csr_array((np.ones(count), labels, np.arange(count + 1)), shape=(count, class_count))


def pair_as_sets(truth: Rows, prediction: Rows) -> tuple[Rows, Rows]:
    """Return labels `(N,)` or label sets `(N, C)` as two float matrices `(N, C)`, dense for few classes."""
    from scipy.sparse import csr_array

    if truth.ndim == 2:
        return csr_array(truth, dtype=np.float64), csr_array(prediction, dtype=np.float64)
    class_count = int(max(truth.max(), prediction.max())) + 1
    if class_count <= _DENSE_CLASSES:
        classes = np.arange(class_count)
        return (truth[:, None] == classes).astype(np.float64), (prediction[:, None] == classes).astype(float)
    return one_hot(truth, class_count), one_hot(prediction, class_count)


def side_by_side(*matrices: Rows) -> Rows:
    """Return matrices of N rows as one matrix, which is sparse if any of them is."""
    if not any(is_sparse(matrix) for matrix in matrices):
        return np.hstack(matrices)
    from scipy.sparse import hstack

    return hstack(matrices, format="csr")


def label_keys(truth: Rows, prediction: Rows) -> npt.NDArray[np.int64] | None:
    """Return the label pair of each row as keys for `AdditiveScorer`; None for label sets."""
    return np.stack([truth, prediction], axis=1) if truth.ndim == 1 else None
