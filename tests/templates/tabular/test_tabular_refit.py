"""`main.py --refit`: learns from the validation rows too, by what the run before it decided; no score."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    Competition,
    Run,
    folded,
    lay_out,
    mixed,
    mixed_table,
    read_rows,
    run_all,
)

ROUNDS: dict[str, Value] = {"max_iter": 20, "text_components": 0}
CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    # Nearest neighbours choose nothing on held-out rows, so a fit depends on its training rows alone.
    "one fit": (mixed("regression", "mae"), {"model": "knn"}),
    "corrected labels": (
        mixed("classification", "balanced_accuracy"),
        {"model": "knn", "decision": "prior_corrected"},
    ),
    "penalty of one fit": (mixed("regression", "mae"), {"model": "linear"}),
    "rounds of one fit": (mixed("classification", "log_loss"), {**ROUNDS, "model": "lightgbm"}),
    "folds": (folded(mixed("regression", "rmse"), 3), {"model": "linear"}),
    "rounds of folds": (
        folded(mixed("classification", "log_loss"), 3),
        {**ROUNDS, "model": "hist_gradient_boosting"},
    ),
    # On few rows, the loss of some folds soon rises, so that the folds end after different numbers of rounds.
    "folds that stop early": (
        folded(mixed("regression", "rmse", rows=80), 8),
        {
            "model": "hist_gradient_boosting",
            "max_iter": 800,
            "max_leaf_nodes": 4,
            "learning_rate": 0.03,
            "text_components": 0,
        },
    ),
    "rounds of LightGBM's folds": (
        folded(mixed("regression", "rmse"), 4),
        {**ROUNDS, "model": "lightgbm", "seeds": 2, "row_sampling": 0.7},
    ),
}


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases: run, then run again on all labelled rows where nothing but the frozen choices is left."""
    folders = [lay_out(*case, tmp_path_factory.mktemp("case")) for case in CASES.values()]
    assert all(run.printed for run in run_all(folders))
    for folder in folders:
        forget_all_but_choices(folder)
    return dict(zip(CASES, run_all(folders, "--refit"), strict=True))


def forget_all_but_choices(folder: Path) -> None:
    frozen = (folder / "working" / "frozen.json").read_bytes()
    for name in ("working", "submission"):
        shutil.rmtree(folder / name)
    (folder / "run.log").unlink()
    (folder / "working").mkdir()
    (folder / "working" / "frozen.json").write_bytes(frozen)


@pytest.mark.parametrize("case", CASES)
def test_writes_a_submission_and_nothing_about_validation_rows(case: str, refitted: dict[str, Run]) -> None:
    done = refitted[case]
    assert done.exit_code == 0, done.output
    assert {file.name for file in (done.workspace / "working").iterdir()} == {
        "frozen.json",
        "progress.jsonl",
        "test_outputs.npz",
    }
    assert "Final Validation Metric" not in done.output
    assert "validation" not in done.output
    lines = (done.workspace / "working" / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["stage"] == "done"
    assert not any("metric" in json.loads(line) for line in lines)
    submission = read_rows(done.workspace / "submission" / "submission.csv")
    assert submission.index.tolist() == CASES[case][0].tables["test"]["id"].tolist()


@pytest.mark.parametrize("case", ["one fit", "corrected labels"])
def test_one_fit_equals_a_run_whose_training_table_holds_all_labelled_rows(
    case: str, refitted: dict[str, Run], tmp_path: Path
) -> None:
    competition, slots = CASES[case]
    both = pd.concat([competition.tables["val"], competition.tables["train"]])
    renamed = competition.tables["val"].assign(id=[f"again {row}" for row in competition.tables["val"]["id"]])
    larger = Competition(
        competition.view, {**competition.tables, "train": both, "val": renamed}, competition.classes
    )
    (other,) = run_all([lay_out(larger, slots, tmp_path)])
    assert "360 labelled rows" in refitted[case].output
    assert np.allclose(refitted[case].outputs("test"), other.outputs("test"), atol=1e-4)


@pytest.mark.parametrize("case", [case for case in CASES if "folds" in case])
def test_folds_are_fitted_again_with_the_frozen_rounds(
    case: str, refitted: dict[str, Run], tmp_path: Path
) -> None:
    """On the same rows, the models of a refit are those of the run."""
    (again,) = run_all([lay_out(*CASES[case], tmp_path)])
    assert np.array_equal(refitted[case].outputs("test"), again.outputs("test"))


def test_folds_that_stop_early_end_after_different_rounds(refitted: dict[str, Run]) -> None:
    folder = refitted["folds that stop early"].workspace
    frozen = json.loads((folder / "working" / "frozen.json").read_text())
    assert len({number for (number,) in frozen["rounds_of_models"]}) > 1
    assert max(number for (number,) in frozen["rounds_of_models"]) <= frozen["rounds"][0]


def test_rows_that_join_for_the_refit_are_learned_from(tmp_path: Path) -> None:
    """As in a refit with the audit rows: more rows in train.csv and folds.csv, the same frozen choices."""
    competition, slots = CASES["rounds of folds"]
    folder = lay_out(competition, slots, tmp_path)
    before = run_all([folder])[0].outputs("test")
    added = mixed_table(100, seed=9).drop(columns="signal").assign(target="low")
    train = pd.concat([competition.tables["train"], added])
    folds = competition.folds | {row: number % 3 for number, row in enumerate(added["id"])}
    shutil.rmtree(folder / "metadata")
    larger = {**competition.tables, "train": train}
    Competition(competition.view, larger, competition.classes, folds).write(folder)
    (after,) = run_all([folder], "--refit")
    assert "460 labelled rows" in after.output
    low = competition.classes.index("low")
    assert after.outputs("test")[:, low].mean() > before[:, low].mean() + 0.1


def test_the_frozen_rounds_are_what_is_used(refitted: dict[str, Run]) -> None:
    folder = refitted["rounds of one fit"].workspace
    frozen = json.loads((folder / "working" / "frozen.json").read_text())
    assert frozen["seconds"] > 0
    assert frozen["rounds"][0] > 1
    spread = refitted["rounds of one fit"].outputs("test").std()
    one = {"rounds": [1], "rounds_of_models": [[1]]}
    (folder / "working" / "frozen.json").write_text(json.dumps({**frozen, **one}))
    (shorter,) = run_all([folder], "--refit")
    assert shorter.outputs("test").std() < spread


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"seconds": 20}', '{"rounds": "half"}', '{"rounds": []}']
)
def test_without_sound_choices_one_sentence_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    folder = lay_out(*CASES["rounds of one fit"], tmp_path)
    if content is not None:
        (folder / "working").mkdir()
        (folder / "working" / "frozen.json").write_text(content)
    (done,) = run_all([folder], "--refit")
    assert done.exit_code == 1
    assert done.output == ("working/frozen.json: is missing or damaged; run `python main.py` first.\n")
    assert not (folder / "submission").exists()


def test_a_smoke_run_freezes_nothing(tmp_path: Path) -> None:
    folder = lay_out(*CASES["rounds of one fit"], tmp_path)
    (done,) = run_all([folder], "--smoke")
    assert done.printed
    assert not (folder / "working" / "frozen.json").exists()


def test_a_kind_without_rounds_is_fitted_again_to_the_frozen_number_of_rows(
    refitted: dict[str, Run], tmp_path: Path
) -> None:
    competition, slots = CASES["one fit"]
    folder = lay_out(competition, slots, tmp_path)
    frozen = folder / "working" / "frozen.json"
    frozen.parent.mkdir()
    outputs = {}
    for rows in (0, 1000, 60):  # 0: no limit
        frozen.write_text(json.dumps({"seconds": 1.0, "rows_per_fit": rows}))
        (done,) = run_all([folder], "--refit")
        assert done.exit_code == 0, done.output
        outputs[rows] = done.outputs("test")
    assert np.array_equal(outputs[0], refitted["one fit"].outputs("test"))
    assert np.array_equal(outputs[0], outputs[1000])
    assert not np.allclose(outputs[0], outputs[60])
