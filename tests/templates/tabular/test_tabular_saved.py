"""`main.py --save` keeps models as data; `--predict` gives the same predictions with no labelled row."""

import importlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from agent.competition.spec import MetricParameters
from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    FAMILY,
    Competition,
    Run,
    folded,
    lay_out,
    mixed,
    read_rows,
    render,
    run_all,
)
from tests.templates.tabular.test_tabular_runs import EVERY_VALUE, one_probability, two_targets

Slots = dict[str, Value]
LIGHTGBM: Slots = {"model": "lightgbm", "max_iter": 10, "text_components": 0}
BOOST: Slots = {"model": "hist_gradient_boosting", "max_iter": 10, "text_components": 0}
EVERY_FEATURE: Slots = {"interactions": "products", "text_components": 16, "missing_indicators": True}


def rankings() -> Competition:
    competition = mixed("classification", "accuracy")
    ranked = {"metric": "map_at_k", "metric_parameters": MetricParameters(k=2), "prediction": "ranking"}
    seen = competition.view.model_copy(update=ranked)
    return Competition(seen, competition.tables, competition.classes)


def one_class_in_a_fit() -> Competition:
    """Two folds; all rows but those of fold 0 have the same class."""
    competition = folded(mixed("classification", "log_loss"), 2)
    competition.tables["train"]["target"] = "middle"
    return competition


CASES: dict[str, tuple[Competition, Slots]] = {
    "a linear model": (mixed("regression", "mae"), {"model": "linear", **EVERY_FEATURE}),
    "boosting": (mixed("classification", "accuracy"), BOOST),
    "corrected labels": (
        mixed("classification", "balanced_accuracy"),
        {"model": "linear", "decision": "prior_corrected", "class_weight": "balanced"},
    ),
    "corrected labels of folds": (
        folded(mixed("classification", "balanced_accuracy"), 3),
        {**LIGHTGBM, "decision": "prior_corrected", "category_encoding": "target"},
    ),
    "levels as bins": (mixed("classification", "log_loss"), {**BOOST, "rare_levels": 5, **EVERY_FEATURE}),
    "levels as columns": (
        folded(mixed("classification", "log_loss"), 3),
        {"model": "linear", "category_encoding": "one_hot", "scaling": "quantile", "date_parts": "cyclic"},
    ),
    "LightGBM of folds": (folded(mixed("classification", "log_loss"), 3), {**LIGHTGBM, **EVERY_FEATURE}),
    "LightGBM of samples": (
        folded(mixed("regression", "rmse"), 3),
        {**LIGHTGBM, "seeds": 2, "row_sampling": 0.7, "max_features": 0.5, "extra_trees": True},
    ),
    "linear leaves": (
        mixed("regression", "rmse"),
        {**LIGHTGBM, "linear_trees": True, "category_encoding": "target"},
    ),
    "one class in a fit": (one_class_in_a_fit(), LIGHTGBM),
    "expected ranks": (mixed("classification", "qwk"), {**BOOST, "decision": "expected_rank", "seeds": 2}),
    "rankings": (rankings(), LIGHTGBM),
    "one probability": (one_probability(), LIGHTGBM),
    "logarithms": (folded(mixed("regression", "rmse"), 3), {"model": "linear", "target_transform": "log1p"}),
    "normal targets": (
        mixed("regression", "rmse"),
        {**LIGHTGBM, "target_transform": "yeo_johnson", "category_encoding": "target", **EVERY_FEATURE},
    ),
    "ranks of targets": (mixed("regression", "mae"), {**BOOST, "target_transform": "quantile"}),
    "several targets": (folded(two_targets(), 3), {**LIGHTGBM, "target_transform": "yeo_johnson"}),
    "several targets of linear models": (two_targets(), {"model": "linear"}),
}
REFITTED = ("corrected labels of folds", "several targets of linear models")


def only_what_prediction_needs(workspace: Path, target: Path) -> Path:
    """A copy with the code, what was kept, the classes and the rows to predict."""
    left_out = shutil.ignore_patterns("working", "submission", "metadata", "run.log", "__pycache__")
    shutil.copytree(workspace, target, ignore=left_out)
    shutil.copytree(workspace / "working" / "model", target / "working" / "model")
    (target / "metadata").mkdir()
    for name in ("test.csv", "classes.csv"):
        if (workspace / "metadata" / name).exists():
            shutil.copyfile(workspace / "metadata" / name, target / "metadata" / name)
    return target


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases, run with --save."""
    folders = [lay_out(*case, tmp_path_factory.mktemp("case")) for case in CASES.values()]
    return dict(zip(CASES, run_all(folders, "--save"), strict=True))


@pytest.fixture(scope="module")
def predicted(saved: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases, asked for predictions where nothing else is left."""
    folders = [
        only_what_prediction_needs(run.workspace, tmp_path_factory.mktemp("alone") / "repository")
        for run in saved.values()
    ]
    return dict(zip(CASES, run_all(folders, "--predict"), strict=True))


def assert_same_predictions(before: Run, after: Run) -> None:
    assert after.exit_code == 0, after.output
    assert np.array_equal(after.outputs("predicted"), before.outputs("test"))
    file = Path("submission") / "submission.csv"
    assert (after.workspace / file).read_bytes() == (before.workspace / file).read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_kept_models_predict_as_the_run_did(
    case: str, saved: dict[str, Run], predicted: dict[str, Run]
) -> None:
    assert np.isfinite(saved[case].printed)
    assert_same_predictions(saved[case], predicted[case])


def test_a_fit_of_one_class_is_among_what_was_kept(saved: dict[str, Run]) -> None:
    workspace = saved["one class in a fit"].workspace
    kept = sorted((workspace / "working" / "model").glob("*.skops"))
    assert [file.name for file in kept] == ["0.skops", "1.skops"]
    schemas = [zipfile.ZipFile(file).read("schema.json").decode() for file in kept]
    assert ["lgb" in schema or "Tree=0" in schema for schema in schemas] == [False, True]


def kept_arrays(workspace: Path) -> Iterator[np.ndarray]:
    for file in (workspace / "working" / "model").glob("*.skops"):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    yield np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


@pytest.mark.parametrize("case", CASES)
def test_no_row_is_in_what_was_kept(case: str, saved: dict[str, Run]) -> None:
    """No id or group, and no column of numbers or targets but as its quantiles, in order of size."""
    competition, folder = CASES[case][0], saved[case].workspace
    train = competition.tables["train"]
    texts = {*train["id"], *train.get("customer", [])}
    kept = list((folder / "working" / "model").glob("*.skops"))
    assert kept
    for file in kept:
        schema = zipfile.ZipFile(file).read("schema.json").decode().replace("\\", "")
        assert not [text for text in texts if f'"{text}"' in schema]
    numbers = np.unique(train.select_dtypes("float").to_numpy())
    arrays = list(kept_arrays(folder))
    assert arrays
    for array in arrays:
        if array.ndim in (1, 2) and array.dtype.kind == "f" and len(array) > 50:  # one per row
            for column in array.reshape(len(array), -1).T:
                assert np.isin(column, numbers).mean() < 0.5 or (np.diff(column) >= 0).all()


def test_models_of_all_labelled_rows_are_kept_too(tmp_path: Path) -> None:
    folders = [lay_out(*CASES[case], tmp_path / case) for case in REFITTED]
    assert len(folders) >= 2
    assert all(np.isfinite(run.printed) for run in run_all(folders))
    assert not any((folder / "working" / "model").exists() for folder in folders), "nothing is kept unasked"
    refitted = run_all(folders, "--refit", "--save")
    alone = [only_what_prediction_needs(folder, folder / "alone") for folder in folders]
    for before, after in zip(refitted, run_all(alone, "--predict"), strict=True):
        assert "360 labelled rows" in before.output or "280 labelled rows" in before.output
        assert_same_predictions(before, after)


def test_other_rows_are_predicted_too(saved: dict[str, Run], tmp_path: Path) -> None:
    case = "levels as columns"
    alone = only_what_prediction_needs(saved[case].workspace, tmp_path / "alone")
    other = CASES[case][0].tables["val"].drop(columns="target").head(7)
    other["colour"] = "never seen"
    other.to_csv(alone / "metadata" / "test.csv", index=False)
    (done,) = run_all([alone], "--predict")
    assert done.exit_code == 0, done.output
    assert read_rows(alone / "submission" / "submission.csv").index.tolist() == other["id"].tolist()


def test_what_an_earlier_run_kept_is_gone(tmp_path: Path) -> None:
    folder = lay_out(folded(mixed("regression", "mae"), 3), BOOST, tmp_path)
    run_all([folder], "--save")
    run_all([folder], "--smoke", "--save")  # of two folds
    kept = {file.name for file in (folder / "working" / "model").iterdir()}
    assert kept == {"0.skops", "1.skops", "decisions.json"}


def test_without_what_was_kept_one_sentence_says_what_to_do(saved: dict[str, Run], tmp_path: Path) -> None:
    workspace = saved["logarithms"].workspace
    names = ("damaged", "missing", "undecided")
    damaged, missing, undecided = (only_what_prediction_needs(workspace, tmp_path / name) for name in names)
    (damaged / "working" / "model" / "1.skops").write_bytes(b"no zip")
    (missing / "working" / "model" / "1.skops").unlink()
    (undecided / "working" / "model" / "decisions.json").write_text('{"linear_fits": 3}')
    finished = run_all([damaged, missing, undecided], "--predict")
    assert [done.exit_code for done in finished] == [1, 1, 1]
    advice = "run `python main.py --save` first.\n"
    assert [done.output for done in finished] == [
        "working/model/1.skops cannot be read (File is not a zip file); " + advice,
        "working/model/1.skops is missing; " + advice,
        "working/model/decisions.json: is missing or damaged; " + advice,
    ]
    assert not any((done.workspace / "submission").exists() for done in finished)


@pytest.mark.parametrize("argument", ["--save", "--predict"])
def test_without_skops_one_sentence_says_so_before_anything_is_learned(argument: str, tmp_path: Path) -> None:
    folder = lay_out(mixed("regression", "mae"), {"model": "linear"}, tmp_path / "w")
    (folder / "skops").mkdir()
    (folder / "skops" / "__init__.py").write_text("raise ImportError('not installed')")
    done = subprocess.run(
        [sys.executable, "main.py", argument], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "--save and --predict need skops: pip install -r requirements.txt\n"
    assert not (folder / "submission").exists()
    assert not (folder / "working").exists()


@pytest.fixture
def library(saved: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The rendered `library.saved` of boosting with levels as bins, in a copy of what it kept."""
    folder = shutil.copytree(saved["levels as bins"].workspace, tmp_path / "w")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("library.saved")
    for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
        del sys.modules[name]


def test_types_that_a_file_brings_along_are_not_trusted(library: ModuleType) -> None:
    skops = library.import_skops()
    model = library.load_model(0)
    kept = model.to_plain()
    kept["model"]["estimator"] = FunctionTransformer(os.getcwd)
    Path("working/model/0.skops").write_bytes(skops.dumps(kept))
    with pytest.raises(SystemExit, match=r"cannot be read .*posix.getcwd"):
        library.load_model(0)


def test_every_type_that_is_trusted_is_needed(library: ModuleType) -> None:
    skops = library.import_skops()
    content = Path("working/model/0.skops").read_bytes()
    assert set(skops.get_untrusted_types(data=content)) == {
        *library.TYPES_OF_FEATURES,
        *library.TYPES_OF_MODELS,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 0), ("right", 10**6), ("feature_idx", -1), ("feature_idx", 10**6), ("bitset_idx", 10**6)],
)
def test_a_branch_that_leads_nowhere_is_refused(library: ModuleType, field: str, value: int) -> None:
    model = library.load_model(0)
    kept = model.to_plain()
    nodes = kept["model"]["trees"]["nodes"]
    by_level = np.flatnonzero(nodes["is_categorical"] & (1 - nodes["is_leaf"]))
    nodes[field][by_level[-1]] = value
    with pytest.raises(ValueError, match="invalid index"):
        library.SplitModel.from_plain(kept)


def test_a_normal_run_does_not_import_skops(tmp_path: Path) -> None:
    folder = lay_out(mixed("regression", "mae"), {"model": "linear"}, tmp_path)
    code = "import runpy, sys; runpy.run_path('main.py', run_name='__main__'); print('skops' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def code_of(files: dict[str, str]) -> tuple[str, ...]:
    """What decides how a model is made and kept; numbers in the settings do not."""
    return tuple(
        files[f"library/{name}.py"] for name in ("dataset", "features", "models", "loss", "train", "saved")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("competition", "model"), EVERY_VALUE.values(), ids=EVERY_VALUE)
def test_every_value_is_kept(competition: Competition, model: str, tmp_path: Path) -> None:
    blueprints = [
        {"text_components": 0, "model": model, name: value}
        for name, slot in FAMILY.slots.items()
        if name != "model"
        for value in slot.values
    ]
    distinct = {code_of(render(competition, slots)): slots for slots in blueprints}
    folders = [
        lay_out(competition, slots, tmp_path / str(number)) for number, slots in enumerate(distinct.values())
    ]
    assert len(folders) > 10
    done = run_all(folders, "--smoke", "--save")
    alone = [only_what_prediction_needs(folder, folder / "alone") for folder in folders]
    for before, after in zip(done, run_all(alone, "--predict"), strict=True):
        assert_same_predictions(before, after)
