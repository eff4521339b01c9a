"""Results of executions: the harness scores the files, and failures reveal no values of the data."""

import csv
import json
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.competition.untrusted_csv import SubmissionError, read_text_columns
from agent.core.errors import SetupError
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.scoring import Scoring, faulty_result, scoring_failure
from agent.engine.trials.trial import Trial
from agent.execution.base import Outcome, Status, StopReason
from tests.engine.trials.parts import CODE


@pytest.fixture
def scoring(toy_prepared: Prepared, checkout: Checkout) -> Scoring:
    return Scoring(toy_prepared, checkout.lineage)


@pytest.fixture
def trial(checkout: Checkout) -> Trial:
    return checkout.set_up(1, CODE, [], "m")


def _outcome(trial: Trial, status: Status = "ok", log: str = "", stop: StopReason | None = None) -> Outcome:
    file = trial.workspace / ".mars" / "run.log"
    file.parent.mkdir()
    file.write_text(log)
    reason = stop.sentence if stop is not None else "ValueError in main.py line 1 (exit code 1)."
    return Outcome(status, 0, 8.0, file, "" if status == "ok" else reason, stop)


def _progress(trial: Trial) -> None:
    trial.progress_file.parent.mkdir()
    trial.progress_file.write_text('{"stage": "train", "fraction": 0.5, "elapsed_s": 1.0, "metric": 0.6}\n')


def _perfect(prepared: Prepared, trial: Trial, labels: slice = slice(None)) -> None:
    for table, name in (("val", "working/val_submission.csv"), ("test", "submission/submission.csv")):
        with (prepared.metadata / f"{table}.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))[labels]
        (trial.workspace / name).parent.mkdir(exist_ok=True)
        with (trial.workspace / name).open("w", newline="") as stream:
            known = [(row["id"], str(int(float(row["x"]) > 0))) for row in rows]
            csv.writer(stream).writerows([("id", "label"), *known])


def test_predictions_are_scored_by_the_harness(
    scoring: Scoring, toy_prepared: Prepared, trial: Trial
) -> None:
    _progress(trial)
    _perfect(toy_prepared, trial)
    report = {"cache_seconds": 3.0, "choice_seconds": 2.0, "weights": {"net": "none"}}
    (trial.workspace / "working" / "analysis.json").write_text(json.dumps(report))
    result = scoring.score(trial, _outcome(trial, log="Final Validation Metric: 1.0\n"))
    assert (result.status, result.metric, result.audit_metric) == ("valid", 1.0, 1.0)
    assert (result.seconds, result.cache_seconds, result.choice_seconds) == (8.0, 3.0, 2.0)
    assert result.facts == {"weights of net": "none"}
    assert [point.metric for point in result.curve] == [0.6]
    assert result.commit == trial.commit


def test_a_printed_score_that_the_files_do_not_have_fails(
    scoring: Scoring, toy_prepared: Prepared, trial: Trial
) -> None:
    _progress(trial)
    _perfect(toy_prepared, trial)
    result = scoring.score(trial, _outcome(trial, log="Final Validation Metric: 0.25\n"))
    assert (result.status, result.metric) == ("failed", None)
    assert "0.25" in result.reason
    assert result.failure is not None
    assert result.failure.stage == "score"
    assert "0.25" not in result.failure.redacted_message
    assert len(result.curve) == 1


def test_missing_rows_fail(scoring: Scoring, toy_prepared: Prepared, trial: Trial) -> None:
    _perfect(toy_prepared, trial, slice(5, None))
    result = scoring.score(trial, _outcome(trial, log="Final Validation Metric: 1.0\n"))
    assert result.status == "failed"
    assert result.failure is not None
    assert result.failure.stage == "score"


@pytest.mark.parametrize(
    ("kind", "status"), [("pruned", "pruned"), ("interrupted", "failed"), ("time", "failed")]
)
def test_only_the_kind_of_a_stop_prunes_a_node(
    scoring: Scoring, trial: Trial, kind: str, status: str
) -> None:
    _progress(trial)
    stop = StopReason(kind, "pruned: a sentence for people")  # type: ignore[arg-type]
    result = scoring.score(trial, _outcome(trial, "stopped", stop=stop))
    assert (result.status, result.reason) == (status, stop.sentence)
    assert len(result.curve) == 1


def test_a_failure_that_reads_like_a_pruned_node_is_a_failure(scoring: Scoring, trial: Trial) -> None:
    outcome = _outcome(trial, "failed")
    failed = Outcome("failed", 1, 8.0, outcome.log, "pruned: says the candidate")
    assert scoring.score(trial, failed).status == "failed"


def test_a_crash_is_described_without_values(scoring: Scoring, trial: Trial) -> None:
    main = trial.workspace.resolve() / "main.py"
    log = (
        "Traceback (most recent call last):\n"
        f'  File "{main}", line 1, in <module>\n    print(1)\nValueError: could not convert Canary\n'
    )
    result = scoring.failed("smoke", trial, _outcome(trial, "failed", log), "Smoke run.", smoke_seconds=2.0)
    assert (result.status, result.seconds, result.smoke_seconds) == ("failed", 0.0, 2.0)
    assert result.failure is not None
    assert result.failure.stage == "smoke"
    assert result.failure.redacted_message.startswith("ValueError: could not convert")
    assert "Canary" not in result.failure.redacted_message
    assert result.failure.frames == ("main.py line 1",)


CRASH = (
    "row Canary\n"
    "Traceback (most recent call last):\n"
    "  File \"{main}\", line 1, in <module>\n    print(1)\nKeyError: 'Canary'\n"
)


def test_a_test_on_made_up_data_is_shown_whole(scoring: Scoring, trial: Trial) -> None:
    log = CRASH.format(main=trial.workspace.resolve() / "main.py")
    result = scoring.failed("test", trial, _outcome(trial, "failed", log), "Test.")
    assert result.failure is not None
    assert result.failure.report == (
        "row Canary\nTraceback (most recent call last):\n"
        "  File \"main.py\", line 1, in <module>\n    print(1)\nKeyError: 'Canary'"
    )


def test_values_are_shown_where_the_competition_permits_it(
    toy_prepared: Prepared, checkout: Checkout, trial: Trial
) -> None:
    log = CRASH.format(main=trial.workspace.resolve() / "main.py")
    outcome = _outcome(trial, "failed", log)
    told = {}
    for may_see in (False, True):
        spec = toy_prepared.spec.model_copy(update={"llm_may_see_rows": may_see})
        scoring = Scoring(toy_prepared.model_copy(update={"spec": spec}), checkout.lineage)
        failure = scoring.failed("run", trial, outcome, "Run.").failure
        assert failure is not None
        assert "Canary" not in failure.redacted_message, "lessons repeat it in other competitions"
        told[may_see] = failure.report
    assert told[False] == "main.py line 1\n    print(1)\nKeyError"
    assert "KeyError: 'Canary'" in told[True]


@pytest.mark.parametrize(("idea_failed", "stage"), [(True, "idea"), (False, "check")])
def test_faults_fail_a_trial_without_an_execution(tmp_path: Path, idea_failed: bool, stage: str) -> None:
    trial = Trial(1, "c" * 40, tmp_path, "", ("One.", "Two.", "Three.", "Four."), idea_failed)
    result = faulty_result(trial)
    assert (result.status, result.reason, result.seconds) == ("failed", "One. Two. Three.", 0.0)
    assert result.failure is not None
    assert result.failure.stage == stage


@pytest.mark.parametrize(
    ("table", "redacted"),
    [
        ("id,kind\nr1,sine\nCanary Bird\n", "(CSV parse error: Expected … columns, got …: …)"),
        ("id,kind\nr1,sine\nCan't tell,the,'bird'\n", "(CSV parse error: Expected … columns, got …: …)"),
        ("Canary Bird,kind\nr1,sine\n", "has no column …; its columns are …, …."),
    ],
)
def test_an_unreadable_table_reveals_no_rows(tmp_path: Path, table: str, redacted: str) -> None:
    file = tmp_path / "submission.csv"
    file.write_text(table)
    with pytest.raises(SubmissionError) as caught:
        read_text_columns(file, ["id", "kind"])
    assert redacted in scoring_failure(caught.value).redacted_message


def test_a_column_may_have_an_apostrophe_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "submission.csv"
    file.write_text("id,it's\nr1,Canary Bird\n")
    (column,) = read_text_columns(file, ["it's"])
    fault = column.fault(1, "holds 'Canary Bird', which is none of the 3 labels")
    assert "Canary" in str(fault)
    assert "Canary" not in scoring_failure(fault).redacted_message


def test_the_message_of_a_failing_own_metric_is_redacted() -> None:
    failed = SetupError("The competition's metric.py failed with exit code 1: KeyError: Canary Bird")
    assert "Canary" not in scoring_failure(failed).redacted_message
