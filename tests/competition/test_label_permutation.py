"""Shuffled answers, and what predictions say of whoever saw them, for every kind of target."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition import label_permutation as module
from agent.competition.label_permutation import (
    LabelPermutationTest,
    PermutationTestResult,
    judge_fits,
    make_permutation_test,
    read_fit,
)
from agent.competition.metrics import Metric, get_metric
from agent.competition.prepared import Prepared
from agent.competition.spec import Task
from agent.competition.submission import SubmissionError
from tests.competition.prepared_competitions import make_prepared, write_csv

ROWS = 200
RNG = np.random.default_rng(5)
LABELS = ("a", "b", "c", "d")
CELLS: dict[Task, list[str]] = {
    "classification": [LABELS[row % 4] for row in range(ROWS)],
    "multilabel": [" ".join(label for label in LABELS if RNG.random() < 0.3) for _ in range(ROWS)],
    "regression": [f"{value:.3f}" for value in RNG.normal(size=ROWS)],
    "segmentation": [f"{RNG.integers(1, 50)} {RNG.integers(1, 30)}" for _ in range(ROWS)],
}
METRICS: dict[Task, str] = {
    "classification": "accuracy",
    "multilabel": "macro_f1",
    "regression": "rmse",
    "segmentation": "dice",
}
# What an honest model of each kind may have scored.
REAL: dict[Task, float] = {"classification": 0.8, "multilabel": 0.7, "regression": 0.4, "segmentation": 0.8}


def _prepared(root: Path, task: Task) -> Prepared:
    answers = {f"v{row}": cell for row, cell in enumerate(CELLS[task])}
    classes = LABELS if task in ("classification", "multilabel") else None
    prepared = make_prepared(root, task, METRICS[task], val=answers, classes=classes)
    rows = [(name, row, cell) for row, (name, cell) in enumerate(answers.items())]
    write_csv(prepared.metadata / "val.csv", "id,x,target", rows)
    write_csv(prepared.metadata / "train.csv", "id,x,target", [("t1", 0, CELLS[task][0])])
    return prepared


@pytest.fixture(params=CELLS)
def prepared(request: pytest.FixtureRequest, tmp_path: Path) -> Prepared:
    return _prepared(tmp_path / "data", request.param)


def _judged(
    prepared: Prepared,
    permutation: LabelPermutationTest,
    workspace: Path,
    cells: list[str],
    real: float | None = None,
) -> PermutationTestResult:
    """The verdict on predictions in the order of the rows of val.csv."""
    rows = [(f"v{row}", cell) for row, cell in enumerate(cells)]
    write_csv(workspace / "working" / "val_submission.csv", "id,target", rows)
    metric = get_metric(prepared.spec.metric)
    fit = read_fit(prepared, permutation, workspace)
    return judge_fits(metric, [fit], REAL[prepared.spec.task] if real is None else real)


def _seen(permutation: LabelPermutationTest) -> list[str]:
    table = pd.read_csv(permutation.metadata / "val.csv", dtype=str, na_filter=False)
    return [str(cell) for cell in table["target"]]


def test_whole_cells_change_their_rows_and_nothing_else_changes(prepared: Prepared, tmp_path: Path) -> None:
    before = (prepared.metadata / "val.csv").read_bytes()
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    real, shuffled = (
        pd.read_csv(folder / "val.csv", dtype=str, na_filter=False)
        for folder in (prepared.metadata, permutation.metadata)
    )
    assert shuffled[["id", "x"]].equals(real[["id", "x"]])
    assert sorted(shuffled["target"]) == sorted(real["target"])
    assert (shuffled["target"] != real["target"]).mean() > 0.5
    assert (permutation.metadata / "train.csv").read_bytes() == (prepared.metadata / "train.csv").read_bytes()
    assert (prepared.metadata / "val.csv").read_bytes() == before
    again = make_permutation_test(prepared, tmp_path / "again", seed=1)
    assert (again.metadata / "val.csv").read_bytes() == (permutation.metadata / "val.csv").read_bytes()


def test_predictions_that_know_nothing_of_the_shuffle_pass(prepared: Prepared, tmp_path: Path) -> None:
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    found = _judged(prepared, permutation, tmp_path / "node", CELLS[prepared.spec.task])
    assert found.is_leak is False
    assert found.reason.startswith("The predictions do not follow the validation answers: they score ")


@pytest.mark.parametrize("known", [1.0, 0.6])
def test_predictions_that_follow_the_shuffle_do_not(prepared: Prepared, tmp_path: Path, known: float) -> None:
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    honest, seen = CELLS[prepared.spec.task], _seen(permutation)
    cells = [seen[row] if row < known * ROWS else honest[row] for row in range(ROWS)]
    found = _judged(prepared, permutation, tmp_path / "node", cells)
    assert found.is_leak is True
    assert found.reason.startswith("The predictions follow the validation answers: they score ")


def test_a_little_fit_is_what_thresholds_give(tmp_path: Path) -> None:
    """Sure to be no chance, and too little for a leak."""
    prepared = _prepared(tmp_path / "data", "classification")
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    seen = _seen(permutation)
    cells = [seen[row] if row < 0.2 * ROWS else CELLS["classification"][row] for row in range(ROWS)]
    assert _judged(prepared, permutation, tmp_path / "node", cells).is_leak is False


def test_fits_to_several_shuffles_count_together(prepared: Prepared, tmp_path: Path) -> None:
    """All rows of all shuffles are scored at once, for dense and for sparse answers."""
    honest, fits = CELLS[prepared.spec.task], []
    for seed in (1, 2):
        permutation = make_permutation_test(prepared, tmp_path / f"placebo{seed}", seed=seed)
        seen = _seen(permutation)
        cells = [seen[row] if row < 0.6 * ROWS else honest[row] for row in range(ROWS)]
        rows = [(f"v{row}", cell) for row, cell in enumerate(cells)]
        write_csv(tmp_path / f"node{seed}" / "working" / "val_submission.csv", "id,target", rows)
        fits.append(read_fit(prepared, permutation, tmp_path / f"node{seed}"))
    metric, real = get_metric(prepared.spec.metric), REAL[prepared.spec.task]
    deviations = [
        float(judge_fits(metric, some, real).reason.split(" ± ")[1].split(" on")[0])
        for some in (fits[:1], fits)
    ]
    assert judge_fits(metric, fits, real).is_leak is True
    assert deviations[1] == pytest.approx(deviations[0] / 2**0.5, rel=0.25)


def test_what_is_no_better_than_chance_says_nothing(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path / "data", "classification")
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    found = _judged(prepared, permutation, tmp_path / "node", CELLS["classification"], real=0.1)
    assert (found.is_leak, "no better than chance" in found.reason) == (None, True)


def test_constant_predictions_fit_every_shuffle_alike(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path / "data", "classification")
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    assert _judged(prepared, permutation, tmp_path / "node", ["a"] * ROWS).is_leak is False


def test_a_metric_that_is_undefined_or_slow_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = _prepared(tmp_path / "data", "regression")
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    monkeypatch.setattr(Metric, "score", lambda self, truth, guess: float("nan"))
    assert _judged(prepared, permutation, tmp_path / "node", CELLS["regression"]).is_leak is None
    monkeypatch.undo()
    monkeypatch.setattr(module, "SCORING_LIMIT_S", 0.0)
    assert _judged(prepared, permutation, tmp_path / "node", CELLS["regression"]).is_leak is None


def test_a_link_to_the_answers_is_no_prediction(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path / "data", "classification")
    permutation = make_permutation_test(prepared, tmp_path / "placebo", seed=1)
    (tmp_path / "node" / "working").mkdir(parents=True)
    (tmp_path / "node" / "working" / "val_submission.csv").symlink_to(permutation.metadata / "val.csv")
    with pytest.raises(SubmissionError, match="link"):
        read_fit(prepared, permutation, tmp_path / "node")
