"""What a finished candidate is worth: its files scored by the harness on validation and audit rows."""

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array
from scipy.stats import beta

from agent.competition.metrics import Metric, Rows, RunBounded, metric_of, standard_error
from agent.competition.prepared import Prepared
from agent.competition.submission import (
    SubmissionFormat,
    perfect_predictions,
    read_predictions,
    read_truth,
    write_atomically,
)
from agent.competition.tables import read_table
from agent.competition.untrusted import SubmissionError, match_ids, read_text_columns
from agent.errors import SetupError

VALIDATION_FILE = "working/val_submission.csv"
SUBMISSION_FILE = "submission/submission.csv"

_PRINTED = "Final Validation Metric:"
_PRINTED_TOLERANCE = 1e-6  # relative
_SUSPECT_ERRORS = 4.0  # joint standard errors by which validation may exceed audit
_REMEMBERED_BYTES = 50_000_000  # of a file of predictions that is kept in memory for its next reader
_PROBE_CHANCE = 1e-3  # a perfect validation that is less likely than this, given the audit, is not believed


class Evaluation(BaseModel):
    """The scores of one candidate; without a fault the candidate is valid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str | None = Field(default=None, description="Why the candidate is invalid, one sentence.")
    suspect: str | None = Field(default=None, description="Why the validation score is not believed.")
    validation: float | None = Field(default=None, description="The metric on the validation rows.")
    validation_error: float | None = Field(default=None, description="Its standard error.")
    audit: float | None = Field(
        default=None, description="The metric on the audit rows, where there are any."
    )
    audit_error: float | None = Field(default=None, description="Its standard error.")

    @property
    def valid(self) -> bool:
        return self.fault is None


def parse_printed_metric(log: str) -> float:
    """The value of the one line `Final Validation Metric: <value>` of a candidate's output.

    Raises:
        SubmissionError: no such line, several, or a value that is no finite number.
    """
    lines = [line.strip() for line in log.splitlines() if _PRINTED in line]
    if len(lines) != 1:
        raise SubmissionError(f"The output holds {len(lines)} lines '{_PRINTED} <value>' instead of one.")
    match = re.fullmatch(re.escape(_PRINTED) + r"\s*(\S+)", lines[0])
    try:
        value = float(match[1]) if match else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SubmissionError(
            f"The output's line {lines[0][:120]!r} holds no finite number as its only value."
        )
    return value


def evaluate(
    prepared: Prepared, workspace: Path, printed: float | None, run: RunBounded | None = None
) -> Evaluation:
    """Scores the files of a candidate that has ended; `printed` is the value that it claimed.

    `run` runs a competition's own metric. Whatever the candidate did wrong becomes `fault`. Nothing is
    written in the workspace, so that no answer enters it.

    Raises:
        SetupError: the harness's own answers are missing or damaged, or the competition's metric failed.
    """
    metric = metric_of(prepared.spec, run)
    try:
        truth, guess = load_hold_out(prepared, "val", own_file(workspace, VALIDATION_FILE))
        hidden = _load_submission(prepared, own_file(workspace, SUBMISSION_FILE))
        score = metric.score(truth, guess)
        _require_agreement(metric, score, printed)
        audit = _audit_score(metric, *hidden) if hidden else None
    except SubmissionError as error:
        return Evaluation(fault=str(error))
    evaluation = Evaluation(
        validation=score,
        validation_error=_error(metric, truth, guess),
        audit=audit,
        audit_error=_error(metric, *hidden) if hidden else None,
    )
    return evaluation.model_copy(update={"suspect": _suspicion(metric, evaluation, truth, guess, hidden)})


def evaluate_submission(
    prepared: Prepared, workspace: Path, run: RunBounded | None = None
) -> tuple[float | None, float | None]:
    """A submission's score on the audit rows and its standard error, both None without audit rows.

    Raises:
        SubmissionError: the workspace's submission does not fit.
    """
    metric = metric_of(prepared.spec, run)
    hidden = _load_submission(prepared, own_file(workspace, SUBMISSION_FILE))
    if hidden is None:
        return None, None
    return _audit_score(metric, *hidden), _error(metric, *hidden)


def check_metric(prepared: Prepared, metric: Metric) -> None:
    """Scores perfect predictions of the validation rows, before anyone works for the metric.

    Raises:
        SetupError: not even they have a score, or it is not the metric's best.
    """
    form = SubmissionFormat.of(prepared)
    _, truth = _answers(prepared.private, "val.csv", form)
    score = metric.score(truth, perfect_predictions(form, truth))
    if not math.isfinite(score):
        raise SetupError(
            f"The metric '{metric.name}' is undefined on the {prepared.rows.val} validation rows, even for "
            "perfect predictions; choose another metric or more varied rows."
        )
    if prepared.spec.own_metric is not None and abs(metric.error(score)) > 1e-6:
        raise SetupError(
            f"{metric.name} gives perfect predictions {score:.6g}, but its best is {metric.best:.6g}; set "
            "own_metric.higher_is_better and own_metric.best in competition.yaml."
        )


def load_hold_out(prepared: Prepared, part: Literal["val", "audit"], file: Path) -> tuple[Rows, Rows]:
    """Answers of a part and a candidate's predictions for it, row by row alike for every candidate.

    `file` is a validation submission for "val" and a final submission for "audit".

    Raises:
        SubmissionError: the file does not fit.
        SetupError: there are no such answers.
    """
    if part == "audit":
        loaded = _load_submission(prepared, file)
        if loaded is None:
            raise SetupError(f"The competition '{prepared.spec.id}' has no audit rows.")
        return loaded
    form = SubmissionFormat.of(prepared)
    status = file.stat() if file.is_file() else None
    if status is None or status.st_size > _REMEMBERED_BYTES:
        return _validation(prepared.private, form, file)
    version = (status.st_ino, status.st_size, status.st_mtime_ns)
    return _remembered_validation(prepared.private, form, file, version)


def _validation(private: Path, form: SubmissionFormat, file: Path) -> tuple[Rows, Rows]:
    ids, truth = _answers(private, "val.csv", form)
    return truth, read_predictions(file, form, ids)


# A node's predictions are scored, then compared with its parent's, and later with its children's.
@lru_cache(maxsize=4)
def _remembered_validation(
    private: Path, form: SubmissionFormat, file: Path, version: tuple[int, int, int]
) -> tuple[Rows, Rows]:
    """What one version of a file holds. Not to be changed by who gets it."""
    return _validation(private, form, file)


def _load_submission(prepared: Prepared, file: Path) -> tuple[Rows, Rows] | None:
    """Checks a final submission; returns its audit rows' answers and predictions, None without audit rows."""
    form = SubmissionFormat.of(prepared)
    test_ids = _row_ids(prepared.private, "test")["opaque"].tolist()
    if prepared.rows.audit == 0:
        read_predictions(file, form, test_ids)
        return None
    ids, truth = _answers(prepared.private, "audit.csv", form)
    return truth, read_predictions(file, form, [*ids, *test_ids])[: len(ids)]


def strip_audit(prepared: Prepared, submission_file: Path, target_file: Path) -> None:
    """Writes what would be submitted: real test rows with original ids, in the sample submission's order.

    Cells stay as the candidate wrote them.

    Raises:
        SubmissionError: the rows are not those that were to be predicted.
    """
    form = SubmissionFormat.of(prepared)
    test = _row_ids(prepared.private, "test")
    audit = _row_ids(prepared.private, "audit")
    names = [name for name in prepared.submission_columns if name in (form.id_column, *form.columns)]
    columns = {column.name: column for column in read_text_columns(submission_file, names)}
    order = match_ids(columns[form.id_column], [*test["opaque"], *audit["opaque"]])[: len(test)]
    table = pd.DataFrame({name: columns[name].text.take(order).to_pylist() for name in names})
    table[form.id_column] = test["original"].tolist()
    write_atomically(target_file, table)


# Prepared data is named by its content and never changes; reading it anew for every node took longer than
# scoring one.
@lru_cache(maxsize=8)
def _answers(private: Path, name: str, form: SubmissionFormat) -> tuple[list[str], Rows]:
    """Ids and answers of a hold-out. Not to be changed by who gets them."""
    return read_truth(private / name, form)


@lru_cache(maxsize=8)
def _row_ids(private: Path, part: str) -> pd.DataFrame:
    """The columns opaque and original of a part, in the order of `ids.csv`. Not to be changed."""
    ids = read_table(private, "ids.csv")
    return ids[ids["part"] == part]


def own_file(workspace: Path, name: str) -> Path:
    """A file of the workspace; a link could point the harness at answers that the candidate cannot read."""
    try:
        real = (workspace / name).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise SubmissionError(f"{name}: cannot be reached.") from error
    if real != workspace.resolve() / name:
        raise SubmissionError(f"{name}: is reached through a link; write the file itself.")
    return workspace / name


def _require_agreement(metric: Metric, score: float, printed: float | None) -> None:
    if not math.isfinite(score):
        raise SubmissionError(f"The metric '{metric.name}' of {VALIDATION_FILE} is not finite ({score}).")
    if printed is None or not math.isfinite(printed):
        raise SubmissionError(f"No finite value was printed as '{_PRINTED} <value>'.")
    if not math.isclose(score, printed, rel_tol=_PRINTED_TOLERANCE, abs_tol=1e-12):
        raise SubmissionError(
            f"The printed metric {printed!r} is not the {score!r} that {VALIDATION_FILE} scores."
        )


def _audit_score(metric: Metric, truth: Rows, guess: Rows) -> float | None:
    """The score; None where the few audit rows leave it undefined, which no candidate is to blame for."""
    score = metric.score(truth, guess)
    if math.isinf(score):
        raise SubmissionError(
            f"The metric '{metric.name}' of the audit rows in {SUBMISSION_FILE} is infinite."
        )
    return _finite(score)


def _error(metric: Metric, truth: Rows, guess: Rows) -> float | None:
    """The standard error, of a bounded score at least one row's share: few perfect rows prove little."""
    error = _finite(standard_error(metric, truth, guess))
    if error is None or not metric.higher_is_better:
        return error
    return max(error, 1.0 / int(truth.shape[0]))


def _finite(value: float) -> float | None:
    """None for what the rows leave undefined."""
    return value if math.isfinite(value) else None


def _suspicion(
    metric: Metric, evaluation: Evaluation, truth: Rows, guess: Rows, hidden: tuple[Rows, Rows] | None
) -> str | None:
    """Why the validation score may come from leaked answers; only audit rows can tell."""
    validation, audit = evaluation.validation, evaluation.audit
    if validation is None or audit is None or hidden is None:
        return None
    if (
        _equal_rows(truth, guess).all()
        and (chance := _chance_of_no_mistake(hidden, truth.shape[0])) < _PROBE_CHANCE
    ):
        return (
            f"Predictions equal labels on all {truth.shape[0]} validation rows; by the mistakes on the audit "
            f"rows that has a chance of {chance:.1g}."
        )
    gap = metric.error(audit) - metric.error(validation)
    joint = math.hypot(evaluation.validation_error or 0.0, evaluation.audit_error or 0.0)
    if gap > _SUSPECT_ERRORS * joint:
        return (
            f"The validation score {validation:.6g} is better than the audit score {audit:.6g} "
            f"by more than {_SUSPECT_ERRORS:g} joint standard errors ({joint:.2g})."
        )
    return None


def _chance_of_no_mistake(hidden: tuple[Rows, Rows], rows: int) -> float:
    """Of so many rows, at the least error rate that the audit rows allow (Clopper-Pearson, 5 %)."""
    right = _equal_rows(*hidden)
    mistakes = int((~right).sum())
    rate = float(beta.ppf(0.05, mistakes, len(right) - mistakes + 1)) if mistakes else 0.0
    return float((1 - rate) ** rows)


def _equal_rows(truth: Rows, guess: Rows) -> npt.NDArray[np.bool_]:
    """Which rows (N,) are predicted without any mistake."""
    equal: npt.NDArray[np.bool_]
    if isinstance(truth, csr_array) and not isinstance(guess, csr_array):
        guess = _as_sets(truth, guess)
    if isinstance(truth, csr_array):
        equal = np.asarray((truth != guess).sum(axis=1)).ravel() == 0
    elif truth.ndim < guess.ndim and np.issubdtype(guess.dtype, np.integer):  # labels against rankings
        equal = guess[:, 0] == truth
    elif truth.ndim < guess.ndim:  # labels against probabilities
        equal = (guess[np.arange(len(truth)), truth] == 1) & (guess.sum(axis=1) == 1)
    else:
        equal = np.all(np.reshape(truth == guess, (len(truth), -1)), axis=1)
    return equal


def _as_sets(truth: csr_array, guess: Rows) -> csr_array:
    """Certain probabilities (N, C) as the sets that they say, or of rankings as many labels as are true."""
    if not np.issubdtype(guess.dtype, np.integer):
        return csr_array(np.where((guess == 0) | (guess == 1), guess == 1, ~truth.toarray()))
    named = (guess >= 0) & (np.arange(guess.shape[1]) < truth.sum(axis=1)[:, None])
    rows, _ = np.nonzero(named)
    columns = guess[named]
    return csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=truth.shape)
