"""Rows of several targets: a structured array (N,) with one field per target.

A field holds what an array of that target alone would hold (see `rows`), with label sets as dense bool. So
rows are picked and stacked for all targets at once, and the array says itself what it holds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.rows import Rows, is_sparse


def join_targets(targets: Mapping[str, Rows]) -> Rows:
    """Return the rows of several targets as one structured array (N,)."""
    arrays: dict[str, npt.NDArray[Any]] = {
        name: rows.toarray() if is_sparse(rows) else np.asarray(rows) for name, rows in targets.items()
    }
    fields = [(name, array.dtype, array.shape[1:]) for name, array in arrays.items()]
    joined = np.empty(len(next(iter(arrays.values()))), dtype=fields)
    for name, array in arrays.items():
        joined[name] = array
    return joined


def names_of_targets(rows: Rows) -> tuple[str, ...]:
    """Return the names of several targets; empty for the rows of one target."""
    return () if is_sparse(rows) else (rows.dtype.names or ())


def target_rows(rows: Rows, target: str) -> Rows:
    """Return the rows of one of several targets in the form of `rows`."""
    array = np.ascontiguousarray(rows[target])
    if array.dtype == np.bool_:
        from scipy.sparse import csr_array  # slow to import, and few commands score label sets

        return csr_array(array)
    return array
