"""Scoring: the outcome of an execution becomes a node's result."""

import hashlib
import json
from pathlib import Path

from agent.competition.evaluation import Evaluation, evaluate, parse_printed_metric
from agent.competition.prepared import Prepared
from agent.competition.untrusted_csv import SubmissionError
from agent.core.contract import OUTPUT_FILES, VALIDATION_FILE
from agent.core.errors import MarsError
from agent.core.untrusted_files import is_plain_file, open_inside
from agent.engine.candidate_reports import (
    cache_seconds,
    choice_seconds,
    cut_of,
    facts,
    member_weights,
    read_analysis,
    read_log,
    thin_curve,
)
from agent.engine.trials.trial import Trial
from agent.execution import run_script
from agent.execution.analysis_redaction import redact_analysis
from agent.execution.base import Outcome
from agent.execution.progress import ProgressReader
from agent.execution.redaction import (
    RedactedFailure,
    redact_exception,
    redact_log,
    redact_values,
    whole_output,
)
from agent.record.events import Failure, NodeResult, Stage
from agent.repository.lineage import Lineage

ANALYSIS_CHARS = 6000
LOG_CHARS = 3000
_BLOCK = 2**20  # bytes that are read at once
UNPROCESSED = "The harness could not process the files that the candidate wrote."


class Scoring:
    """Scores the executions of one run.

    Args:
        prepared: The prepared competition with the true labels.
        lineage: The revisions of the run; redaction keeps words of a candidate's own code.
    """

    def __init__(self, prepared: Prepared, lineage: Lineage) -> None:
        self._prepared = prepared
        self._lineage = lineage

    def score(self, trial: Trial, outcome: Outcome) -> NodeResult:
        """Return the result of a full run. A failed candidate gives a failed or pruned result."""
        curve = thin_curve(ProgressReader(trial.progress_file).poll())
        if outcome.status != "ok":
            result = self.failed("run", trial, outcome, outcome.reason, seconds=outcome.seconds)
            is_pruned = outcome.stop is not None and outcome.stop.kind == "pruned"
            return result.model_copy(update={"status": "pruned" if is_pruned else "failed", "curve": curve})
        try:
            printed = parse_printed_metric(read_log(outcome.log))
            evaluation = evaluate(self._prepared, trial.workspace, printed, run_script)
        except MarsError as error:
            return failed_result(trial, str(error), self._scoring_failure(error), outcome.seconds)
        if evaluation.fault is not None:
            failure = self._scoring_failure(SubmissionError(evaluation.fault))
            result = failed_result(trial, evaluation.fault, failure, outcome.seconds)
        else:
            result = _scored_result(trial, outcome, evaluation)
        return result.model_copy(update={"curve": curve, **self._reports(trial, outcome)})

    def _reports(self, trial: Trial, outcome: Outcome) -> dict[str, str]:
        """Return analysis and end of the log as a language model sees them."""
        analysis, log = read_analysis(trial.workspace), read_log(outcome.log)
        if self._prepared.spec.llm_may_see_rows:
            text = json.dumps(analysis, ensure_ascii=False)[:ANALYSIS_CHARS] if analysis else ""
            return {"analysis": text, "log_end": whole_output(log, trial.workspace.resolve())[-LOG_CHARS:]}
        files, columns = self._lineage.read(trial.commit), self._prepared.spec.column_names
        return {
            "analysis": redact_analysis(analysis, files, columns)[:ANALYSIS_CHARS],
            "log_end": redact_log(log, files, columns)[-LOG_CHARS:],
        }

    def _scoring_failure(self, error: MarsError) -> Failure:
        failure = scoring_failure(error)
        if self._prepared.spec.llm_may_see_rows and isinstance(error, SubmissionError):
            return failure.model_copy(update={"report": str(error)})
        return failure

    def failed(
        self,
        stage: Stage,
        trial: Trial,
        outcome: Outcome,
        reason: str,
        *,
        seconds: float = 0.0,
        smoke_seconds: float = 0.0,
    ) -> NodeResult:
        """Return the result of an execution that failed at a stage, with a redacted failure.

        Args:
            stage: The stage that failed.
            trial: The executed revision.
            outcome: How the execution ended.
            reason: One sentence for the user, which may quote data.
            seconds: Seconds of the full run.
            smoke_seconds: Seconds of the smoke run or of a module test.
        """
        redacted = None
        if outcome.status in ("failed", "memory"):
            files = self._lineage.read(trial.commit)
            redacted = redact_exception(
                read_log(outcome.log), trial.workspace.resolve(), files, self._prepared.spec.column_names
            )
        report = self._report(stage, trial, outcome, redacted)
        if redacted is None or outcome.status == "memory":
            is_late = outcome.status == "timeout"
            failure = Failure(
                stage=stage, redacted_message=outcome.reason, report=report, out_of_time=is_late
            )
        else:
            failure = Failure(
                stage=stage, redacted_message=redacted.sentence, frames=redacted.frames, report=report
            )
        return failed_result(trial, reason, failure, seconds, smoke_seconds)

    def _report(self, stage: Stage, trial: Trial, outcome: Outcome, redacted: RedactedFailure | None) -> str:
        """Return what a language model sees of the output: all of it where the output holds no data.

        Tests of modules run on made-up data. Otherwise the competition may permit models to see rows.
        """
        if stage == "test" or self._prepared.spec.llm_may_see_rows:
            return whole_output(read_log(outcome.log), trial.workspace.resolve())
        if redacted is not None:
            return redacted.report
        files = self._lineage.read(trial.commit)
        return redact_log(read_log(outcome.log), files, self._prepared.spec.column_names)


def faulty_result(trial: Trial) -> NodeResult:
    """Return the result of a trial that is not executed because of its faults."""
    reason = " ".join(trial.faults[:3])
    stage: Stage = "idea" if trial.idea_failed else "check"
    return failed_result(trial, reason, Failure(stage=stage, redacted_message=reason))


def unprocessed_result(trial: Trial, reason: str) -> NodeResult:
    """Return the result of an execution whose files the harness could not process."""
    return failed_result(trial, reason, Failure(stage="score", redacted_message=UNPROCESSED))


def failed_result(
    trial: Trial, reason: str, failure: Failure, seconds: float = 0.0, smoke_seconds: float = 0.0
) -> NodeResult:
    """Return a failed result."""
    return NodeResult(
        status="failed",
        reason=reason,
        failure=failure,
        commit=trial.commit,
        seconds=seconds,
        smoke_seconds=smoke_seconds,
    )


def scoring_failure(error: MarsError) -> Failure:
    """Return the failure of predictions that could not be scored, without values from the data.

    An error of a competition's own metric may quote answers that redaction cannot recognise, so its message
    is replaced.
    """
    if not isinstance(error, SubmissionError):
        return Failure(stage="score", redacted_message="The metric failed on these predictions.")
    return Failure(stage="score", redacted_message=redact_values(str(error)))


def _scored_result(trial: Trial, outcome: Outcome, evaluation: Evaluation) -> NodeResult:
    analysis = read_analysis(trial.workspace)
    cached_s = cache_seconds(analysis, outcome.seconds)
    return NodeResult(
        status="suspect" if evaluation.suspect else "valid",
        reason=evaluation.suspect or "",
        commit=trial.commit,
        seconds=outcome.seconds,
        cache_seconds=cached_s,
        choice_seconds=choice_seconds(analysis, outcome.seconds - cached_s),
        metric=evaluation.validation,
        metric_se=evaluation.validation_error,
        folds=evaluation.folds,
        fold_metrics=evaluation.fold_scores,
        audit_metric=evaluation.audit,
        audit_se=evaluation.audit_error,
        target_metrics=evaluation.target_scores,
        target_parts=evaluation.target_parts,
        cut=cut_of(analysis),
        facts=facts(analysis),
        member_weights=member_weights(analysis),
        outputs_hash=_outputs_hash(trial.workspace),
    )


def _outputs_hash(workspace: Path) -> str:
    """Return the SHA-256 of the predictions and raw outputs for the validation rows."""
    digest = hashlib.sha256()
    for name in (VALIDATION_FILE, OUTPUT_FILES[0]):
        if is_plain_file(workspace, name):
            with open_inside(workspace, name) as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()
