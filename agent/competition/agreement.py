"""Agreement of two submissions on the test rows, whose labels nobody here knows."""

from pathlib import Path

import numpy as np
from scipy import sparse

from agent.competition.evaluation import require_own_file, test_ids
from agent.competition.metrics.rows import Floats, Rows, is_sparse
from agent.competition.metrics.target_rows import target_rows
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, read_predictions
from agent.core.contract import SUBMISSION_FILE

# A refit on a few more rows changes predictions a little. Below this correlation it learned something else.
MIN_AGREEMENT = 0.2


def agreement_on_test_rows(prepared: Prepared, before: Path, after: Path) -> float | None:
    """Return the correlation of two workspaces' predictions; None if a submission is constant.

    Of several targets, the mean of those whose predictions vary counts.

    Args:
        prepared: the prepared competition.
        before: a workspace whose submission holds audit rows and test rows.
        after: a workspace whose submission holds the test rows only.

    Raises:
        SubmissionError: a submission is invalid.
    """
    form = SubmissionFormat.of(prepared)
    ids, audit_ids = test_ids(prepared)
    file = require_own_file(before, SUBMISSION_FILE)
    first = read_predictions(file, form, [*ids, *audit_ids])[: len(ids)]
    second = read_predictions(require_own_file(after, SUBMISSION_FILE), form, ids)
    if not form.parts:
        return _agreement(form, first, second)
    names = [(part, part.answer_columns[0]) for part in form.parts]
    each = [_agreement(part, target_rows(first, name), target_rows(second, name)) for part, name in names]
    known = [value for value in each if value is not None]
    return float(np.mean(known)) if known else None


def _agreement(form: SubmissionFormat, first: Rows, second: Rows) -> float | None:
    """Return the correlation of two predictions of one target."""
    classes = None if form.kind not in ("label", "ranking") else len(form.classes)
    return _correlation(_as_matrix(first, classes), _as_matrix(second, classes))


def require_test_rows(prepared: Prepared, workspace: Path) -> None:
    """Raise SubmissionError unless the submission holds valid predictions of exactly the test rows."""
    file = require_own_file(workspace, SUBMISSION_FILE)
    read_predictions(file, SubmissionFormat.of(prepared), test_ids(prepared)[0])


def _as_matrix(rows: Rows, classes: int | None) -> "Floats | sparse.csr_array":
    """Return predictions as numbers (N, K); labels, or the first labels of rankings, as indicators."""
    if is_sparse(rows):
        return sparse.csr_array(rows, dtype=np.float64)
    if classes is None:
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    labels = np.asarray(rows).reshape(len(rows), -1)[:, 0]
    return sparse.csr_array((np.ones(len(labels)), (np.arange(len(labels)), labels)), (len(labels), classes))


def _correlation(first: "Floats | sparse.csr_array", second: "Floats | sparse.csr_array") -> float | None:
    """Return the correlation over all cells after each column's mean is removed; None without variance."""
    rows = first.shape[0]
    means = [np.asarray(matrix.mean(axis=0)).ravel() for matrix in (first, second)]

    def covariance(left: int, right: int) -> float:
        pair = (first, second)
        return float((pair[left] * pair[right]).sum() - rows * (means[left] * means[right]).sum())

    spread = covariance(0, 0) * covariance(1, 1)
    return covariance(0, 1) / spread**0.5 if spread > 1e-18 else None
