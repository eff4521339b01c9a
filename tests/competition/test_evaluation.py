"""The harness scores files, believes no claim, and tells when a validation score is too good."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.competition.evaluation import (
    Evaluation,
    evaluate,
    parse_printed_metric,
    write_test_submission,
)
from agent.competition.hold_out import load_hold_out
from agent.competition.metrics import get_metric, paired_effect, standard_error
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionError
from agent.core.errors import SetupError
from tests.competition.prepared_competitions import make_prepared, write_csv

CLASSES = ("0", "1", "2")
VAL = {f"v{row}": CLASSES[row % 3] for row in range(30)}
AUDIT = {f"a{row}": CLASSES[row % 3] for row in range(12)}
TEST = ("t1", "t2", "t3")


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return make_prepared(
        tmp_path / "data", "classification", "accuracy", val=VAL, audit=AUDIT, classes=CLASSES
    )


def wrong(label: str) -> str:
    return CLASSES[(CLASSES.index(label) + 1) % 3]


def candidate(
    workspace: Path,
    val: Iterable[Sequence[object]],
    submission: Iterable[Sequence[object]],
    header: str = "id,target",
) -> Path:
    """Writes what a candidate leaves behind."""
    write_csv(workspace / "working" / "val_submission.csv", header, val)
    write_csv(workspace / "submission" / "submission.csv", header, submission)
    return workspace


def mistaken(answers: dict[str, str], count: int) -> list[tuple[str, str]]:
    """Predictions with mistakes in the first rows."""
    rows = enumerate(answers.items())
    return [(name, wrong(label) if row < count else label) for row, (name, label) in rows]


def final(answers: dict[str, str], count: int, test: Sequence[str] = TEST) -> list[tuple[str, str]]:
    """A final submission: audit rows with mistakes between the test rows."""
    rows = mistaken(answers, count)
    return [(test[0], "0"), *rows, *((name, "1") for name in test[1:])]


def test_a_valid_candidate_is_scored_on_validation_and_audit(prepared: Prepared, tmp_path: Path) -> None:
    workspace = candidate(tmp_path / "node", mistaken(VAL, 6), final(AUDIT, 3))
    before = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    found = evaluate(prepared, workspace, printed=0.8)
    assert (found.validation, found.audit) == (0.8, 0.75)
    assert found.validation_error == pytest.approx(math.sqrt(0.8 * 0.2 / 30), rel=0.2)
    assert found.audit_error == pytest.approx(math.sqrt(0.75 * 0.25 / 12), rel=0.2)
    assert found.valid
    assert found.suspect is None
    assert Evaluation.model_validate_json(found.model_dump_json()) == found
    assert {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()} == before


def test_without_audit_rows_there_is_no_audit_score(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path / "data", "classification", "accuracy", val=VAL, classes=CLASSES)
    workspace = candidate(tmp_path / "node", VAL.items(), final({}, 0))
    found = evaluate(prepared, workspace, printed=1)
    assert found == Evaluation(validation=1.0, validation_error=1 / len(VAL), fold_scores=(1.0,))
    with pytest.raises(SetupError, match="'toy' has no audit rows"):
        load_hold_out(prepared, "audit", workspace / "submission" / "submission.csv")


@pytest.mark.parametrize(
    ("val", "submission", "printed", "sentence"),
    [
        (mistaken(VAL, 6)[1:], final(AUDIT, 3), 0.8, "val_submission.csv: .* lacks 1 id"),
        ([*mistaken(VAL, 6), ("v99", "0")], final(AUDIT, 3), 0.8, "val_submission.csv: .* adds 1 id"),
        (mistaken(VAL, 6), final(AUDIT, 3)[1:], 0.8, r"submission.csv: .* lacks 1 id \('t1'\)"),
        (mistaken(VAL, 6), mistaken(AUDIT, 3), 0.8, "submission.csv: .* lacks 3 ids"),
        (mistaken(VAL, 6), final({}, 0), 0.8, "submission.csv: .* lacks 12 ids"),
        (mistaken(VAL, 6), [*final(AUDIT, 3)[:-1], ("t3", "9")], 0.8, "'9' is not one of the 3 labels"),
        (mistaken(VAL, 6), final(AUDIT, 3), None, "The output holds no finite value; print"),
        (mistaken(VAL, 6), final(AUDIT, 3), math.nan, "The output holds no finite value; print"),
        (mistaken(VAL, 6), final(AUDIT, 3), math.inf, "The output holds no finite value; print"),
        (
            mistaken(VAL, 6),
            final(AUDIT, 3),
            0.80001,
            "The printed metric 0.80001 differs from the score 0.8 of working/val",
        ),
        (
            mistaken(VAL, 6),
            final(AUDIT, 3),
            0.2,
            "The printed metric 0.2 differs from the score 0.8",
        ),  # direction flipped
    ],
)
def test_each_fault_makes_the_node_invalid(
    prepared: Prepared,
    tmp_path: Path,
    val: list[tuple[str, str]],
    submission: list[tuple[str, str]],
    printed: float | None,
    sentence: str,
) -> None:
    found = evaluate(prepared, candidate(tmp_path / "node", val, submission), printed)
    assert not found.valid
    assert (found.validation, found.audit) == (None, None)
    with pytest.raises(SubmissionError, match=sentence):
        raise SubmissionError(found.fault)


def test_a_missing_file_makes_the_node_invalid(prepared: Prepared, tmp_path: Path) -> None:
    workspace = candidate(tmp_path / "node", mistaken(VAL, 6), final(AUDIT, 3))
    (workspace / "submission" / "submission.csv").unlink()
    assert evaluate(prepared, workspace, 0.8).fault == "submission.csv: the file is missing."
    (workspace / "working" / "val_submission.csv").unlink()
    assert evaluate(prepared, workspace, 0.8).fault == "val_submission.csv: the file is missing."


@pytest.mark.parametrize("printed", [0.8, 0.8 + 5e-7, np.float32(0.8).item()])
def test_rounding_of_the_printed_value_is_forgiven(
    prepared: Prepared, tmp_path: Path, printed: float
) -> None:
    workspace = candidate(tmp_path / "node", mistaken(VAL, 6), final(AUDIT, 3))
    assert evaluate(prepared, workspace, printed).valid


@pytest.mark.parametrize("linked", ["working/val_submission.csv", "working"])
def test_a_link_to_the_answers_scores_nothing(prepared: Prepared, tmp_path: Path, linked: str) -> None:
    workspace = candidate(tmp_path / "node", VAL.items(), final(AUDIT, 0))
    stolen = tmp_path / "stolen"
    (workspace / linked).rename(stolen)
    (workspace / linked).symlink_to(stolen)
    assert "is reached through a link" in str(evaluate(prepared, workspace, 1.0).fault)


def test_an_undefined_validation_metric_is_a_fault_an_undefined_audit_metric_is_not(tmp_path: Path) -> None:
    one_class, both = {"v1": "b", "v2": "b"}, {"a1": "a", "a2": "b"}
    rows = [("v1", 0.1), ("v2", 0.9)]
    hidden = [("a1", 0.1), ("a2", 0.9)]
    test = [(name, 0.5) for name in TEST]
    kinds = {"task": "classification", "metric": "roc_auc", "classes": ("a", "b")}
    undefined = make_prepared(tmp_path / "1", val=one_class, audit=both, **kinds)  # type: ignore[arg-type]
    workspace = candidate(tmp_path / "node", rows, hidden + test)
    assert "is not finite" in str(evaluate(undefined, workspace, 1.0).fault)

    answers = {"v1": "a", "v2": "b"}
    hidden_class = {"a1": "b", "a2": "b"}
    defined = make_prepared(tmp_path / "2", val=answers, audit=hidden_class, **kinds)  # type: ignore[arg-type]
    found = evaluate(defined, workspace, 1.0)
    assert (found.validation, found.audit, found.fault) == (1.0, None, None)


@pytest.mark.parametrize(("val", "audit"), [("1e200", "1"), ("1", "1e200")])
def test_a_metric_that_overflows_is_a_fault(tmp_path: Path, val: str, audit: str) -> None:
    prepared = make_prepared(tmp_path / "data", "regression", "rmse", val={"v": "1"}, audit={"a": "1"})
    rows = [("a", audit), *((name, "1") for name in TEST)]
    found = evaluate(prepared, candidate(tmp_path / "node", [("v", val)], rows), 0.0)
    assert "finite" in str(found.fault)


def test_damaged_answers_stop_the_run_instead_of_blaming_the_candidate(
    prepared: Prepared, tmp_path: Path
) -> None:
    workspace = candidate(tmp_path / "node", mistaken(VAL, 6), final(AUDIT, 3))
    (prepared.private / "audit.csv").unlink()
    with pytest.raises(SetupError, match=r"audit\.csv"):
        evaluate(prepared, workspace, 0.8)


def test_a_validation_score_far_above_audit_is_suspect(prepared: Prepared, tmp_path: Path) -> None:
    nearly = mistaken(VAL, 3)
    leaked = evaluate(prepared, candidate(tmp_path / "1", nearly, final(AUDIT, 12)), 0.9)
    assert leaked.valid
    assert "better than the audit score 0 by more than 4 joint standard errors" in str(leaked.suspect)
    unlucky = evaluate(prepared, candidate(tmp_path / "2", mistaken(VAL, 15), final(AUDIT, 0)), 0.5)
    assert unlucky.suspect is None  # audit far above validation is luck, not a leak


@pytest.mark.parametrize(("error", "suspect"), [(0.1, True), (10.0, False)])
def test_the_suspect_flag_knows_the_direction_of_a_loss(tmp_path: Path, error: float, suspect: bool) -> None:
    generator = np.random.default_rng(0)
    val = {f"v{row}": f"{generator.normal()}" for row in range(100)}
    audit = {f"a{row}": f"{generator.normal()}" for row in range(100)}
    prepared = make_prepared(tmp_path / "data", "regression", "mae", val=val, audit=audit)
    off = [(name, float(value) + error * generator.normal()) for name, value in val.items()]
    hidden = [(name, float(value) + generator.normal()) for name, value in audit.items()]
    workspace = candidate(tmp_path / "node", off, [*hidden, *((name, 0) for name in TEST)])
    truth, guess = load_hold_out(prepared, "val", workspace / "working" / "val_submission.csv")
    found = evaluate(prepared, workspace, get_metric("mae").score(truth, guess))
    assert found.valid
    assert (found.suspect is not None) is suspect


@pytest.mark.parametrize(
    ("rows", "audit_mistakes", "suspect"), [(201, 4, True), (201, 0, False), (201, 1, False)]
)
def test_predictions_that_equal_the_labels_are_suspect_unless_audit_makes_them_likely(
    tmp_path: Path, rows: int, audit_mistakes: int, suspect: bool
) -> None:
    val = {f"v{row}": CLASSES[row % 3] for row in range(rows)}
    prepared = make_prepared(
        tmp_path / "data", "classification", "accuracy", val=val, audit=AUDIT, classes=CLASSES
    )
    found = evaluate(prepared, candidate(tmp_path / "node", val.items(), final(AUDIT, audit_mistakes)), 1.0)
    assert found.valid
    assert (found.suspect is not None) is suspect
    if suspect:
        assert "Predictions equal labels on all 201 validation rows" in str(found.suspect)


@pytest.mark.parametrize(
    ("task", "metric", "answer", "header", "right", "almost"),
    [
        ("multilabel", "micro_f1", ("a b", ""), "id,target", (("b a",), ("",)), (("a",), ("",))),
        ("classification", "roc_auc", ("a", "b"), "id,a,b", ((1, 0), (0, 1)), ((0.9, 0.1), (0, 1))),
    ],
)
def test_the_leakage_probe_knows_other_forms_of_prediction(
    tmp_path: Path, task: str, metric: str, answer: tuple, header: str, right: tuple, almost: tuple
) -> None:
    val = {f"v{row}": answer[row % 2] for row in range(300)}
    audit = {f"a{row}": answer[row % 2] for row in range(40)}
    columns = tuple(header.split(","))
    prepared = make_prepared(
        tmp_path / "data", task, metric, val=val, audit=audit, classes=("a", "b"), columns=columns
    )
    # A few wrong audit rows make hundreds of validation rows without a mistake too good to be true.
    hidden = [(name, *right[(row + (row < 6)) % 2]) for row, name in enumerate(audit)]
    submission = [*hidden, *((name, *right[0]) for name in TEST)]
    flags = []
    for index, guess in enumerate((right, almost)):
        rows = [(name, *(guess if row == 0 else right)[row % 2]) for row, name in enumerate(val)]
        workspace = candidate(tmp_path / str(index), rows, submission, header)
        truth, prediction = load_hold_out(prepared, "val", workspace / "working" / "val_submission.csv")
        found = evaluate(prepared, workspace, get_metric(metric).score(truth, prediction))
        assert found.valid
        flags.append(found.suspect is not None and "equal labels" in found.suspect)
    assert flags == [True, False]


def test_hold_outs_of_two_nodes_are_aligned_for_a_paired_comparison(
    prepared: Prepared, tmp_path: Path
) -> None:
    first = candidate(tmp_path / "1", mistaken(VAL, 15), final(AUDIT, 6))
    second = candidate(tmp_path / "2", reversed(mistaken(VAL, 3)), reversed(final(AUDIT, 3)))
    for part, name in (("val", "working/val_submission.csv"), ("audit", "submission/submission.csv")):
        truth, before = load_hold_out(prepared, part, first / name)  # type: ignore[arg-type]
        same_truth, after = load_hold_out(prepared, part, second / name)  # type: ignore[arg-type]
        assert np.array_equal(truth, same_truth)
        found = paired_effect(get_metric("accuracy"), truth, before, after)
        assert found.effect == pytest.approx(0.8 if part == "val" else 0.5)


def test_predictions_that_were_written_anew_are_read_anew(prepared: Prepared, tmp_path: Path) -> None:
    file = tmp_path / "node" / "working" / "val_submission.csv"
    for mistakes in (1, 4, 4, 2):
        candidate(tmp_path / "node", mistaken(VAL, mistakes), final(AUDIT, 1))
        truth, guess = load_hold_out(prepared, "val", file)
        assert (np.asarray(truth) != np.asarray(guess)).sum() == mistakes


def test_standard_error_of_an_evaluation_is_that_of_its_hold_out(prepared: Prepared, tmp_path: Path) -> None:
    workspace = candidate(tmp_path / "node", mistaken(VAL, 6), final(AUDIT, 3))
    truth, guess = load_hold_out(prepared, "audit", workspace / "submission" / "submission.csv")
    expected = standard_error(get_metric("accuracy"), truth, guess)
    assert evaluate(prepared, workspace, 0.8).audit_error == expected


def test_strip_audit_leaves_test_rows_with_original_ids_in_order(prepared: Prepared, tmp_path: Path) -> None:
    rows = [("t3", "2"), *mistaken(AUDIT, 0), ("t1", "0"), ("t2", "1")]
    source = write_csv(
        tmp_path / "submission.csv", "target,id,note", [(label, name, "x") for name, label in rows]
    )
    target = tmp_path / "kept" / "submission.csv"
    write_test_submission(prepared, source, target)
    assert target.read_bytes() == b"id,target\noriginal-t1,0\noriginal-t2,1\noriginal-t3,2\n"
    assert list(target.parent.iterdir()) == [target]


def test_strip_audit_keeps_cells_as_they_are_written(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path / "data", "regression", "rmse", val={"v": "1"}, audit={"a": "1"})
    rows = [("a", "5"), ("t1", "1.50"), ("t2", "1e-3"), ("t3", "-0")]
    write_test_submission(prepared, write_csv(tmp_path / "s.csv", "id,target", rows), tmp_path / "out.csv")
    assert (
        tmp_path / "out.csv"
    ).read_text() == "id,target\noriginal-t1,1.50\noriginal-t2,1e-3\noriginal-t3,-0\n"


def test_strip_audit_refuses_rows_that_do_not_fit_and_leaves_the_old_file(
    prepared: Prepared, tmp_path: Path
) -> None:
    target = tmp_path / "kept.csv"
    target.write_text("old")
    source = write_csv(tmp_path / "submission.csv", "id,target", final(AUDIT, 0)[1:])
    with pytest.raises(SubmissionError, match="lacks 1 id"):
        write_test_submission(prepared, source, target)
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("log", "value"),
    [
        ("Final Validation Metric: 0.123456789012345678", 0.123456789012345678),
        ("epoch 1\nFinal Validation Metric: 1\ndone\n", 1.0),
        ("Final Validation Metric: -3e-05\r\n", -3e-5),
        (" 50%|#####\r100%|##########\rFinal Validation Metric:0.5\n", 0.5),
    ],
)
def test_the_printed_metric_is_parsed(log: str, value: float) -> None:
    found = parse_printed_metric(log)
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("", "holds 0 lines"),
        ("final validation metric: 0.5", "holds 0 lines"),
        ("Final Validation Metric: 0.5\nFinal Validation Metric: 0.5\n", "holds 2 lines"),
        ("Final Validation Metric: 0.5\nINFO Final Validation Metric: 0.6\n", "holds 2 lines"),
        ("Final Validation Metric: nan", "holds no finite number"),
        ("Final Validation Metric: inf", "holds no finite number"),
        ("Final Validation Metric: -Infinity", "holds no finite number"),
        ("Final Validation Metric:", "holds no finite number"),
        ("Final Validation Metric: 0.5 (micro F1)", "holds no finite number"),
        ("INFO Final Validation Metric: 0.5", "holds no finite number"),
        ("Final Validation Metric: tensor(0.5)", "holds no finite number"),
    ],
)
def test_other_lines_are_faults(log: str, sentence: str) -> None:
    with pytest.raises(SubmissionError, match=sentence):
        parse_printed_metric(log)


def test_a_perfect_score_on_few_rows_is_not_certain(prepared: Prepared, tmp_path: Path) -> None:
    found = evaluate(prepared, candidate(tmp_path / "node", VAL.items(), final(AUDIT, 0)), 1.0)
    assert found.validation_error == pytest.approx(1 / len(VAL))
    assert found.audit_error == pytest.approx(1 / len(AUDIT))
