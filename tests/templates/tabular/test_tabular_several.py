"""Several typed targets: clean code for every kind of model, and scores that the harness agrees with."""

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from agent.repository.rendering import write_tree
from tests.support.repository_runs import ruff_complaints
from tests.templates.tabular.several_competitions import KINDS, MODELS, Several, several
from tests.templates.tabular.tabular_competitions import FAMILY, Run, run_all

FAST = ("linear", "lightgbm", "knn")
OTHERS = [model for model in MODELS if model not in (*FAST, "tabm", "gaussian_process")]


@pytest.fixture(scope="module", params=sorted(KINDS))
def competition(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Several:
    return several(tmp_path_factory.mktemp("several"), request.param)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Several:
    return several(tmp_path_factory.mktemp("both"))


def other_values(model: str) -> dict[str, Value]:
    """A blueprint of a model in which every slot that search may change has another value."""
    others = {
        name: next((value for value in slot.values if value != slot.default), slot.default)
        for name, slot in FAMILY.slots.items()
    }
    return {**others, "model": model, "category_encoding": "target", "interactions": "products"}


def test_every_kind_of_model_renders_to_clean_code(competition: Several, tmp_path: Path) -> None:
    for model in MODELS:
        for name, slots in (("plain", {"model": model}), ("other", other_values(model))):
            files = competition.render(slots)
            write_tree(files, tmp_path / f"{name}-{model}")
            for file, text in files.items():
                if file.endswith(".py"):
                    ast.parse(text, file)
    assert not ruff_complaints(tmp_path)


def shape_of_outputs(competition: Several) -> tuple[int, int]:
    """A row for each labelled row, and a slice of columns for each target."""
    return competition.prepared.rows_of_folds(8), sum(target.width for target in competition.view.targets)


def agreed(competition: Several, model: str, workspace: Path) -> Run:
    """Run a model; the harness must agree with the score that the run prints."""
    run = competition.run({"model": model}, workspace)
    found = competition.evaluate(run)
    assert found.fault is None
    assert found.validation is not None
    assert found.validation > 0.5
    assert run.analysis["score_by_target"] == pytest.approx(found.target_scores)
    return run


@pytest.mark.parametrize("model", FAST)
def test_a_run_of_each_mix_of_targets(competition: Several, model: str, tmp_path: Path) -> None:
    run = agreed(competition, model, tmp_path / "run")

    assert run.outputs("val").shape == shape_of_outputs(competition)


@pytest.mark.slow
@pytest.mark.parametrize("model", OTHERS)
def test_a_run_of_each_other_kind_of_model(both: Several, model: str, tmp_path: Path) -> None:
    run = agreed(both, model, tmp_path / "run")

    assert run.outputs("val").shape == shape_of_outputs(both)


def test_values_of_bounded_targets_stay_within_their_bounds(both: Several, tmp_path: Path) -> None:
    run = both.run({"model": "linear"}, tmp_path / "run")

    stars = pd.read_csv(run.workspace / "submission" / "submission.csv")["stars"]

    assert run.outputs("test")[:, -1].max() > 10  # the model itself goes beyond
    assert stars.between(0, 10).all()


def test_encoders_and_products_know_the_kind_of_each_target(both: Several, tmp_path: Path) -> None:
    slots: dict[str, Value] = {"model": "lightgbm", "category_encoding": "target", "interactions": "products"}

    run = both.run(slots, tmp_path / "run")

    assert both.evaluate(run).fault is None


@pytest.mark.slow
def test_a_smoke_run_a_refit_and_saved_models(both: Several, tmp_path: Path) -> None:
    workspace = both.lay_out({"model": "lightgbm"}, tmp_path / "run")
    (full,) = run_all([workspace], "--save")
    frozen = json.loads((workspace / "working" / "frozen.json").read_text())
    first = pd.read_csv(workspace / "submission" / "submission.csv", dtype=str)
    (predicted,) = run_all([workspace], "--predict")
    again = pd.read_csv(workspace / "submission" / "submission.csv", dtype=str)
    (refitted,) = run_all([workspace], "--refit")

    assert full.exit_code == predicted.exit_code == refitted.exit_code == 0
    assert len(frozen["rounds"]) == 5
    assert np.mean(first.drop(columns=["price", "stars"]) == again.drop(columns=["price", "stars"])) == 1.0
    (smoke,) = run_all([both.lay_out({"model": "linear"}, tmp_path / "smoke")], "--smoke")
    assert smoke.exit_code == 0, smoke.output


def test_own_code_scores_all_targets(tmp_path: Path) -> None:
    code = "def score(truth, prediction):\n    return float((truth['breed'] == prediction['breed']).mean())\n"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "metric.py").write_text(code)
    own = {"definition": "Share of right breeds.", "prediction": "several", "higher_is_better": True}
    competition = several(tmp_path, metric="metric.py", own_metric=own)

    run = competition.run({"model": "knn"}, tmp_path / "run")

    found = competition.evaluate(run)
    assert found.fault is None
    assert found.validation == pytest.approx(found.target_scores["breed"])
