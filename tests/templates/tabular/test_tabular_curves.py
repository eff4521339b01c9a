"""Kinds that learn in rounds keep all rounds of a fit, and take every setting within its range."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    FAMILY,
    Competition,
    folded,
    lay_out,
    mixed,
    run,
    view,
)

KINDS = ["linear", "hist_gradient_boosting", "lightgbm", "xgboost", "catboost"]
Library = Callable[[str], ModuleType]


@contextmanager
def rendered(competition: Competition, slots: dict[str, Value], folder: Path) -> Iterator[Library]:
    """Import modules of the rendered repository."""
    lay_out(competition, slots, folder)
    sys.path.insert(0, str(folder))
    try:
        yield lambda name: importlib.import_module(f"library.{name}")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
            del sys.modules[name]


def _numbers(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(random.normal(size=(rows, 3)), columns=["a", "b", "c"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_after_each_round_is_that_of_the_model_of_the_first_rounds(
    kind: str, tmp_path: Path
) -> None:
    """Also beyond the fit's own best round: other folds may need more rounds than this one."""
    x, x_held_out = _numbers(120, 0), _numbers(80, 1)
    labels = [
        (table["a"] + np.random.default_rng(7).normal(0, 2, len(table)) > 0) for table in (x, x_held_out)
    ]
    y, y_held_out = (label.to_numpy(int) for label in labels)
    seen = view("classification", "log_loss", dict.fromkeys(x, "number"), classes=2, train=120)
    slots: dict[str, Value] = {"model": kind, "learning_rate": 0.3, "min_samples_leaf": 2}
    with rendered(Competition(seen, {}, ["no", "yes"]), slots, tmp_path) as library:
        fold = library("dataset").Fold(x, y, x_held_out, y_held_out, max_rounds=13, seed=0)
        config = replace(library("config").load_config(smoke=False), patience=3)
        model = library("models").fit(fold, config)
        best = int(np.argmin(model.curve)) + 1
        assert best < len(model.curve), "the fit ends at its best round"
        for rounds in {1, best, best + 1, len(model.curve)}:
            shortened = model.with_rounds(rounds).predict(x_held_out)
            assert log_loss(y_held_out, shortened) == pytest.approx(model.curve[rounds - 1], rel=1e-4), rounds


def test_splines_may_have_any_number_of_knots(tmp_path: Path) -> None:
    """On columns of any number of values, too."""
    least, most = FAMILY.slots["splines"].range or (0, 0)
    assert (least, most) == (0, 30)
    rows = np.arange(40)
    x = pd.DataFrame({f"{n} values": (rows % n).astype(float) for n in (1, 2, 3, 7, 40)})
    x["a value or none"] = np.where(rows % 2, 5.0, np.nan)
    x["no value"] = np.nan
    y = x["40 values"].to_numpy()
    seen = view("regression", "rmse", dict.fromkeys(x, "number"), train=40)
    for splines in (0, 1):
        folder = tmp_path / str(splines)
        with rendered(Competition(seen, {}), {"model": "linear", "splines": splines}, folder) as library:
            config = library("config").load_config(smoke=False)
            fold = library("dataset").Fold(x, y, x[:10], y[:10], max_rounds=13, seed=0)
            for knots in range(1, int(most) + 1) if splines else (0,):
                wanted = replace(config, spline_knots=knots) if splines else config
                predicted = library("models").fit(fold, wanted).predict(x)
                assert np.corrcoef(predicted, y)[0, 1] > 0.99, knots


@pytest.mark.slow
def test_epochs_fit_the_time_limit(tmp_path: Path) -> None:
    pytest.importorskip("tabm")
    competition = folded(mixed("regression", "rmse", rows=20_000), 5)
    limit = {"MARS_TIME_LIMIT_S": "30"}
    done = run(competition, {"model": "tabm", "text_components": 0}, tmp_path, environment=limit)
    assert done.printed == pytest.approx(competition.score(tmp_path), rel=1e-6)
    assert "rounds, not 60, to meet the time limit" in done.output
    assert json.loads((tmp_path / "working" / "frozen.json").read_text())["seconds"] < 30
