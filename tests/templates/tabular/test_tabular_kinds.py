"""Every kind of model learns, saves itself and repeats itself, whatever the targets and the columns are."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.planner.family_packages import is_installed
from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import (
    ALL_ROLES,
    FAMILY,
    Competition,
    Run,
    folded,
    lay_out,
    mixed,
    mixed_table,
    run_all,
    view,
)

NEEDS = FAMILY.slots["model"].needs


def _runs_here(kind: str) -> bool:
    """Whether its packages are installed, and it needs no weights of the user's own."""
    return kind not in NEEDS or (all(map(is_installed, NEEDS[kind].packages)) and not NEEDS[kind].weights)


INSTALLED = [kind for kind in map(str, FAMILY.slots["model"].values) if _runs_here(kind)]
SMALL: dict[str, Value] = {
    "trees": 40,
    "max_iter": 60,
    "learning_rate": 0.1,
    "epochs": 128,
    "text_components": 4,
}


def _labelled_by_quantile(labels: list[str], rare: str = "") -> Competition:
    """Classes are ranges of the signal; a rare class has rows in the validation part only."""
    tables = {
        name: mixed_table(rows, seed)
        for name, rows, seed in (("train", 150, 0), ("val", 60, 1), ("test", 30, 2))
    }
    edges = np.quantile(tables["train"]["signal"], np.linspace(0, 1, len(labels) + 1)[1:-1])
    for name, table in tables.items():
        table["target"] = np.array(labels)[np.searchsorted(edges, table.pop("signal"))]
        if rare and name == "val":
            table.loc[table.index[:2], "target"] = rare
    known = [*labels, rare] if rare else labels
    submission = ("id", *known) if len(known) > 2 else ("id", "target")
    seen = view("classification", "log_loss", ALL_ROLES, submission=submission, classes=len(known), train=150)
    return folded(Competition(seen, tables, known), 3)


def _two_targets() -> Competition:
    tables = {
        name: mixed_table(rows, seed)
        for name, rows, seed in (("train", 150, 0), ("val", 60, 1), ("test", 30, 2))
    }
    for table in tables.values():
        table["length"] = table["signal"]
        table["breadth"] = -2 * table.pop("signal") + 5
    return folded(
        Competition(view("regression", "rmse", ALL_ROLES, ("length", "breadth"), train=150), tables), 3
    )


@cache
def _competition(name: str) -> Competition:
    match name:
        case "value":
            return folded(mixed("regression", "rmse", 150), 3)
        case "two classes":
            return _labelled_by_quantile(["no", "yes"])
        case "five classes":
            return _labelled_by_quantile(["a", "b", "c", "d", "e"])
        case "absent class":
            return _labelled_by_quantile(["a", "b", "c"], rare="z")
        case _:
            return _two_targets()


COMPETITIONS = ["value", "two classes", "five classes", "absent class", "two targets"]


@pytest.fixture(scope="module", params=INSTALLED)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run with `--save` of one kind on every competition."""
    folder = tmp_path_factory.mktemp(request.param)
    workspaces = [_lay_out(request.param, name, folder) for name in COMPETITIONS]
    return dict(zip(COMPETITIONS, run_all(workspaces, "--save"), strict=True))


def _lay_out(kind: str, name: str, folder: Path) -> Path:
    return lay_out(_competition(name), {**SMALL, "model": kind}, folder / f"{kind} {name}")


def _constant_score(competition: Competition) -> float:
    """The score of the best constant prediction."""
    labelled = pd.concat([competition.tables["val"], competition.tables["train"]])
    targets = list(competition.view.target_columns)
    if competition.view.task == "regression":
        values = labelled[targets].to_numpy(float)
        return float(np.sqrt(((values - values.mean(axis=0)) ** 2).mean()))
    shares = labelled[targets[0]].value_counts(normalize=True)
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPETITIONS)
def test_a_kind_learns_and_prints_the_harness_metric(name: str, runs: dict[str, Run]) -> None:
    run, competition = runs[name], _competition(name)
    assert run.printed == pytest.approx(competition.score(run.workspace), abs=1e-6)
    assert run.outputs("val").shape[0] == len(competition.held_out())
    assert np.isfinite(run.outputs("test")).all()
    if name != "absent class":  # two rows of a class that no fit has seen cost a fixed amount
        assert run.printed < 0.97 * _constant_score(competition), "no better than a constant"
    if competition.view.task == "classification":
        assert run.outputs("test").sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_saved_models_predict_the_same(runs: dict[str, Run]) -> None:
    assert list(runs) == COMPETITIONS
    for run in runs.values():
        assert run.exit_code == 0, run.output
    predicted = run_all([run.workspace for run in runs.values()], "--predict")
    for name, after in zip(runs, predicted, strict=True):
        assert after.exit_code == 0, (name, after.output)
        assert np.array_equal(runs[name].outputs("test"), after.outputs("predicted")), name


@pytest.mark.slow
def test_a_seed_decides_every_number(runs: dict[str, Run], tmp_path: Path) -> None:
    names = ["value", "five classes"]
    kind = runs["value"].workspace.name.removesuffix(" value")
    repeated = run_all([_lay_out(kind, name, tmp_path) for name in names])
    for name, again in zip(names, repeated, strict=True):
        assert np.array_equal(again.outputs("val"), runs[name].outputs("val")), name
        assert np.array_equal(again.outputs("test"), runs[name].outputs("test")), name


@pytest.mark.slow
def test_a_refit_uses_the_frozen_choices(runs: dict[str, Run]) -> None:
    names = ["value", "five classes"]
    for name, again in zip(names, run_all([runs[name].workspace for name in names], "--refit"), strict=True):
        assert again.exit_code == 0, (name, again.output)
        assert np.isfinite(again.outputs("test")).all()
