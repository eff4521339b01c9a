"""The data of the quality benchmark: the rule of the choice, private rows, folders without answers."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.quality_modules import quality

problem, tables, pictures = quality("problem"), quality("tables"), quality("pictures")

# Chosen as dev before anything was measured, for the reasons in tables.yaml.
EXCEPTIONS = {"digits", "mpls-stops", "food-reviews"}


def _table(**changes: Any) -> Any:
    facts = {"name": "t", "package": "made", "table": "t", "use": "dev", "kind": "k"}
    return tables.PublicTable(**{**facts, "target": "y", "task": "regression", "metric": "mae", **changes})


def _rows(count: int, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(count), "y": np.arange(count) * 0.5, **columns})


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    def replace(rows: pd.DataFrame) -> None:
        monkeypatch.setitem(tables._READERS, "made", lambda table: rows)

    return replace


def test_pairs_hold_one_dev_and_one_held_out_table_by_the_stated_rule() -> None:
    import hashlib

    pairs: dict[str, list[Any]] = {}
    for table in tables.listed_tables():
        pairs.setdefault(table.kind, []).append(table)
    assert len(pairs) >= 7
    for kind, pair in pairs.items():
        names = sorted((table.name for table in pair), key=lambda n: hashlib.sha256(n.encode()).hexdigest())
        chosen = next((name for name in names if name in EXCEPTIONS), names[0])
        assert {table.name: table.use for table in pair} == {
            name: "dev" if name == chosen else "held-out" for name in names
        }, kind


def test_a_folder_lacks_the_answers(serve: Any, tmp_path: Path) -> None:
    serve(_rows(300))
    tables.write_table(_table(), 0, tmp_path / "folder", tmp_path / "answers.csv")
    train, test = (
        pd.read_csv(tmp_path / "folder" / "train.csv"),
        pd.read_csv(tmp_path / "folder" / "test.csv"),
    )
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert (list(train), list(test), list(answers)) == (["id", "x", "y"], ["id", "x"], ["id", "y"])
    assert (len(train), len(test)) == (200, 100)
    assert sorted([*train["id"], *test["id"]]) == list(range(300))
    assert list(answers["id"]) == list(test["id"])
    merged = test.merge(answers, on="id")
    assert (merged["y"] == merged["x"] * 0.5).all()
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "problem.json",
        "test.csv",
        "train.csv",
    ]


def test_seeds_draw_other_private_rows_of_the_same_table(serve: Any, tmp_path: Path) -> None:
    serve(_rows(300))
    drawn = []
    for seed in (0, 1, 0):
        tables.write_table(_table(), seed, tmp_path / "f", tmp_path / "answers.csv")
        drawn.append(set(pd.read_csv(tmp_path / "answers.csv")["id"]))
    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1]


def test_columns_that_tell_the_target_and_repeated_rows_are_dropped(serve: Any) -> None:
    rows = pd.concat(
        [_rows(20, rownames=0, twice=np.arange(20.0)), _rows(5, rownames=0, twice=np.arange(5.0))]
    )
    serve(rows)
    read = tables.read_table(_table(drop=["twice"]))
    assert list(read) == ["id", "x", "y"]
    assert sorted(read["x"]) == list(range(20))


def test_small_classes_and_blank_targets_leave_the_table(serve: Any) -> None:
    labels = ["a"] * 10 + ["b"] * 10 + ["rare"] * 2 + [None] * 3
    serve(pd.DataFrame({"x": range(25), "y": labels}))
    read = tables.read_table(_table(task="classification", metric="log_loss", smallest_class=5))
    assert read["y"].value_counts().to_dict() == {"a": 10, "b": 10}


def test_the_latest_rows_are_private_where_time_splits(serve: Any) -> None:
    days = pd.date_range("2024-01-01", periods=90).astype(str)
    serve(_rows(90, day=days))
    table = _table(split="last", time="day")
    train, private = tables.split_rows(table, tables.read_table(table), seed=3)
    assert (len(train), len(private)) == (60, 30)
    assert train["day"].max() < private["day"].min()


def test_rows_to_predict_with_the_target_are_refused(tmp_path: Path) -> None:
    facts = problem.Problem("t", "y", "regression", "mae")
    with pytest.raises(ValueError, match="hold the target y"):
        problem.write_problem(facts, _rows(3), _rows(3), tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": [1, 2], "prediction": [0.1, np.nan]}, "blank cells"),
        ({"id": [2, 1], "prediction": [0.1, 0.2]}, "in the order of test.csv"),
        ({"id": [1], "prediction": [0.1]}, "one per row"),
        ({"id": [1, 2], "y": [0.1, 0.2]}, "not \\['id', 'prediction'\\]"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(table: dict[str, list[Any]], message: str) -> None:
    facts = problem.Problem("t", "y", "regression", "mae")
    with pytest.raises(ValueError, match=message):
        problem.check_predictions(pd.DataFrame(table), facts, [1, 2])


def test_facts_come_back_from_the_folder(tmp_path: Path) -> None:
    facts = problem.Problem("t", "y", "classification", "roc_auc", ["n", "p"], "p", time="day")
    problem.write_problem(facts, pd.DataFrame({"id": [1]}), pd.DataFrame({"id": [2]}), tmp_path)
    assert problem.read_problem(tmp_path) == facts
    assert json.loads((tmp_path / "problem.json").read_text())["positive"] == "p"


def _picture(number: int, label: str) -> Any:
    return pictures.Picture(str(number).encode(), label, str(number // 3))


def test_copies_of_a_picture_and_rare_classes_leave_the_set() -> None:
    common = [_picture(number, "cat") for number in range(pictures.MOST_PER_CLASS + 50)]
    some = [_picture(10_000 + number, "dog") for number in range(pictures.FEWEST_PER_CLASS)]
    rare = [_picture(20_000 + number, "emu") for number in range(pictures.FEWEST_PER_CLASS - 1)]
    chosen = pictures._balanced([*common, *common, *some, *rare])
    counts = pd.Series([picture.label for picture in chosen]).value_counts().to_dict()
    assert counts == {"cat": pictures.MOST_PER_CLASS, "dog": pictures.FEWEST_PER_CLASS}


def test_near_copies_are_on_one_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = [_picture(number, "cat" if number // 3 % 2 else "dog") for number in range(600)]
    monkeypatch.setitem(pictures._READERS, "emoji", lambda packages: iter(made))
    facts = pictures.write_pictures("emoji", 0, tmp_path / "f", tmp_path / "answers.csv", tmp_path)
    train, test = pd.read_csv(tmp_path / "f" / "train.csv"), pd.read_csv(tmp_path / "f" / "test.csv")
    assert (facts.pictures, facts.groups, list(facts.classes)) == ("file", "group", ["cat", "dog"])
    assert list(test) == ["id", "file", "group"]
    assert not set(train["group"]) & set(test["group"])
    assert len(test) == pytest.approx(120, abs=12)
    by_number = {str(picture.png, "ascii"): picture.label for picture in made}
    rows = SimpleNamespace(**{name: train[name].tolist() for name in ("file", "label")})
    labels = [by_number[(tmp_path / "f" / file).read_text()] for file in rows.file]
    assert labels == rows.label


def test_macro_f1_is_the_mean_over_all_classes_and_higher_is_better() -> None:
    scores = quality("scores")
    facts = problem.Problem("t", "y", "classification", "macro_f1", ["a", "b", "c"])
    given = pd.DataFrame({"id": range(4), "prediction": ["a", "a", "b", "b"]})
    truth = pd.Series(["a", "b", "b", "b"])

    found = scores.score_of(given, truth, facts)

    assert found == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)  # no row and no prediction of c
    assert scores.error_of(found, facts) == 1 - found
    assert not facts.asks_probabilities


@pytest.mark.parametrize("name", ["movies", "breaches", "food-reviews", "tate"])
def test_entrants_for_texts_take_part_where_texts_are(name: str) -> None:
    listed = {table.name: table for table in tables.listed_tables()}
    assert listed[name].texts
    assert sum(table.texts for table in listed.values()) == 4
