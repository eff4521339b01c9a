"""What running a rendered repository leaves behind: the contract, honest scores, refits, saved models."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import Competition, Run, folded, read_rows
from tests.templates.text.text_competitions import BOTH_TEXTS, lay_out, run_all, score, texts

CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    "labels": (folded(texts("classification", "accuracy"), 4), {"naive_bayes": True}),
    "one probability": (
        texts("classification", "roc_auc", BOTH_TEXTS, classes=2),
        {"text_columns": "joined", "words": 1, "naive_bayes": True, "characters": 0},
    ),
    "probabilities": (
        texts("classification", "log_loss", {"body": "text"}),
        {"characters": 4},
    ),
    "corrected labels": (
        folded(texts("classification", "balanced_accuracy"), 3),
        {"decision": "prior_corrected"},
    ),
    "label sets": (folded(texts("multilabel", "micro_f1"), 4), {}),
    "label sets of rare labels": (
        folded(texts("multilabel", "macro_f1"), 3),
        {"sublinear": False, "naive_bayes": True},
    ),
    "label sets at one half": (texts("multilabel", "micro_f1", BOTH_TEXTS), {"threshold": "fixed"}),
    "values": (folded(texts("regression", "r2"), 4), {"characters": 0}),
    "values of short parts": (texts("regression", "r2"), {"characters": 2}),
}
REFITTED = ("labels", "one probability", "label sets", "values")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases, run to their end with --save."""
    folders = [lay_out(*case, tmp_path_factory.mktemp("case")) for case in CASES.values()]
    return dict(zip(CASES, run_all(folders, "--save"), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_leaves_what_the_contract_asks_for(case: str, saved: dict[str, Run]) -> None:
    competition, run = CASES[case][0], saved[case]
    assert run.printed == pytest.approx(score(competition, run.workspace), rel=1e-9)
    for part, file in (("val", "working/val_submission.csv"), ("test", "submission/submission.csv")):
        ids = competition.tables["test"]["id"].tolist() if part == "test" else competition.held_out()
        header = (run.workspace / file).read_text().splitlines()[0].split(",")
        assert header == list(competition.view.submission_columns)
        assert sorted(read_rows(run.workspace / file).index) == sorted(ids)
        outputs = run.outputs(part)
        assert outputs.dtype == np.float32
        assert outputs.shape == (len(ids), competition.view.n_classes or 1)
        assert np.isfinite(outputs).all()
    lines = (run.workspace / "working" / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["metric"] == run.printed
    assert run.analysis["cut"] is None
    assert run.analysis["choice_seconds"] > 0


def test_learns_what_the_texts_say(saved: dict[str, Run]) -> None:
    for case in CASES:
        if case == "probabilities":
            assert saved[case].printed < 0.4
        else:
            assert saved[case].printed > 0.85, case


@pytest.mark.parametrize("case", CASES)
def test_saved_models_predict_the_same_without_labelled_rows(
    case: str, saved: dict[str, Run], tmp_path: Path
) -> None:
    before = saved[case].workspace
    left_out = shutil.ignore_patterns("working", "submission", "metadata", "run.log", "__pycache__")
    shutil.copytree(before, tmp_path / "copy", ignore=left_out)
    shutil.copytree(before / "working" / "model", tmp_path / "copy" / "working" / "model")
    (tmp_path / "copy" / "metadata").mkdir()
    for name in ("test.csv", "classes.csv"):
        if (before / "metadata" / name).exists():
            shutil.copyfile(before / "metadata" / name, tmp_path / "copy" / "metadata" / name)
    (predicted,) = run_all([tmp_path / "copy"], "--predict")
    assert predicted.exit_code == 0, predicted.output
    assert np.allclose(predicted.outputs("predicted"), saved[case].outputs("test"), atol=1e-6)
    first, again = (folder / "submission" / "submission.csv" for folder in (before, tmp_path / "copy"))
    assert first.read_text() == again.read_text()


@pytest.mark.parametrize("case", REFITTED)
def test_a_refit_takes_the_choices_over_and_scores_nothing(
    case: str, saved: dict[str, Run], tmp_path: Path
) -> None:
    shutil.copytree(saved[case].workspace, tmp_path / "copy")
    for file in (tmp_path / "copy" / "working").iterdir():
        if file.is_file() and file.name != "frozen.json":
            file.unlink()
    (refitted,) = run_all([tmp_path / "copy"], "--refit")
    assert refitted.exit_code == 0, refitted.output
    assert "Final Validation Metric" not in refitted.output
    assert "penalty" not in refitted.output
    assert not (tmp_path / "copy" / "working" / "val_submission.csv").exists()
    if CASES[case][0].folds:  # the models of a refit are those of the run
        assert np.array_equal(refitted.outputs("test"), saved[case].outputs("test"))


def test_a_smoke_run_does_every_step_and_freezes_nothing(tmp_path: Path) -> None:
    folders = [lay_out(*CASES[case], tmp_path / case) for case in ("labels", "values")]
    for folder, run in zip(folders, run_all(folders, "--smoke"), strict=True):
        assert run.printed
        assert not (folder / "working" / "frozen.json").exists()


def test_the_time_limit_leaves_folds_out_and_says_so(tmp_path: Path) -> None:
    folder = lay_out(*CASES["labels"], tmp_path)
    (run,) = run_all([folder], environment={"MARS_TIME_LIMIT_S": "2.2"})
    assert run.printed
    assert run.analysis["cut"]["what"] in ("folds", "training rows")


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    folder = lay_out(*CASES["label sets"], tmp_path)
    (folder / "metadata" / "classes.csv").write_text("label\nbad\nfair\n")
    (run,) = run_all([folder])
    assert run.exit_code != 0
    assert "1 labels are not in classes.csv, first 'good'." in run.output


def test_texts_without_a_word_are_no_error(tmp_path: Path) -> None:
    competition = texts("classification", "accuracy", {"body": "text"})
    for table in competition.tables.values():
        table["body"] = " "
    (run,) = run_all([lay_out(competition, {}, tmp_path)])
    assert run.printed == pytest.approx(score(competition, tmp_path))
