"""Which way combines the members: a stacking layer on many rows, an average on few, else the blend."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from tests.templates.ensemble.ensemble_repository import Problem, Result, lay_out, run, run_all
from tests.templates.ensemble.test_ensemble_refit import with_members_that_refit

MANY = 6000  # rows for which a layer is fitted
FEWEST = 5000
TEST = 2000
NOISE = 0.5


def sums(rows: int = MANY, shares: tuple[float, float] = (1.0, 1.0)) -> Problem:
    """Each member knows one of two terms of the value; the weights of the truth are `shares`."""
    random = np.random.default_rng(5)
    parts = {"val": rows, "test": TEST}
    terms = {part: random.normal(size=(2, count, 1)) for part, count in parts.items()}
    truth = {
        part: shares[0] * first + shares[1] * second + NOISE * random.normal(size=first.shape)
        for part, (first, second) in terms.items()
    }
    members = {f"00{3 + one}": {part: terms[part][one] for part in parts} for one in (0, 1)}
    return Problem("regression", "rmse", truth, members, ("id", "a"), ("a",), folds=4)


def evidence(rows: int = MANY) -> tuple[Problem, dict[str, np.ndarray]]:
    """Two classes; each member sees independent evidence, so the log-odds of the truth are their sum."""
    random = np.random.default_rng(6)
    parts = {"val": rows, "test": TEST}
    truth = {part: random.integers(0, 2, count) for part, count in parts.items()}
    odds = {
        part: 1.5 * random.normal(size=(2, len(labels))) + 2.25 * (labels - 0.5)
        for part, labels in truth.items()
    }  # log-odds with mean +-s/2 and variance s, for which they are the true ones
    members = {
        f"00{3 + one}": {
            part: np.stack([expit(-odds[part][one]), expit(odds[part][one])], 1) for part in parts
        }
        for one in (0, 1)
    }
    best = {part: expit(odds[part].sum(axis=0)) for part in parts}
    return Problem("classification", "log_loss", truth, members, ("id", "target"), folds=4), best


def sets(rows: int = MANY) -> Problem:
    """Three labels; the members see independent evidence, and are too sure or unsure of two of them."""
    random = np.random.default_rng(7)
    parts = {"val": rows, "test": TEST}
    truth = {part: random.random((count, 3)) < 0.5 for part, count in parts.items()}
    odds = {
        part: 1.5 * random.normal(size=(2, *has.shape)) + 2.25 * (has - 0.5) for part, has in truth.items()
    }
    shift = np.array([2.0, 0.0, -2.0])
    members = {f"00{3 + one}": {part: expit(odds[part][one] + shift) for part in parts} for one in (0, 1)}
    return Problem("multilabel", "micro_f1", truth, members, folds=4)


STACKED = {"values": sums(), "classes": evidence()[0], "sets": sets()}


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folders = [lay_out(problem, tmp_path_factory.mktemp("stack")) for problem in STACKED.values()]
    return dict(zip(STACKED, run_all(folders), strict=True))


def test_values_that_add_up_are_added(stacked: dict[str, Result]) -> None:
    result, problem = stacked["values"], STACKED["values"]
    assert result.analysis["combination"] == "stack"
    assert list(result.analysis["weights"].values()) == pytest.approx([1, 1], abs=0.02)
    assert result.printed == pytest.approx(NOISE, rel=0.03)  # the mean of the members has .87
    assert problem.score("test", result.workspace / "submission/submission.csv") == pytest.approx(
        0.5, rel=0.04
    )


def test_log_odds_of_independent_evidence_are_added(stacked: dict[str, Result]) -> None:
    result, (problem, best) = stacked["classes"], evidence()
    assert result.analysis["combination"] == "stack"
    assert list(result.analysis["weights"].values()) == pytest.approx([1, 1], abs=0.1)
    assert result.printed == pytest.approx(log_loss(problem.truth["val"], best["val"]), rel=0.01)
    score = problem.score("test", result.workspace / "submission/submission.csv")
    assert score == pytest.approx(log_loss(problem.truth["test"], best["test"]), rel=0.01)


def test_the_analysis_says_why_and_what_each_member_adds(stacked: dict[str, Result]) -> None:
    found = stacked["values"].analysis
    reason = r"stack (0\.\d{5}), blend (0\.\d{5}); the difference has a standard error of (0\.\d{5})"
    said = re.fullmatch(reason, str(found["combination_reason"]))
    assert said is not None
    stack, blend, error = map(float, said.groups())
    assert stack == pytest.approx(found["metric"], abs=1e-5)
    assert blend == pytest.approx(np.sqrt(0.5 + NOISE**2), rel=0.03)
    assert blend - stack > 10 * error > 0
    alone = np.sqrt(1 + NOISE**2)  # the error of one member with the other's term missing
    gains = [alone - NOISE] * 2
    assert [found["member_gains"][node] for node in ("003", "004")] == pytest.approx(gains, rel=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKED)
def test_a_stack_is_repeated_by_refit_and_by_saved_models(
    name: str, stacked: dict[str, Result], tmp_path: Path
) -> None:
    source = stacked[name].workspace
    assert stacked[name].analysis["combination"] == "stack"
    before = (source / "submission" / "submission.csv").read_bytes()
    folder = with_members_that_refit(Path(shutil.copytree(source, tmp_path / "refit")))
    for arguments in (("--refit", "--save"), ("--predict",)):
        shutil.rmtree(folder / "submission")
        run(folder, *arguments, limit_s=100)
        assert (folder / "submission" / "submission.csv").read_bytes() == before
        for table in ("train", "val", "folds"):
            (folder / "metadata" / f"{table}.csv").unlink(missing_ok=True)
    decided = json.loads((source / "working" / "frozen.json").read_text())
    assert decided["combination"] == "stack"
    assert decided["weights"] == stacked[name].analysis["weights"]


def test_where_the_mean_is_right_the_blend_stays(tmp_path: Path) -> None:
    result = run(lay_out(sums(shares=(0.5, 0.5)), tmp_path))
    assert result.analysis["combination"] == "blend"
    assert str(result.analysis["combination_reason"]).startswith("stack 0.")
    assert sum(result.analysis["weights"].values()) == pytest.approx(1)
    assert result.printed == pytest.approx(NOISE, rel=0.03)
    assert json.loads((tmp_path / "working" / "frozen.json").read_text())["bias"] == [0.0]


def test_a_stack_needs_5000_rows(tmp_path: Path) -> None:
    fewer, enough = run_all([lay_out(sums(rows), tmp_path / str(rows)) for rows in (FEWEST - 1, FEWEST)])
    assert (fewer.analysis["combination"], enough.analysis["combination"]) == ("blend", "stack")
    assert fewer.analysis["combination_reason"] == "a stacking layer needs 5000 rows"


@pytest.mark.slow
def test_a_stack_scores_random_members_as_chance(tmp_path: Path) -> None:
    """Numbers fitted on the rows that they score would look better than knowing nothing."""
    random = np.random.default_rng(11)
    truth = {"val": random.integers(0, 2, MANY), "test": random.integers(0, 2, TEST)}
    members = {
        f"{node:03}": {part: random.dirichlet((9, 9), len(labels)) for part, labels in truth.items()}
        for node in range(3)
    }
    problem = Problem("classification", "log_loss", truth, members, ("id", "target"), folds=5)
    result = run(lay_out(problem, tmp_path))
    assert np.log(2) - 1e-4 < result.printed < np.log(2) + 4e-3
    assert problem.score("test", tmp_path / "submission/submission.csv") == pytest.approx(np.log(2), abs=4e-3)


def test_without_time_there_is_no_stack(tmp_path: Path) -> None:
    result = run(lay_out(STACKED["values"], tmp_path), limit_s=0.001)
    assert result.analysis["combination"] == "blend"
    assert "no time was left" in str(result.analysis["combination_reason"])


def equal_members(seed: int) -> Problem:
    """Six members on 60 rows, each right on four of five rows by chance."""
    random = np.random.default_rng(seed)
    truth = {"val": random.integers(0, 2, 60), "test": random.integers(0, 2, TEST)}
    members = {}
    for node in range(1, 7):
        right = {part: random.random(len(labels)) < 0.8 for part, labels in truth.items()}
        ones = {part: np.where(right[part], labels, 1 - labels) for part, labels in truth.items()}
        members[f"{node:03}"] = {
            part: np.stack([1 - sure, sure], 1) * 0.8 + 0.1 for part, sure in ones.items()
        }
    return Problem("classification", "accuracy", truth, members)


@pytest.mark.slow
def test_on_few_rows_the_average_is_taken_unless_the_blend_scores_better(tmp_path: Path) -> None:
    results = run_all([lay_out(equal_members(seed), tmp_path / str(seed)) for seed in range(14)])
    kinds = set()
    for result in results:
        found = result.analysis
        reason = r"average (\d\.\d{5}), blend (\d\.\d{5}); the blend must be better"
        said = re.fullmatch(reason, str(found["combination_reason"]))
        assert said is not None
        kind = "average" if float(said[1]) >= float(said[2]) else "blend"
        assert found["combination"] == kind
        assert result.printed == pytest.approx(max(map(float, said.groups())), abs=1e-5)
        weights = [weight for weight in found["weights"].values() if weight]
        if kind == "average":
            assert len(weights) <= 5
            assert weights == pytest.approx([1 / len(weights)] * len(weights))
        kinds.add(kind)
    assert kinds == {"average", "blend"}


def test_from_500_rows_nothing_is_averaged(tmp_path: Path) -> None:
    problem = replace(sums(500, shares=(0.5, 0.5)), folds=0)
    assert run(lay_out(problem, tmp_path)).analysis["combination"] == "blend"


def test_on_few_rows_the_blend_stays_where_unequal_weights_are_better(tmp_path: Path) -> None:
    result = run(lay_out(sums(300, shares=(0.9, 0.1)), tmp_path))
    assert result.analysis["combination"] == "blend"
    assert result.analysis["weights"]["003"] == pytest.approx(0.9, abs=0.06)


@pytest.mark.slow
def test_greedy_selection_adds_only_members_that_the_time_per_row_allows(tmp_path: Path) -> None:
    """Four equal members of .4 ms: two fit into 1 ms, of which a tenth is kept."""
    random = np.random.default_rng(13)
    truth = {part: random.normal(size=(rows, 1)) for part, rows in (("val", 600), ("test", TEST))}
    members = {
        f"{node:03}": {part: values + random.normal(size=values.shape) for part, values in truth.items()}
        for node in range(1, 5)
    }
    free = Problem("regression", "rmse", truth, members, ("id", "a"), ("a",))
    limits = {None: 4, 0.3: 1, 1.0: 2}
    problems = [replace(free, predict_ms=ms, member_ms=(0.4,) * 4 if ms else ()) for ms in limits]
    results = run_all(
        [lay_out(problem, tmp_path / str(ms)) for problem, ms in zip(problems, limits, strict=True)]
    )
    used = [sum(weight > 0 for weight in result.analysis["weights"].values()) for result in results]
    assert used == list(limits.values())
    assert results[0].printed < results[2].printed < results[1].printed
