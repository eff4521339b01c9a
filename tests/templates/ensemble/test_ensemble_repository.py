"""The blend: better than its complementary parts, honest where there is nothing to learn."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from agent.competition.metrics import get_metric
from agent.solution.greedy_blend import decoder, greedy_weights
from tests.templates.ensemble.ensemble_repository import (
    MEMBER_SCRIPT,
    Problem,
    Result,
    lay_out,
    render,
    run,
    run_all,
)

CLASSES = 4
ROWS = {"val": 300, "test": 1500}
MANY_ROWS = {"val": 600, "test": 1500}  # an ensemble takes no average of its members


def noisy_members(
    signal: dict[str, np.ndarray], noise: float, count: int = 3
) -> dict[str, dict[str, np.ndarray]]:
    """Members that see the same signal (N, K) through noise of their own."""
    random = np.random.default_rng(4)
    return {
        f"00{member}": {
            part: values + noise * random.normal(size=values.shape) for part, values in signal.items()
        }
        for member in range(3, 3 + count)
    }


def classification(
    metric: str, classes: int = CLASSES, rare: bool = False, sizes: dict[str, int] = ROWS
) -> Problem:
    random = np.random.default_rng(0)
    shares = np.array([0.7, 0.2, 0.06, 0.04]) if rare else np.full(classes, 1 / classes)
    truth = {part: random.choice(classes, rows, p=shares) for part, rows in sizes.items()}
    members = noisy_members(
        {part: 2.0 * np.eye(classes)[labels] for part, labels in truth.items()}, noise=1.5
    )
    probabilities = {
        node: {part: softmax(outputs, axis=1) for part, outputs in parts.items()}
        for node, parts in members.items()
    }
    names = [f"class{index}" for index in range(classes)]
    columns = ("id", "target")
    if metric in ("log_loss", "roc_auc") and classes > 2:
        columns = ("id", *names)
    return Problem("classification", metric, truth, probabilities, columns)


def label_sets(metric: str, members: int = 3, sizes: dict[str, int] = ROWS) -> Problem:
    random = np.random.default_rng(1)
    truth = {part: random.random((rows, 12)) < 0.15 for part, rows in sizes.items()}
    members = noisy_members({part: 3.0 * labels - 2.0 for part, labels in truth.items()}, 1.5, members)
    probabilities = {
        node: {part: 1 / (1 + np.exp(-outputs)) for part, outputs in parts.items()}
        for node, parts in members.items()
    }
    return Problem("multilabel", metric, truth, probabilities)


def regression(metric: str, targets: tuple[str, ...] = ("a", "b"), sizes: dict[str, int] = ROWS) -> Problem:
    random = np.random.default_rng(2)
    truth = {part: random.normal(size=(rows, len(targets))) for part, rows in sizes.items()}
    members = noisy_members(truth, noise=0.7)
    return Problem("regression", metric, truth, members, ("id", *targets), targets)


PROBLEMS = {
    "accuracy": classification("accuracy"),
    "balanced accuracy": classification("balanced_accuracy", rare=True),
    "macro F1": classification("macro_f1", rare=True),
    "ranks": classification("qwk"),
    "log loss": classification("log_loss"),
    "AUC of two classes": classification("roc_auc", classes=2),
    "AUC of more classes": classification("roc_auc"),
    "micro F1": label_sets("micro_f1"),
    "micro F1 of answers": label_sets("micro_f1_answer_classes"),
    "macro F1 of sets": label_sets("macro_f1", members=2),
    "RMSE": regression("rmse"),
    "R2": regression("r2"),
}


QUICK = [name for name in PROBLEMS if name != "macro F1 of sets"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The quick problems, run to their end."""
    folders = [lay_out(PROBLEMS[name], tmp_path_factory.mktemp("problem")) for name in QUICK]
    return dict(zip(QUICK, run_all(folders), strict=True))


@pytest.mark.slow
def test_complementary_members_gain_where_each_threshold_is_tried(tmp_path: Path) -> None:
    problem = PROBLEMS["macro F1 of sets"]
    check_gain(problem, run(lay_out(problem, tmp_path)))


BLENDS = {
    "accuracy": classification("accuracy", sizes=MANY_ROWS),
    "log loss": classification("log_loss", sizes=MANY_ROWS),
    "AUC of two classes": classification("roc_auc", classes=2, sizes=MANY_ROWS),
    "AUC of more classes": classification("roc_auc", sizes=MANY_ROWS),
    "R2": regression("r2", sizes=MANY_ROWS),
    "RMSE of one target": regression("rmse", ("a",), sizes=MANY_ROWS),
    "MAE of one target": regression("mae", ("a",), sizes=MANY_ROWS),
}


@pytest.fixture(scope="module")
def blends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folders = [lay_out(problem, tmp_path_factory.mktemp("problem")) for problem in BLENDS.values()]
    return dict(zip(BLENDS, run_all(folders), strict=True))


@pytest.mark.parametrize("name", BLENDS)
def test_the_harness_repeats_the_choice_of_weights(name: str, blends: dict[str, Result]) -> None:
    """The expected score of a run rests on blends that the harness makes anew."""
    problem = BLENDS[name]
    metric = get_metric(problem.metric)
    decode = decoder(metric, metric.prediction_kind(problem.task), is_label_set=False)
    outputs = [parts["val"].astype(np.float32).astype(np.float64) for parts in problem.members.values()]
    assert decode is not None
    truth = problem.truth["val"]
    weights = greedy_weights(metric, truth, outputs, decode)
    assert blends[name].analysis["combination"] == "blend"
    assert weights == pytest.approx(list(blends[name].analysis["weights"].values()))
    assert len(set(weights)) > 1


@pytest.mark.parametrize("name", ["accuracy", "log loss", "RMSE"])
def test_out_of_fold_rows_of_both_tables_are_blended(name: str, tmp_path: Path) -> None:
    problem = replace(PROBLEMS[name], folds=5)
    result = run(lay_out(problem, tmp_path))
    check_gain(problem, result)
    written = pd.read_csv(tmp_path / "working" / "val_submission.csv", dtype=str)["id"]
    assert set(written) == {f"val{row}" for row in range(ROWS["val"])}


def test_rows_that_one_member_did_not_predict_are_left_out_with_folds(tmp_path: Path) -> None:
    problem = replace(PROBLEMS["RMSE"], folds=5)
    lay_out(problem, tmp_path)
    file = tmp_path / "members" / "003" / "working" / "val_outputs.npz"
    with np.load(file) as arrays:
        held_out = np.isin(arrays["ids"], [f"val{row}" for row in range(ROWS["val"] // 5)])
        np.savez(file, ids=arrays["ids"][held_out], outputs=arrays["outputs"][held_out])
    run(tmp_path)
    written = pd.read_csv(tmp_path / "working" / "val_submission.csv", dtype=str)["id"]
    assert set(written) == {f"val{row}" for row in range(ROWS["val"] // 5)}


@pytest.mark.parametrize("name", QUICK)
def test_complementary_members_gain(name: str, finished: dict[str, Result]) -> None:
    check_gain(PROBLEMS[name], finished[name])


def check_gain(problem: Problem, result: Result) -> None:
    """The blend beats the best member, on rows that nothing was fitted on too."""
    higher, folder = problem.view.higher_is_better, result.workspace

    assert result.printed == pytest.approx(
        problem.score("val", folder / "working" / "val_submission.csv"), rel=1e-9
    )
    members = result.analysis["member_metrics"].values()
    test_score = problem.score("test", folder / "submission" / "submission.csv")
    best = max(members) if higher else min(members)
    assert test_score > best if higher else test_score < best
    assert result.printed > best if higher else result.printed < best
    assert sum(result.analysis["weights"].values()) == pytest.approx(1)
    for part, rows in ROWS.items():
        with np.load(folder / "working" / f"{part}_outputs.npz", allow_pickle=False) as arrays:
            assert arrays["ids"].tolist() == problem.cells(part)["id"].tolist()
            assert arrays["outputs"].dtype == np.float32
            assert arrays["outputs"].shape == (rows, next(iter(problem.members.values()))["val"].shape[1])
    lines = (folder / "working" / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["metric"] == result.printed


def test_useless_member_gets_no_weight(tmp_path: Path) -> None:
    good = classification("log_loss")
    random = np.random.default_rng(8)
    useless = {part: random.dirichlet(np.full(CLASSES, 0.2), rows) for part, rows in ROWS.items()}
    members = {"003": good.members["003"], "009": useless}
    problem = Problem(good.task, good.metric, good.truth, members, good.submission)
    weights = run(lay_out(problem, tmp_path)).analysis["weights"]
    assert weights["009"] <= 0.1


def test_random_members_do_not_beat_chance(tmp_path: Path) -> None:
    """Twelve random members: the best of them looks good on the rows it was chosen on, not on others."""
    random = np.random.default_rng(11)
    truth = {part: random.integers(0, 2, 200) for part in ROWS}
    members = {f"{node:03}": {part: random.dirichlet((1, 1), 200) for part in ROWS} for node in range(12)}
    folders = []
    for seed in range(3):
        shuffled = {part: np.random.default_rng(seed).permutation(labels) for part, labels in truth.items()}
        problem = Problem("classification", "accuracy", shuffled, members)
        folders.append(lay_out(problem, tmp_path / str(seed)))
    scores = run_all(folders)
    printed = np.mean([result.printed for result in scores])
    chosen = np.mean([max(result.analysis["member_metrics"].values()) for result in scores])
    assert chosen > 0.54
    assert abs(printed - 0.5) < 3 * 0.5 / np.sqrt(600)


def test_same_seed_same_bits(finished: dict[str, Result], tmp_path: Path) -> None:
    first, second = finished["micro F1"].workspace, lay_out(PROBLEMS["micro F1"], tmp_path)
    run(second)
    for file in ("working/val_submission.csv", "working/val_outputs.npz", "submission/submission.csv"):
        assert (first / file).read_bytes() == (second / file).read_bytes()


def test_time_limit_ends_the_search_for_weights(tmp_path: Path) -> None:
    result = run(lay_out(label_sets("macro_f1", members=2, sizes=MANY_ROWS), tmp_path), limit_s=1)
    assert max(result.analysis["weights"].values()) == 1.0
    assert result.printed > 0.5


def members_that_run(folder: Path) -> Path:
    """An ensemble of which one member has no outputs yet."""
    random = np.random.default_rng(0)
    truth = {part: random.integers(0, 3, rows) for part, rows in ROWS.items()}
    outputs = {part: random.dirichlet(np.ones(3), rows) for part, rows in ROWS.items()}
    lay_out(Problem("classification", "accuracy", truth, {"003": outputs, "007": outputs}), folder)
    member = folder / "members" / "007"
    for file in (member / "working").iterdir():
        file.unlink()
    (member / "main.py").write_text(MEMBER_SCRIPT)
    return folder


def test_members_without_outputs_are_run(tmp_path: Path) -> None:
    result = run(members_that_run(tmp_path), limit_s=100)
    printed = result.output.splitlines()
    assert printed[0] == "members/007: running main.py, output in members/007/run.log"
    assert re.fullmatch(r"members/007: \d+\.\d s", printed[1])
    assert printed[2] == "2 members, 300 validation rows, 1500 test rows"
    folds = [line for line in printed if re.fullmatch(r"blend fold \d/5: weights 003 .*, \d+\.\d s", line)]
    assert len(folds) == 5
    assert re.fullmatch(r"007: validation accuracy \d\.\d{5}, weight \d\.\d\d", printed[-2])
    call = json.loads((tmp_path / "members" / "007" / "working" / "call.json").read_text())
    assert call["arguments"] == []
    assert 10 < float(call["limit"]) < 100
    assert result.printed > 0


def test_smoke_leaves_no_outputs_of_members_behind(tmp_path: Path) -> None:
    run(members_that_run(tmp_path), "--smoke")
    assert not (tmp_path / "members" / "007" / "working" / "val_outputs.npz").exists()
    assert (tmp_path / "submission" / "submission.csv").exists()


def test_failing_member_is_named(tmp_path: Path) -> None:
    folder = members_that_run(tmp_path)
    (folder / "members" / "007" / "main.py").write_text("raise ValueError('no such column')")
    assert "members/007/run.log: the member ended with exit code 1" in run(folder).output
    assert not (folder / "submission").exists()


def test_member_that_lacks_rows_is_named(tmp_path: Path) -> None:
    folder = lay_out(PROBLEMS["RMSE"], tmp_path)
    file = folder / "members" / "004" / "working" / "test_outputs.npz"
    np.savez(file, ids=np.array(["test1", "test2"]), outputs=np.zeros((2, 2), dtype=np.float32))
    assert "004/working/test_outputs.npz: 1498 of 1500 rows are missing" in run(folder).output


@pytest.mark.parametrize("name", PROBLEMS)
def test_is_clean(name: str, tmp_path: Path) -> None:
    for path, text in render(PROBLEMS[name]).items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        if path.endswith(".py"):
            ast.parse(text, path)
    for command in (["check", "--quiet", "--select=E,F,I,UP,B,SIM,C4,RET,PIE,W,N"], ["format", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "--line-length=110", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
