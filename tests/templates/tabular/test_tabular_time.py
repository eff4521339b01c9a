"""Kinds whose fits may take long: fewer rows, or an end inside an epoch, keep them within the time limit."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    Competition,
    folded,
    mixed,
    render,
    run,
    run_all,
    view,
)
from tests.templates.tabular.test_tabular_curves import rendered

NUMBERS = view("regression", "rmse", {"a": "number", "b": "number"}, train=200)
LIMITED = ("knn", "svm", "gaussian_process", "tabm", "realmlp", "tabicl")


class Machine:
    """A clock that fits advance: a fixed part, and one that grows with a power of the rows."""

    def __init__(self, left_s: float, fixed_s: float, per_row_s: float, power: float) -> None:
        self.left_s, self.fixed_s, self.per_row_s, self.power = left_s, fixed_s, per_row_s, power
        self.sampled: list[int] = []

    def cost(self, rows: int) -> float:
        return self.fixed_s + self.per_row_s * rows**self.power

    def fit(self, rows: int) -> float:
        self.sampled.append(rows)
        self.left_s -= self.cost(rows)
        return self.cost(rows)


@pytest.fixture
def limit(tmp_path: Path) -> object:
    """`limit_rows` of a support vector machine, and its settings."""
    with rendered(Competition(NUMBERS, {}), {"model": "svm"}, tmp_path) as library:
        yield library("rows").limit_rows, library("config").load_config(smoke=False)


Limit = tuple[Callable[..., int], ModuleType]


def test_without_a_time_limit_no_fit_is_tried(limit: Limit) -> None:
    limit_rows, config = limit
    machine = Machine(math.inf, 1, 1, 2)
    assert limit_rows(machine.fit, 1_000_000, config, lambda: machine.left_s) == 1_000_000
    assert machine.sampled == []


def test_all_rows_are_used_where_the_time_suffices(limit: Limit, capsys: pytest.CaptureFixture[str]) -> None:
    limit_rows, config = limit
    machine = Machine(1000.0, 0.1, 1e-7, 2)  # all rows take 40 s
    assert limit_rows(machine.fit, 20_000, config, lambda: machine.left_s) == 20_000
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("fixed_s", [0.001, 0.5, 2.0])
@pytest.mark.parametrize("power", [1.0, 1.7, 2.2])
def test_the_rows_found_take_no_more_than_the_time_and_a_good_part_of_it(
    power: float, fixed_s: float, limit: Limit, capsys: pytest.CaptureFixture[str]
) -> None:
    limit_rows, config = limit
    machine = Machine(30.0, fixed_s, 100 / 20_000**power, power)  # all rows take 100 s
    found = limit_rows(machine.fit, 20_000, config, lambda: machine.left_s)
    assert found < 20_000
    assert machine.cost(found) <= machine.left_s
    assert found >= 900, "a part of the time is unused"
    assert machine.left_s > 20
    assert capsys.readouterr().out == f"rows: {found} of 20000 per fit, to meet the time limit\n"


def test_a_fit_keeps_some_rows_where_nothing_fits(limit: Limit) -> None:
    limit_rows, config = limit
    machine = Machine(3.0, 10.0, 1, 2)
    assert limit_rows(machine.fit, 20_000, config, lambda: machine.left_s) == 50


def test_all_kinds_without_rounds_and_all_networks_limit_their_rows() -> None:
    competition = mixed("regression", "rmse")
    for kind in LIMITED:
        assert "library/rows.py" in render(competition, {"model": kind}), kind
    assert "library/rows.py" not in render(competition, {"model": "lightgbm"})


def _table(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    x = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    return x, (x["a"] - 2 * x["b"]).to_numpy() + random.normal(size=rows) / 10


@pytest.mark.parametrize(("kind", "package"), [("tabm", "tabm"), ("realmlp", "torch")])
def test_a_network_ends_inside_an_epoch(kind: str, package: str, tmp_path: Path) -> None:
    """Its weights at that moment count, with their loss; without held-out rows, they predict."""
    pytest.importorskip(package)
    x, y = _table(3000, 0)
    x_held_out, y_held_out = _table(200, 1)
    with rendered(Competition(NUMBERS, {}), {"model": kind}, tmp_path) as library:
        config = library("config").load_config(smoke=False)
        limited = replace(config, fit_limit_s=0.001)
        for held_out in (slice(None), slice(0)):
            fold = library("dataset").Fold(
                x, y, x_held_out[held_out], y_held_out[held_out], max_rounds=8, seed=0
            )
            model = library("models").fit(fold, limited)
            assert 0 < model.share_done < 1 / 8, "it ended inside the first epoch"
            assert len(model.curve) == len(y_held_out[held_out][:1])
            assert np.isfinite(model.predict(x_held_out)).all()
        fold = library("dataset").Fold(x[:400], y[:400], x_held_out, y_held_out, max_rounds=2, seed=0)
        whole = library("models").fit(fold, config)
        assert (whole.share_done, len(whole.curve)) == (1.0, 2)


def test_realmlp_learns_and_a_shortened_model_is_that_of_the_first_rounds(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    x, y = _table(600, 0)
    x_held_out, y_held_out = _table(200, 1)
    slots: dict[str, Value] = {"model": "realmlp", "scaling": "robust"}
    with rendered(Competition(NUMBERS, {}), slots, tmp_path) as library:
        config = replace(library("config").load_config(smoke=False), max_rounds=40)
        fold = library("dataset").Fold(x, y, x_held_out, y_held_out, max_rounds=40, seed=0)
        model = library("models").fit(fold, config)
        assert len(model.curve) == 40
        assert model.curve[-1] < 0.02, "the target's noise is .002 of its variance"
        for rounds in (1, 17, 40):
            errors = (model.with_rounds(rounds).predict(x_held_out) - y_held_out) / model.spread
            assert np.mean(errors**2) == pytest.approx(model.curve[rounds - 1], rel=1e-4)
        # A refit follows the same schedule, of which it does the first rounds only.
        first = library("models").fit(replace(fold, max_rounds=17), config)
        assert np.array_equal(first.curve, model.curve[:17])


def test_robust_scaling_bears_with_outliers_and_constant_quartiles(tmp_path: Path) -> None:
    with rendered(Competition(NUMBERS, {}), {"model": "linear", "scaling": "robust"}, tmp_path) as library:
        scale = library("made").RobustScale(3.0)
        x = np.array([[0.0, 0, 5], [1, 0, 5], [2, 0, 5], [3, 0, 5], [1e9, 8, 5]])
        scaled = scale.fit(x).transform(x)
    first = (np.array([0, 1, 2, 3]) - 2) / 2
    assert scaled[:4, 0] == pytest.approx(first / np.sqrt(1 + (first / 3) ** 2))
    assert scaled[4] == pytest.approx([3.0, 2 / np.sqrt(1 + (2 / 3) ** 2), 0.0])
    assert (scaled[:, 2] == 0).all()


def test_a_gaussian_process_predicts_from_columns_that_are_mostly_0(tmp_path: Path) -> None:
    """One column per level of a category with many levels: scikit-learn keeps them sparse."""
    levels = [f"level {row % 90}" for row in range(300)]
    seen = view("regression", "rmse", {"level": "category", "b": "number"}, train=300)
    x = pd.DataFrame({"b": np.arange(300.0), "level": levels})
    slots: dict[str, Value] = {"model": "gaussian_process", "rare_levels": 1}
    with rendered(Competition(seen, {}), slots, tmp_path) as library:
        config = replace(library("config").load_config(smoke=False), kernel_rows=60, most_rows=100)
        fold = library("dataset").Fold(x, np.arange(300.0), seed=0)
        predicted = library("models").fit(fold, config).predict(x)
    assert np.corrcoef(predicted, np.arange(300))[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "package"), [("svm", "sklearn"), ("gaussian_process", "sklearn"), ("realmlp", "torch")]
)
def test_a_large_table_meets_the_time_limit(kind: str, package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    competition = folded(mixed("classification", "log_loss", rows=30_000), 5)
    slots: dict[str, Value] = {"model": kind, "text_components": 0, "rare_levels": 20}
    done = run(competition, slots, tmp_path, environment={"MARS_TIME_LIMIT_S": "25"})
    assert done.printed == pytest.approx(competition.score(tmp_path), rel=1e-6)
    frozen = json.loads((tmp_path / "working" / "frozen.json").read_text())
    assert frozen["seconds"] < 25
    assert f"rows: {frozen['rows_per_fit']} of 30000 per fit, to meet the time limit" in done.output
    cut = done.analysis["cut"]
    assert isinstance(cut, dict)
    assert cut["share"] < 1
    (again,) = run_all([tmp_path], "--refit")
    assert again.exit_code == 0, again.output
