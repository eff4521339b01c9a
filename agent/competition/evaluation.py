"""Scoring of a finished candidate: the harness scores its files on the validation rows and audit rows."""

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from agent.competition.final_form import fill_sample, write_final
from agent.competition.hold_out import (
    ValidationRows,
    groups_of_part,
    load_answers,
    load_submission,
    load_validation,
    row_ids,
)
from agent.competition.metrics import (
    Metric,
    Rows,
    SandboxRunner,
    WeightedScorer,
    metric_of,
    score_rows,
    score_targets,
    standard_error,
)
from agent.competition.metrics.rows import SparseRows, is_sparse
from agent.competition.metrics.target_rows import names_of_targets, target_rows
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, perfect_predictions, write_atomically
from agent.competition.tables import read_table
from agent.competition.untrusted_csv import SubmissionError, match_ids, read_text_columns
from agent.core.contract import SUBMISSION_FILE, VALIDATION_FILE
from agent.core.errors import SetupError, redacted_as

_METRIC_LINE = "Final Validation Metric:"
_PRINTED_TOLERANCE = 1e-6  # relative
_MAX_GAP_ERRORS = 4.0  # joint standard errors that the validation score may exceed the audit score by
# Perfect validation predictions are suspect if the audit rows make them less probable than this.
_MIN_PERFECT_PROBABILITY = 1e-3


class Evaluation(BaseModel):
    """The scores of one candidate. A candidate without a fault is valid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str | None = Field(default=None, description="Why the candidate is invalid, one sentence.")
    suspect: str | None = Field(default=None, description="Why the validation score is suspect.")
    validation: float | None = Field(default=None, description="The metric on all predicted labelled rows.")
    validation_error: float | None = Field(
        default=None, description="Standard error of the validation score."
    )
    folds: int = Field(default=1, description="Number of folds whose rows are predicted, from fold 0.")
    fold_scores: tuple[float | None, ...] = Field(
        default=(), description="The metric on folds 0 to j together; None where it is undefined."
    )
    audit: float | None = Field(
        default=None, description="The metric on the audit rows; None without audit rows."
    )
    audit_error: float | None = Field(default=None, description="Standard error of the audit score.")
    target_scores: dict[str, float | None] = Field(
        default_factory=dict,
        description="Of several targets, the score of each by its own metric on the validation rows.",
    )
    target_parts: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="Of targets with a novel class, what `TargetScore.parts` says."
    )

    @property
    def valid(self) -> bool:
        return self.fault is None


def parse_printed_metric(log: str) -> float:
    """Return the value of the line `Final Validation Metric: <value>` in a candidate's output.

    Raises:
        SubmissionError: the output has no such line or several, or the value is not a finite number.
    """
    lines = [line.strip() for line in log.splitlines() if _METRIC_LINE in line]
    if len(lines) != 1:
        raise SubmissionError(
            f"The output holds {len(lines)} lines '{_METRIC_LINE} <value>'; print exactly one."
        )
    match = re.fullmatch(re.escape(_METRIC_LINE) + r"\s*(\S+)", lines[0])
    try:
        value = float(match[1]) if match else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SubmissionError(
            f"The output line {lines[0][:120]!r} holds no finite number; print '{_METRIC_LINE} <value>'."
        )
    return value


def evaluate(
    prepared: Prepared, workspace: Path, printed: float | None, run: SandboxRunner | None = None
) -> Evaluation:
    """Score the files of a finished candidate.

    An error of the candidate becomes the `fault` of the result. The function writes nothing into the
    workspace, so that no answers can leak there.

    Args:
        prepared: the prepared competition.
        workspace: the folder of the candidate.
        printed: the validation score that the candidate printed.
        run: runs the metric of the competition (`metric.py`), if the competition has one.

    Raises:
        SetupError: the answers of the harness are missing or damaged, or `metric.py` failed.
    """
    metric = metric_of(prepared.spec, run)
    try:
        validation = load_validation(prepared, require_own_file(workspace, VALIDATION_FILE))
        truth, predictions = validation.truth, validation.predictions
        audit_rows = load_submission(prepared, require_own_file(workspace, SUBMISSION_FILE))
        scored = score_rows(metric, truth, predictions)
        score = scored.score
        _require_agreement(metric, score, printed)
        audit, audit_error = _audit_scores(prepared, metric, audit_rows)
    except SubmissionError as error:
        return Evaluation(fault=str(error))
    of_targets = score_targets(prepared.spec, truth, predictions)
    evaluation = Evaluation(
        validation=score,
        fold_scores=_fold_scores(prepared, scored.scorer, validation, score),
        validation_error=_standard_error(prepared, metric, "val", truth, predictions),
        audit=audit,
        audit_error=audit_error,
        folds=validation.folds,
        target_scores={one.target: one.score for one in of_targets},
        target_parts={one.target: dict(one.parts) for one in of_targets if one.parts},
    )
    return evaluation.model_copy(
        update={"suspect": _leak_reason(metric, evaluation, truth, predictions, audit_rows)}
    )


def score_audit_rows(
    prepared: Prepared, workspace: Path, run: SandboxRunner | None = None
) -> tuple[float | None, float | None]:
    """Return the score of a submission on the audit rows and its standard error; (None, None) without them.

    Raises:
        SubmissionError: the submission in the workspace is invalid.
    """
    metric = metric_of(prepared.spec, run)
    audit_rows = load_submission(prepared, require_own_file(workspace, SUBMISSION_FILE))
    return _audit_scores(prepared, metric, audit_rows)


@redacted_as("perfect predictions of the validation rows do not get the best score of the metric")
def check_metric(prepared: Prepared, metric: Metric) -> None:
    """Check a metric before the search: score perfect predictions of the validation rows.

    Raises:
        SetupError: the score of perfect predictions is undefined, or is not the best value of the metric.
    """
    form = SubmissionFormat.of(prepared)
    _, truth = load_answers(prepared.private, "val.csv", form)
    score = metric.score(truth, perfect_predictions(form, truth))
    if not math.isfinite(score):
        raise SetupError(
            f"The metric '{metric.name}' is undefined on the {prepared.rows.val} validation rows, even for "
            "perfect predictions; choose another metric or more varied rows."
        )
    if prepared.spec.own_metric is not None and abs(metric.error(score)) > 1e-6:
        raise SetupError(
            f"{metric.name} scores perfect predictions {score:.6g}, but its best value is {metric.best:.6g}; "
            "correct own_metric.higher_is_better and own_metric.best in competition.yaml."
        )


def write_test_submission(prepared: Prepared, submission_file: Path, target_file: Path) -> None:
    """Write the file to submit: rows, columns and marks of the user's sample submission.

    A submission holds the audit rows too, except after a refit. Predictions stay exactly as the candidate
    wrote them, apart from the decimal mark and the names of labels.

    Raises:
        SubmissionError: the rows of the submission differ from the rows to predict.
    """
    form = SubmissionFormat.of(prepared)
    test = row_ids(prepared.private, "test")
    audit = row_ids(prepared.private, "audit")
    names = [name for name in prepared.submission_columns if name in (form.id_column, *form.columns)]
    columns = {column.name: column for column in read_text_columns(submission_file, names)}
    predicted = columns[form.id_column]
    is_refit = len(predicted.text) == len(test)  # a refit trains on the audit rows and predicts the others
    wanted = [*test["opaque"]] if is_refit else [*test["opaque"], *audit["opaque"]]
    order = match_ids(predicted, wanted)[: len(test)]
    cells = {name: columns[name].text.take(order).to_pylist() for name in names}
    if prepared.final is not None:
        sample = read_table(prepared.private, "sample.csv")
        write_final(target_file, prepared.final, fill_sample(prepared.final, sample, cells))
        return
    table = pd.DataFrame(cells)
    table[form.id_column] = test["original"].tolist()
    write_atomically(target_file, table)


def test_ids(prepared: Prepared) -> tuple[list[str], list[str]]:
    """Return the ids of the test rows and of the audit rows."""
    test, audit = (row_ids(prepared.private, part)["opaque"].tolist() for part in ("test", "audit"))
    return test, audit


def require_own_file(workspace: Path, name: str) -> Path:
    """Return a file of the workspace; raise SubmissionError for a link.

    A link could point the harness at answers that the candidate cannot read.
    """
    try:
        real = (workspace / name).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise SubmissionError(f"{name}: the path cannot be resolved; write the file itself.") from error
    if real != workspace.resolve() / name:
        raise SubmissionError(f"{name}: the path is reached through a link; write the file itself.")
    return workspace / name


def _require_agreement(metric: Metric, score: float, printed: float | None) -> None:
    if not math.isfinite(score):
        raise SubmissionError(f"The metric '{metric.name}' is not finite ({score}) on {VALIDATION_FILE}.")
    if printed is None or not math.isfinite(printed):
        raise SubmissionError(f"The output holds no finite value; print '{_METRIC_LINE} <value>'.")
    if not math.isclose(score, printed, rel_tol=_PRINTED_TOLERANCE, abs_tol=1e-12):
        raise SubmissionError(
            f"The printed metric {printed!r} differs from the score {score!r} of {VALIDATION_FILE}."
        )


def _fold_scores(
    prepared: Prepared, scorer: WeightedScorer, validation: ValidationRows, score: float
) -> tuple[float | None, ...]:
    """Return the score on folds 0 to j together for each predicted fold j; the last is `score`."""
    ends = np.cumsum(prepared.fold_rows[: validation.folds - 1])
    if not len(ends):
        return (score,)
    is_inside = np.arange(int(validation.truth.shape[0])) < ends[:, None]
    with np.errstate(over="ignore"):
        scores = scorer.scores(is_inside.astype(np.float64)).tolist()
    return (*map(_finite, scores), score)


def _audit_scores(
    prepared: Prepared, metric: Metric, audit_rows: tuple[Rows, Rows] | None
) -> tuple[float | None, float | None]:
    """Return the audit score and its standard error; None if the few audit rows leave one undefined."""
    if audit_rows is None:
        return None, None
    score = score_rows(metric, *audit_rows).score
    if math.isinf(score):
        raise SubmissionError(
            f"The metric '{metric.name}' is infinite on the audit rows in {SUBMISSION_FILE}."
        )
    return _finite(score), _standard_error(prepared, metric, "audit", *audit_rows)


def _standard_error(
    prepared: Prepared, metric: Metric, part: Literal["val", "audit"], truth: Rows, predictions: Rows
) -> float | None:
    """Return the standard error of the score on the first rows of a part.

    For scores (higher is better) the error is at least 1 / N, since N perfect rows do not prove perfection.
    """
    groups = groups_of_part(prepared, part, int(truth.shape[0]))
    error = _finite(standard_error(metric, truth, predictions, groups))
    if error is None or not metric.higher_is_better:
        return error
    return max(error, 1.0 / int(truth.shape[0]))


def _finite(value: float) -> float | None:
    """Return None for an undefined value."""
    return value if math.isfinite(value) else None


def _leak_reason(
    metric: Metric,
    evaluation: Evaluation,
    truth: Rows,
    predictions: Rows,
    audit_rows: tuple[Rows, Rows] | None,
) -> str | None:
    """Return why the validation score may come from leaked answers. Only audit rows can show a leak."""
    validation, audit = evaluation.validation, evaluation.audit
    if validation is None or audit is None or audit_rows is None:
        return None
    if (
        _equal_rows(truth, predictions).all()
        and (probability := _probability_of_no_mistake(audit_rows, truth.shape[0])) < _MIN_PERFECT_PROBABILITY
    ):
        return (
            f"Predictions equal labels on all {truth.shape[0]} validation rows; the error rate on the audit "
            f"rows gives this a probability of {probability:.1g}."
        )
    gap = metric.error(audit) - metric.error(validation)
    joint_error = math.hypot(evaluation.validation_error or 0.0, evaluation.audit_error or 0.0)
    if gap > _MAX_GAP_ERRORS * joint_error:
        return (
            f"The validation score {validation:.6g} is better than the audit score {audit:.6g} "
            f"by more than {_MAX_GAP_ERRORS:g} joint standard errors ({joint_error:.2g})."
        )
    return None


def _probability_of_no_mistake(audit_rows: tuple[Rows, Rows], rows: int) -> float:
    """Return the probability of `rows` correct rows, given the mistakes on the audit rows.

    The error rate is the lower Clopper-Pearson bound (5 %).
    """
    from scipy.stats import beta  # slow to import, and most commands score nothing

    correct = _equal_rows(*audit_rows)
    mistakes = int((~correct).sum())
    rate = float(beta.ppf(0.05, mistakes, len(correct) - mistakes + 1)) if mistakes else 0.0
    return float((1 - rate) ** rows)


def _equal_rows(truth: Rows, predictions: Rows) -> npt.NDArray[np.bool_]:
    """Return a mask (N,) of the rows that are predicted without a mistake."""
    equal: npt.NDArray[np.bool_]
    if names := names_of_targets(truth):
        each = [_equal_rows(target_rows(truth, name), target_rows(predictions, name)) for name in names]
        equal = np.logical_and.reduce(each)
        return equal
    if is_sparse(truth) and not is_sparse(predictions):
        predictions = _as_sets(truth, predictions)
    if is_sparse(truth):
        equal = np.asarray((truth != predictions).sum(axis=1)).ravel() == 0
    elif truth.ndim < predictions.ndim and np.issubdtype(
        predictions.dtype, np.integer
    ):  # labels against rankings
        equal = predictions[:, 0] == truth
    elif truth.ndim < predictions.ndim:  # labels against probabilities
        equal = (predictions[np.arange(len(truth)), truth] == 1) & (predictions.sum(axis=1) == 1)
    else:
        equal = np.all(np.reshape(truth == predictions, (len(truth), -1)), axis=1)
    return equal


def _as_sets(truth: SparseRows, predictions: Rows) -> SparseRows:
    """Return predictions (N, C) or rankings (N, K) as label sets (N, C), to compare them with true sets.

    A probability other than 0 or 1 counts as a mistake. A ranking contributes as many labels as are true.
    """
    from scipy.sparse import csr_array

    if not np.issubdtype(predictions.dtype, np.integer):
        return csr_array(
            np.where((predictions == 0) | (predictions == 1), predictions == 1, ~truth.toarray())
        )
    chosen = (predictions >= 0) & (np.arange(predictions.shape[1]) < truth.sum(axis=1)[:, None])
    rows, _ = np.nonzero(chosen)
    columns = predictions[chosen]
    return csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=truth.shape)
