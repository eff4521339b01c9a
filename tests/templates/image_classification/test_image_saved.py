"""`main.py --save` keeps networks as numbers; `--predict` gives the same predictions with no labelled row."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tests.templates.image_classification.image_runs import Slots, execute, lay_out
from tests.templates.image_classification.picture_competitions import CLASSES, make_competition
from tests.templates.image_classification.test_image_refit import RECIPES, ROWS, read

QUICK: Slots = {"backbone": "tiny_cnn", "image_size": 32, "epochs": 1, "lr": 0.01, "flip": False}
HEAD: Slots = {**QUICK, "backbone": "tf_efficientnet_lite0", "finetune": "head"}
KERNEL: Slots = {**HEAD, "penalty": "chosen", "layer": "kernel"}
SOUP: Slots = {**QUICK, "backbone": "lcnet_050", "folds": 3, "soup": True}
CASES: dict[str, tuple[str, str, Slots]] = {
    "one network": ("classification", "accuracy", {**QUICK, "ema": True, "tta": "hflip"}),
    "folds of two, fitted shares": RECIPES["sets, folds, fitted shares"],
    "two, averaged": ("classification", "log_loss", {**QUICK, "second_backbone": "lcnet_050"}),
    "a soup": ("classification", "log_loss", {**SOUP, "ema": True}),
    "two soups, fitted shares": (
        "multilabel",
        "micro_f1",
        {**SOUP, "second_backbone": "resnet10t", "blend": "fitted", "threshold": "fixed"},
    ),
    "two soups from their heads on, averaged": (
        "classification",
        "accuracy",
        {**SOUP, "second_backbone": "tf_efficientnet_lite0", "finetune": "head_first"},
    ),
    "a head": ("classification", "qwk", HEAD),
    "heads of folds": ("multilabel", "micro_f1", {**HEAD, "folds": 3, "tta": "hflip", "features": "levels"}),
    "a kernel layer on two networks": (
        "classification",
        "log_loss",
        {**KERNEL, "second_backbone": "tf_efficientnet_lite1", "joint_features": True},
    ),
    "kernel layers of folds": ("multilabel", "micro_f1", {**KERNEL, "folds": 3, "tta": "hflip"}),
    "heads, shares": ("multilabel", "micro_f1", {**HEAD, "second_backbone": "lcnet_050", "blend": "fitted"}),
    "a network from its head on": RECIPES["plateau, fitted head, larger at the end"],
}
DECISIONS = {
    "folds of two, fitted shares": {"shares", "thresholds"},
    "two soups, fitted shares": {"shares"},
    "heads of folds": {"thresholds"},
    "heads, shares": {"shares", "thresholds"},
    "a kernel layer on two networks": {"networks", "kernel"},
    "kernel layers of folds": {"thresholds", "kernel"},
}


def only_what_prediction_needs(workspace: Path, target: Path) -> Path:
    """A copy with the code, the networks, the classes and the rows to predict."""
    left_out = shutil.ignore_patterns("working", "submission", "input", "metadata")
    shutil.copytree(workspace, target, ignore=left_out)
    shutil.copytree(workspace / "working" / "model", target / "working" / "model")
    (target / "input").symlink_to((workspace / "input").resolve())
    (target / "metadata").mkdir()
    for name in ("test.csv", "classes.csv"):
        shutil.copyfile(workspace / "metadata" / name, target / "metadata" / name)
    return target


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        *((case, ("--save",)) for case in CASES),
        *(
            (case, ("--refit", "--save"))
            for case in ("one network", "heads, shares", "kernel layers of folds")
        ),
    ],
)
def test_kept_networks_predict_as_the_run_did(case: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    task, metric, slots = CASES[case]
    competition = make_competition(tmp_path / "data", task, metric, ROWS)
    workspace = lay_out(competition.task, slots, competition.folder, tmp_path / "w")
    if arguments == ("--refit", "--save"):
        assert execute(workspace).returncode == 0
        assert not (workspace / "working" / "model").exists(), "nothing is kept unasked"
    done = execute(workspace, *arguments)
    assert done.returncode == 0, done.output
    alone = only_what_prediction_needs(workspace, tmp_path / "alone")
    predicted = execute(alone, "--predict")
    assert predicted.returncode == 0, predicted.output
    before = np.load(workspace / "working" / "test_outputs.npz")
    after = np.load(alone / "working" / "predicted_outputs.npz")
    assert np.array_equal(before["ids"], after["ids"])
    assert np.array_equal(before["outputs"], after["outputs"])
    rows = [read(folder / "submission" / "submission.csv").set_index("id") for folder in (workspace, alone)]
    assert rows[1].equals(rows[0].loc[rows[1].index])
    decisions = alone / "working" / "model" / "decisions.json"
    assert decisions.exists() == (case in DECISIONS)
    if case in DECISIONS:
        assert DECISIONS[case] <= set(json.loads(decisions.read_text()))


def test_what_is_kept_is_numbers_under_names(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    workspace = lay_out(competition.task, QUICK, competition.folder, tmp_path / "w")
    assert execute(workspace, "--save").returncode == 0
    (file,) = (workspace / "working" / "model").iterdir()
    assert file.name == "tiny_cnn.safetensors"
    with safe_open(file, framework="np") as kept:
        assert "network.classifier.1.weight" in kept.keys()  # noqa: SIM118 - it is no dictionary


def test_of_a_soup_only_the_network_that_predicts_is_kept(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    workspace = lay_out(competition.task, SOUP, competition.folder, tmp_path / "w")
    assert execute(workspace, "--save").returncode == 0
    (file,) = (workspace / "working" / "model").iterdir()
    assert file.name == "lcnet_050.safetensors"


def test_without_kept_networks_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1")
    slots = {**QUICK, "threshold": "fixed"}
    workspace = lay_out(competition.task, slots, competition.folder, tmp_path / "w")
    done = execute(workspace, "--predict")
    assert done.returncode != 0
    assert "working/model/tiny_cnn.safetensors: is missing; run `python main.py --save` first." in done.output
    decides = lay_out(competition.task, {**QUICK, "threshold": "global"}, competition.folder, tmp_path / "v")
    done = execute(decides, "--predict")
    sentence = "working/model/decisions.json: is missing or damaged; run `python main.py --save` first."
    assert sentence in done.output


@pytest.mark.parametrize(
    ("slots", "thresholds", "needed"),
    [
        ({**QUICK, "threshold": "global"}, [0.5, 0.5], 1),
        ({**QUICK, "threshold": "per_class"}, [0.5], len(CLASSES)),
        ({**HEAD, "threshold": "per_class"}, [0.5] * (len(CLASSES) + 1), len(CLASSES)),
        ({**HEAD, "threshold": "global"}, [], 1),
    ],
)
@pytest.mark.parametrize(
    ("argument", "file", "call"),
    [
        ("--predict", "working/model/decisions.json", "python main.py --save"),
        ("--refit", "working/frozen.json", "python main.py"),
    ],
)
def test_thresholds_of_another_length_are_refused_in_one_sentence(
    slots: Slots, thresholds: list[float], needed: int, argument: str, file: str, call: str, tmp_path: Path
) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1")
    workspace = lay_out(competition.task, slots, competition.folder, tmp_path / "w")
    (workspace / file).parent.mkdir(parents=True)
    decided = {"epochs": {slots["backbone"]: 1.0}, "thresholds": thresholds}
    (workspace / file).write_text(json.dumps(decided))
    done = execute(workspace, argument)
    assert done.returncode != 0
    length = f"thresholds must have length {needed}, not {len(thresholds)}"
    assert f"{file}: {length}; correct that or run `{call}` again." in done.output
