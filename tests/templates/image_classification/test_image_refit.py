"""`main.py --refit`: learns from the validation rows too, by what the run before it decided; no score."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.execution.progress import ProgressReader
from tests.templates.image_classification.image_runs import QUICK, Finished, Slots, execute, lay_out, read
from tests.templates.image_classification.picture_competitions import TinyCompetition, make_competition

RECIPES: dict[str, tuple[str, str, Slots]] = {
    # One epoch: between two, a run looks at its validation rows, which draws from the random stream.
    "one label": ("classification", "accuracy", {**QUICK, "epochs": 1}),
    "sets, folds, fitted shares": (
        "multilabel",
        "micro_f1",
        {**QUICK, "second_backbone": "lcnet_050", "blend": "fitted", "folds": 3, "threshold": "per_class"},
    ),
    "own folds, frozen features": (
        "multilabel",
        "micro_f1",
        {**QUICK, "backbone": "tf_efficientnet_lite0", "finetune": "head", "folds": 3, "threshold": "fixed"},
    ),
    "kernel layer": (
        "classification",
        "accuracy",
        {
            **QUICK,
            "backbone": "tf_efficientnet_lite0",
            "finetune": "head",
            "penalty": "chosen",
            "layer": "kernel",
        },
    ),
    "plateau, fitted head, larger at the end": (
        "classification",
        "log_loss",
        {
            **QUICK,
            "backbone": "tf_efficientnet_lite0",
            "finetune": "head_first",
            "schedule": "plateau",
            "finish_scale": 1.5,
        },
    ),
}
CHOICES = {
    "one label": {"seconds", "epochs"},
    "sets, folds, fitted shares": {"seconds", "epochs", "thresholds", "shares"},
    "own folds, frozen features": {"seconds"},
    "kernel layer": {"seconds", "kernel"},
    "plateau, fitted head, larger at the end": {"seconds", "epochs"},
}
ROWS = (96, 48, 32)
SPY = """

predict_quietly = predict


def predict(*arguments):
    outputs = predict_quietly(*arguments)
    print("PREDICTED", len(outputs))
    return outputs
"""


def with_own_folds(competition: TinyCompetition) -> TinyCompetition:
    """Training rows in three folds of the user's own; the validation rows are the fourth."""
    for part, folds in (("train", np.arange(ROWS[0]) % 3), ("val", 3)):
        file = competition.folder / "metadata" / f"{part}.csv"
        read(file).assign(part=folds).to_csv(file, index=False)
    return replace(
        competition, task=competition.task.model_copy(update={"fold_column": "part", "own_folds": 3})
    )


def forget_all_but_choices(workspace: Path) -> None:
    frozen = (workspace / "working" / "frozen.json").read_bytes()
    for name in ("working", "submission"):
        shutil.rmtree(workspace / name)
    (workspace / "working").mkdir()
    (workspace / "working" / "frozen.json").write_bytes(frozen)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[TinyCompetition, Finished]]:
    """Every recipe, run and then refitted with nothing left of the run but what it decided."""
    root = tmp_path_factory.mktemp("refits")
    done = {}
    for name, (task, metric, slots) in RECIPES.items():
        competition = make_competition(root / name / "data", task, metric, ROWS)
        if name.startswith("own folds"):
            competition = with_own_folds(competition)
        workspace = lay_out(competition.task, slots, competition.folder, root / name / "workspace")
        assert execute(workspace, MARS_CACHE_DIR=str(root / name / "cache")).metric > 0
        cached = set((root / name / "cache").iterdir())
        forget_all_but_choices(workspace)
        done[name] = competition, execute(workspace, "--refit", MARS_CACHE_DIR=str(root / name / "cache"))
        made = set((root / name / "cache").iterdir()) - cached
        # A fitted head that starts a network needs the features of the validation rows in a refit only.
        assert len(made) == 2 * ("fitted head" in name), "pictures and features are found, not made"
    return done


@pytest.mark.parametrize("name", RECIPES)
def test_writes_a_submission_and_nothing_about_validation_rows(
    name: str, refitted: dict[str, tuple[TinyCompetition, Finished]]
) -> None:
    competition, done = refitted[name]
    assert done.returncode == 0, done.output
    assert {file.name for file in (done.workspace / "working").iterdir()} == {
        "frozen.json",
        "progress.jsonl",
        "test_outputs.npz",
    }
    assert "Final Validation Metric" not in done.output
    records = ProgressReader(done.workspace / "working" / "progress.jsonl").poll()
    assert records[-1].stage == "done"
    assert all(record.metric is None for record in records)
    sample = read(competition.folder / "metadata" / "sample_submission.csv")
    submission = read(done.workspace / "submission" / "submission.csv")
    assert submission["id"].tolist() == sample["id"].tolist()
    frozen = json.loads((done.workspace / "working" / "frozen.json").read_text())
    assert set(frozen) == CHOICES[name]


def test_equals_a_run_whose_training_table_holds_all_labelled_rows(
    refitted: dict[str, tuple[TinyCompetition, Finished]], tmp_path: Path
) -> None:
    for name in ("one label", "own folds, frozen features"):
        competition, done = refitted[name]
        data = shutil.copytree(competition.folder, tmp_path / name / "data")
        train, val = read(data / "metadata" / "train.csv"), read(data / "metadata" / "val.csv")
        if "part" in val:
            val["part"] = "0"  # as a fourth of three folds counts
        pd.concat([train, val]).to_csv(data / "metadata" / "train.csv", index=False)
        workspace = lay_out(competition.task, RECIPES[name][2], data, tmp_path / name / "workspace")
        other = execute(workspace)
        assert other.returncode == 0, other.output
        ours, theirs = (
            np.load(run.workspace / "working" / "test_outputs.npz")["outputs"] for run in (done, other)
        )
        assert ours == pytest.approx(theirs, abs=1e-6), name


def test_lengths_thresholds_and_shares_are_those_of_the_file(
    refitted: dict[str, tuple[TinyCompetition, Finished]], tmp_path: Path
) -> None:
    _, done = refitted["sets, folds, fitted shares"]
    workspace = shutil.copytree(done.workspace, tmp_path / "w", symlinks=True)
    file = workspace / "working" / "frozen.json"
    frozen = json.loads(file.read_text())
    assert list(frozen["epochs"].values()) == [2.0] * 6
    assert len(frozen["thresholds"]) == 6
    assert sum(frozen["shares"].values()) == pytest.approx(1)
    frozen["epochs"] = {network: 0.5 if network.startswith("lcnet") else 1.0 for network in frozen["epochs"]}
    frozen["thresholds"] = [2.0] * 5 + [-1.0]
    outputs = []
    for shares in ({"tiny_cnn": 1.0, "lcnet_050": 0.0}, {"tiny_cnn": 0.0, "lcnet_050": 1.0}):
        file.write_text(json.dumps({**frozen, "shares": shares}))
        (workspace / "working" / "progress.jsonl").unlink()
        assert execute(workspace, "--refit").returncode == 0
        outputs.append(np.load(workspace / "working" / "test_outputs.npz")["outputs"])
    assert np.abs(outputs[0] - outputs[1]).max() > 0.01
    assert set(read(workspace / "submission" / "submission.csv")["label"]) == {"rare"}
    records = ProgressReader(workspace / "working" / "progress.jsonl").poll()
    epochs = {record.member: record.epoch for record in records if record.stage == "train"}
    assert epochs == {"tiny_cnn": 1, "lcnet_050": 1}


def test_without_sound_choices_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    workspace = lay_out(competition.task, QUICK, competition.folder, tmp_path / "w")
    for content in (None, "{", '{"epochs": 3}'):
        if content is not None:
            (workspace / "working").mkdir(exist_ok=True)
            (workspace / "working" / "frozen.json").write_text(content)
        done = execute(workspace, "--refit")
        assert done.returncode != 0
        assert "working/frozen.json: is missing or damaged; run `python main.py` first." in done.output


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("epochs", {"tiny_cnn, fold 0": 1.0}),
        ("shares", {"tiny_cnn": 1.0}),
        ("shares", [0.5, 0.5]),
        ("thresholds", None),
    ],
)
def test_choices_that_lack_a_network_are_as_good_as_none(
    choice: str, value: object, refitted: dict[str, tuple[TinyCompetition, Finished]], tmp_path: Path
) -> None:
    _, done = refitted["sets, folds, fitted shares"]
    workspace = shutil.copytree(done.workspace, tmp_path / "w", symlinks=True)
    file = workspace / "working" / "frozen.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), choice: value}))
    again = execute(workspace, "--refit")
    assert again.returncode != 0
    assert "working/frozen.json: is missing or damaged; run `python main.py` first." in again.output


def test_a_smoke_run_freezes_nothing_and_is_no_refit(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    workspace = lay_out(competition.task, QUICK, competition.folder, tmp_path / "w")
    assert execute(workspace, "--smoke").returncode == 0
    assert not (workspace / "working" / "frozen.json").exists()
    assert "not allowed with argument" in execute(workspace, "--smoke", "--refit").output


@pytest.mark.parametrize("name", ["one label", "own folds, frozen features"])
def test_predicts_no_row_but_those_of_the_test(name: str, tmp_path: Path) -> None:
    """In the refit's own process: every table that a network or a layer predicts is noted."""
    task, metric, slots = RECIPES[name]
    competition = make_competition(tmp_path / "data", task, metric, ROWS)
    if name.startswith("own folds"):
        competition = with_own_folds(competition)
    workspace = lay_out(competition.task, {**slots, "epochs": 1}, competition.folder, tmp_path / "w")
    assert execute(workspace).returncode == 0
    library = workspace / "library" / "inference.py"
    library.write_text(library.read_text() + SPY)
    done = execute(workspace, "--refit")
    assert done.returncode == 0, done.output
    sizes = [int(line.split()[1]) for line in done.output.splitlines() if line.startswith("PREDICTED ")]
    assert sizes
    assert set(sizes) == {ROWS[2]}
