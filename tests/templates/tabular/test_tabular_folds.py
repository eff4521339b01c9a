"""Cross-validation over the competition's folds: which rows are predicted, by which models."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from agent.competition.metrics import get_metric
from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    Competition,
    Run,
    folded,
    lay_out,
    mixed,
    read_rows,
    run,
    run_all,
    view,
)

KINDS: dict[str, dict[str, Value]] = {
    "linear": {"model": "linear"},
    "hist_gradient_boosting": {"model": "hist_gradient_boosting", "max_iter": 30},
    "lightgbm": {"model": "lightgbm", "max_iter": 30},
}
ALL = folded(mixed("classification", "log_loss"), 4)
SOME = folded(mixed("regression", "rmse"), 5, executed=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Run]:
    """Every kind of model, where all folds are held out and where some are."""
    cases = {(kind, name): c for kind in KINDS for name, c in (("all", ALL), ("some", SOME))}
    folders = [lay_out(c, KINDS[kind], tmp_path_factory.mktemp("w")) for (kind, _), c in cases.items()]
    return dict(zip(cases, run_all(folders), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "competition"), [("all", ALL), ("some", SOME)])
def test_rows_of_executed_folds_are_predicted(
    kind: str, name: str, competition: Competition, finished: dict[tuple[str, str], Run]
) -> None:
    done = finished[kind, name]
    assert done.printed == pytest.approx(competition.score(done.workspace), rel=1e-9)
    rows = read_rows(done.workspace / "working" / "val_submission.csv").index.tolist()
    assert sorted(rows) == sorted(competition.held_out())
    assert [competition.folds[row] for row in rows] == sorted(competition.folds[row] for row in rows)
    with np.load(done.workspace / "working" / "val_outputs.npz") as arrays:
        assert arrays["ids"].tolist() == rows


def test_progress_has_the_pooled_metric_after_each_fold(finished: dict[tuple[str, str], Run]) -> None:
    done = finished["linear", "some"]
    lines = (done.workspace / "working" / "progress.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record.get("fold") for record in records] == [0, 1, 2, None]
    assert [record["fraction"] for record in records] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    predicted = read_rows(done.workspace / "working" / "val_submission.csv")["target"].astype(float)
    labelled = pd.concat([SOME.tables["val"], SOME.tables["train"]]).set_index("id")["target"]
    for folds, record in zip((1, 2, 3), records, strict=False):
        rows = SOME.held_out(folds)
        expected = get_metric("rmse").score(labelled.loc[rows].to_numpy(), predicted.loc[rows].to_numpy())
        assert record["metric"] == pytest.approx(expected)
    assert records[-1]["metric"] == done.printed


@pytest.mark.parametrize("folds", [1, 2])
def test_a_run_may_execute_the_first_folds_only(folds: int, tmp_path: Path) -> None:
    done = run(ALL, KINDS["linear"], tmp_path, environment={"MARS_FOLDS": str(folds)})
    assert done.printed == pytest.approx(ALL.score(tmp_path), rel=1e-9)
    rows = read_rows(tmp_path / "working" / "val_submission.csv").index
    assert sorted(rows) == sorted(ALL.held_out(folds))


def test_a_smoke_run_executes_two_folds_with_few_rows(tmp_path: Path) -> None:
    done = run(ALL, KINDS["lightgbm"], tmp_path, "--smoke")
    assert done.printed == pytest.approx(ALL.score(tmp_path), rel=1e-9)
    rows = read_rows(tmp_path / "working" / "val_submission.csv").index
    assert sorted(rows) == sorted(ALL.held_out(2))
    assert not (tmp_path / "working" / "frozen.json").exists()


def test_the_time_limit_ends_after_a_whole_fold(tmp_path: Path) -> None:
    competition = folded(mixed("regression", "rmse", rows=3000), 8)
    slots: dict[str, Value] = {
        "model": "hist_gradient_boosting",
        "max_iter": 5000,
        "learning_rate": 0.005,
        "max_leaf_nodes": 255,
    }
    done = run(competition, slots, tmp_path, environment={"MARS_TIME_LIMIT_S": "6"})
    assert done.printed == pytest.approx(competition.score(tmp_path), rel=1e-9)
    rows = read_rows(tmp_path / "working" / "val_submission.csv").index
    executed = 1 + max(competition.folds[row] for row in rows)
    assert 1 <= executed < 8, "the limit ended no fold"
    assert sorted(rows) == sorted(competition.held_out(executed))
    assert f"stopped after {executed} of 8 folds to meet the time limit" in done.output
    assert set(read_rows(tmp_path / "submission" / "submission.csv").index) == set(
        competition.tables["test"]["id"]
    )


def noise() -> Competition:
    """Targets that no column tells, and columns that name each row."""
    random = np.random.default_rng(3)
    tables = {}
    for part, rows in (("train", 900), ("val", 300), ("test", 50)):
        tables[part] = pd.DataFrame({"id": [f"{part}{row}" for row in range(rows)]})
        tables[part]["number"] = random.normal(size=rows)
        tables[part]["level"] = [f"level {row}" for row in range(rows)]
        tables[part]["target"] = random.choice(["no", "yes"], rows)
    roles = {"number": "number", "level": "category"}
    seen = view("classification", "accuracy", roles, classes=2, train=900)
    return folded(Competition(seen, tables, ["no", "yes"]), 4)


MEMORISING: dict[str, dict[str, Value]] = {
    "linear": {"model": "linear", "category_encoding": "one_hot", "rare_levels": 1},
    "hist_gradient_boosting": {"max_iter": 60, "min_samples_leaf": 1, "max_leaf_nodes": 512},
    "lightgbm": {"max_iter": 60, "min_samples_leaf": 1, "max_leaf_nodes": 512, "rare_levels": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_is_predicted_by_a_model_that_has_seen_it(kind: str, tmp_path: Path) -> None:
    done = run(noise(), {"model": kind, **MEMORISING[kind]}, tmp_path)
    assert abs(done.printed - 0.5) < 4 * np.sqrt(0.25 / 1200)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ModuleType]:
    """The rendered `library.splits` of a competition whose folds are blocks in time."""
    lay_out(folded(mixed("regression", "rmse"), 5, executed=3, forward=True), KINDS["lightgbm"], tmp_path)
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module("library.splits")
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
        del sys.modules[name]


def test_blocks_in_time_are_predicted_from_earlier_rows(library: ModuleType) -> None:
    config = importlib.import_module("library.config").load_config(smoke=False)
    folds = np.array([0, 0, 3, 1, 2, 4, 1])
    planned = [[(split.rows.tolist(), split.held_out.tolist()) for split in fold] for fold in
               library.plan_folds(folds, config)]  # fmt: skip
    assert planned == [[([2, 3, 4, 5, 6], [0, 1])], [([2, 4, 5], [3, 6])], [([2, 5], [4])]]
    ((split,),) = library.plan_refit(folds, config)
    assert (split.rows.tolist(), split.held_out.tolist()) == (list(range(7)), [])


def test_test_rows_are_predicted_by_the_model_of_the_latest_block(tmp_path: Path) -> None:
    blocks = folded(mixed("regression", "rmse"), 5, executed=3, forward=True)
    slots: dict[str, Value] = {"model": "knn"}  # whose fit depends on no other block
    all_blocks, latest = (lay_out(blocks, slots, tmp_path / name) for name in ("all", "latest"))
    (first,) = run_all([all_blocks])
    (second,) = run_all([latest], environment={"MARS_FOLDS": "1"})
    assert first.printed == pytest.approx(blocks.score(all_blocks), rel=1e-9)
    assert np.array_equal(first.outputs("test"), second.outputs("test"))
    assert len(first.outputs("val")) > len(second.outputs("val"))


def test_without_folds_the_validation_rows_are_held_out(tmp_path: Path) -> None:
    competition = mixed("regression", "rmse")
    done = run(competition, KINDS["lightgbm"], tmp_path)
    assert read_rows(tmp_path / "working" / "val_submission.csv").index.tolist() == competition.held_out()
    assert done.printed == pytest.approx(competition.score(tmp_path), rel=1e-9)


def test_a_row_without_a_fold_is_an_error(tmp_path: Path) -> None:
    folder = lay_out(ALL, KINDS["linear"], tmp_path)
    file = folder / "metadata" / "folds.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-2]))
    (done,) = run_all([folder])
    assert done.exit_code == 1
    assert "folds.csv lacks the folds of 2 labelled rows" in done.output


@pytest.mark.parametrize("kind", ["hist_gradient_boosting", "lightgbm"])
def test_one_number_of_rounds_serves_all_folds(kind: str, finished: dict[tuple[str, str], Run]) -> None:
    done = finished[kind, "all"]
    frozen = json.loads((done.workspace / "working" / "frozen.json").read_text())
    (rounds,) = frozen["rounds"]
    assert 1 <= rounds <= 30
    refit = run_all([done.workspace], "--refit")[0]
    assert refit.exit_code == 0, refit.output
    assert np.array_equal(refit.outputs("test"), done.outputs("test"))


def test_seeds_are_averaged(tmp_path: Path) -> None:
    slots: dict[str, Value] = {"model": "lightgbm", "max_iter": 10, "row_sampling": 0.5}
    folders = [lay_out(ALL, {**slots, "seeds": seeds}, tmp_path / str(seeds)) for seeds in (1, 3)]
    one, three = run_all(folders)
    assert one.printed != three.printed
    assert three.printed == pytest.approx(ALL.score(three.workspace), rel=1e-9)
