"""`main.py --refit`: learns from the validation rows too, by what the run before it decided; no score."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import Competition, Run, lay_out, mixed, read_rows, run_all

BLEND: dict[str, Value] = {"model": "blend", "folds": 3, "max_iter": 20}
CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    "one fit": (mixed("regression", "mae"), {"model": "linear"}),
    "corrected labels": (
        mixed("classification", "balanced_accuracy"),
        {"model": "linear", "decision": "prior_corrected"},
    ),
    "boosting, own folds": (
        mixed("classification", "log_loss", own_folds=3),
        {"model": "hist_gradient_boosting", "folds": 3, "max_iter": 20},
    ),
    "blend, groups": (mixed("regression", "rmse"), BLEND),
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


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("blend")])
def test_equals_a_run_whose_training_table_holds_all_labelled_rows(
    case: str, refitted: dict[str, Run], tmp_path: Path
) -> None:
    competition, slots = CASES[case]
    both = pd.concat([competition.tables["train"], competition.tables["val"]])
    larger = Competition(competition.view, {**competition.tables, "train": both}, competition.classes)
    (other,) = run_all([lay_out(larger, slots, tmp_path)])
    assert "360 training rows" in other.output
    assert np.array_equal(refitted[case].outputs("test"), other.outputs("test"))


def test_the_frozen_weight_and_rounds_are_what_is_used(refitted: dict[str, Run]) -> None:
    folder = refitted["blend, groups"].workspace
    recorded = json.loads((folder / "working" / "frozen.json").read_text())
    assert "360 training rows" in refitted["blend, groups"].output
    assert recorded["max_iter"] == 20
    assert recorded["seconds"] > 0
    outputs = {}
    for weight, rounds in ((0.0, 20), (1.0, 20), (recorded["linear_weight"], 20), (0.0, 1)):
        changed = {**recorded, "linear_weight": weight, "max_iter": rounds}
        (folder / "working" / "frozen.json").write_text(json.dumps(changed))
        outputs[weight, rounds] = run_all([folder], "--refit")[0].outputs("test")
    weight = recorded["linear_weight"]
    mixed_outputs = weight * outputs[1.0, 20] + (1 - weight) * outputs[0.0, 20]
    assert outputs[weight, 20] == pytest.approx(mixed_outputs, abs=1e-5)
    assert outputs[0.0, 1].std() < outputs[0.0, 20].std() / 3


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"max_iter": 20}', '{"linear_weight": "half"}'])
def test_without_sound_choices_one_sentence_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    folder = lay_out(mixed("regression", "rmse"), BLEND, tmp_path)
    if content is not None:
        (folder / "working").mkdir()
        (folder / "working" / "frozen.json").write_text(content)
    (done,) = run_all([folder], "--refit")
    assert done.exit_code == 1
    assert done.output == ("working/frozen.json: is missing or damaged; run `python main.py` first.\n")
    assert not (folder / "submission").exists()


def test_a_smoke_run_freezes_nothing(tmp_path: Path) -> None:
    folder = lay_out(mixed("regression", "rmse"), BLEND, tmp_path)
    (done,) = run_all([folder], "--smoke")
    assert done.printed
    assert not (folder / "working" / "frozen.json").exists()


def test_what_has_nothing_to_freeze_reads_nothing(tmp_path: Path) -> None:
    folder = lay_out(*CASES["one fit"], tmp_path)
    assert "read_frozen" not in "".join(file.read_text() for file in folder.rglob("*.py"))
    (done,) = run_all([folder], "--refit")
    assert done.exit_code == 0, done.output
