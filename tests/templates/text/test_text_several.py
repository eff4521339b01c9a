"""Several typed targets of texts: clean code, scores that the harness agrees with, thresholds of F scores."""

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.planner.base import TaskContext
from agent.planner.conditions import serves
from agent.repository.family import Value
from agent.repository.rendering import write_tree
from tests.competition.several_folders import TARGETS, several_folder
from tests.support.repository_runs import ruff_complaints
from tests.templates.text.several_texts import KINDS, SeveralTexts, several_texts
from tests.templates.text.test_text_encoder import ENCODER, FAKE
from tests.templates.text.text_competitions import FAMILY, run_all

BLUEPRINTS: dict[str, dict[str, Value]] = {
    "terms": {"text_model": "terms"},
    "fixed": {"text_model": "terms", "threshold": "fixed", "naive_bayes": True, "characters": 0},
    "encoder": ENCODER,
    "pair": {**ENCODER, "pair": "interactions"},
    "kernel": {**ENCODER, "head": "kernel", "text_columns": "joined"},
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def competition(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SeveralTexts:
    return several_texts(tmp_path_factory.mktemp("several"), request.param)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> SeveralTexts:
    return several_texts(tmp_path_factory.mktemp("both"))


def test_each_blueprint_renders_to_clean_code(competition: SeveralTexts, tmp_path: Path) -> None:
    for name, slots in BLUEPRINTS.items():
        files = competition.render(slots)
        write_tree(files, tmp_path / name)
        for file, text in files.items():
            if file.endswith(".py"):
                ast.parse(text, file)
    assert not ruff_complaints(tmp_path)


def test_the_harness_agrees_with_each_mix_of_targets(competition: SeveralTexts, tmp_path: Path) -> None:
    (run,) = run_all([competition.lay_out(BLUEPRINTS["terms"], tmp_path / "run")])

    found = competition.evaluate(run)

    assert found.fault is None
    assert found.validation is not None
    assert found.validation > 0.7
    assert run.analysis["score_by_target"] == pytest.approx(found.target_scores)
    width = sum(target.width for target in competition.view.targets)
    assert run.outputs("val").shape == (competition.prepared.rows_of_folds(8), width)


def test_a_threshold_of_its_own_serves_the_f_score(both: SeveralTexts, tmp_path: Path) -> None:
    """Less than half of the reports of an argument have the rare event, so one half finds none of them."""
    folders = [both.lay_out(BLUEPRINTS[name], tmp_path / name) for name in ("terms", "fixed")]
    fitted, fixed = (both.evaluate(run) for run in run_all(folders))
    frozen = json.loads((folders[0] / "working" / "frozen.json").read_text())

    assert fitted.target_scores["rare"] > fixed.target_scores["rare"] + 0.1
    assert frozen["thresholds"][0] < 0.5
    assert frozen["thresholds"][1:] == [0.5] * 4
    assert not (folders[1] / "working" / "frozen.json").read_text().count("thresholds")


def test_encoder_saves_refits_and_smokes(both: SeveralTexts, tmp_path: Path) -> None:
    folder = both.lay_out(ENCODER, tmp_path / "run")
    own = folder / "weights" / "all-MiniLM-L12-v2"
    own.mkdir(parents=True)
    (own / "modules.json").write_text("[]")
    fake = {"PYTHONPATH": str(FAKE)}
    (full,) = run_all([folder], "--save", environment=fake)
    assert both.evaluate(full).fault is None
    first = pd.read_csv(folder / "submission" / "submission.csv", dtype=str)
    outputs = full.outputs("test")
    (predicted,) = run_all([folder], "--predict", environment=fake)
    again = pd.read_csv(folder / "submission" / "submission.csv", dtype=str)
    labels = ["id", "rare", "place", "grade"]
    assert predicted.exit_code == 0, predicted.output
    assert first[labels].equals(again[labels])
    (refitted,) = run_all([folder], "--refit", environment=fake)
    assert refitted.exit_code == 0, refitted.output
    assert np.allclose(refitted.outputs("test"), outputs, atol=1e-5)
    (smoke,) = run_all([folder], "--smoke", environment=fake)
    assert smoke.printed


def test_label_sets_among_several_targets_are_not_served(tmp_path: Path) -> None:
    texts = [{"name": "colour", "role": "text"}]
    fewer = [target for target in TARGETS if target["type"] != "label_set"]
    of_sets = several_folder(tmp_path / "sets", inputs=texts)
    without = several_folder(tmp_path / "fewer", inputs=texts, targets=fewer)
    assert not serves(FAMILY, TaskContext.of(of_sets, 100, "cpu"))
    assert serves(FAMILY, TaskContext.of(without, 100, "cpu"))
