"""What running a rendered repository leaves behind: the contract, honest scores, equal bits, time kept."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from agent.repository.family import Value
from agent.repository.rendering import tree_hash
from tests.templates.tabular.tabular_competitions import (
    FAMILY,
    Competition,
    Run,
    lay_out,
    mixed,
    mixed_table,
    read_rows,
    real,
    render,
    run,
    run_all,
    view,
)

BLEND: dict[str, Value] = {"model": "blend", "folds": 3, "max_iter": 20}


def two_targets() -> Competition:
    tables = {name: mixed_table(rows, rows) for name, rows in (("train", 200), ("val", 80), ("test", 50))}
    for table in tables.values():
        table["first"] = table["signal"]
        table["second"] = -3 * table.pop("signal") + table["weight"]
    inputs = {"size": "number", "weight": "number", "colour": "category"}
    return Competition(view("regression", "rmse", inputs, targets=("first", "second")), tables)


def one_probability() -> Competition:
    competition = real("breast_cancer", "roc_auc")
    seen = competition.view.model_copy(update={"submission_columns": ("row", "p")})
    return Competition(seen, competition.tables, competition.classes)


CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    "label": (mixed("classification", "accuracy"), {"folds": 3, "max_iter": 50}),
    "rank": (mixed("classification", "qwk"), {"decision": "expected_rank", "model": "linear"}),
    "corrected label": (
        mixed("classification", "balanced_accuracy"),
        {**BLEND, "decision": "prior_corrected"},
    ),
    "probabilities": (mixed("classification", "log_loss"), BLEND),
    "one probability": (one_probability(), {}),
    "value": (mixed("regression", "mae"), {**BLEND, "target_transform": "log1p"}),
    "values": (two_targets(), BLEND),
    "values of one fit": (two_targets(), {"model": "linear"}),
    "wine": (real("wine", "accuracy"), {"model": "linear"}),
    **{
        f"diabetes {model}": (real("diabetes", "r2"), {"model": model, "folds": 3, "max_iter": 50})
        for model in ("linear", "hist_gradient_boosting", "blend")
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All cases, run to their end."""
    folders = [lay_out(*case, tmp_path_factory.mktemp("case")) for case in CASES.values()]
    return dict(zip(CASES, run_all(folders), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_leaves_what_the_contract_asks_for(case: str, finished: dict[str, Run]) -> None:
    competition, run = CASES[case][0], finished[case]
    assert run.printed == pytest.approx(competition.score(run.workspace), rel=1e-9)
    for part, file in (("val", "working/val_submission.csv"), ("test", "submission/submission.csv")):
        ids = competition.tables[part]["id"].tolist()
        header = (run.workspace / file).read_text().splitlines()[0].split(",")
        assert header == list(competition.view.submission_columns)
        assert read_rows(run.workspace / file).index.tolist() == ids
        outputs = run.outputs(part)
        assert outputs.dtype == np.float32
        assert outputs.shape == (len(ids), competition.view.n_classes or len(competition.view.target_columns))
        assert np.isfinite(outputs).all()
    lines = (run.workspace / "working" / "progress.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert records[-1]["stage"] == "done"
    assert records[-1]["metric"] == run.printed
    assert all(0 < record["fraction"] <= 1 and record["elapsed_s"] >= 0 for record in records)
    assert run.analysis["mean_error"] > 0


def test_prints_a_line_per_fit_with_metric_and_seconds(finished: dict[str, Run]) -> None:
    printed = finished["probabilities"].output.splitlines()
    assert printed[0] == "240 training rows, 60 test rows"
    for model in ("linear", "boosting"):
        for fit in (1, 2, 3):
            line = rf"{model} fold {fit}/3: validation log_loss \d\.\d{{5}} \(mean of {fit}\), \d+\.\d s"
            assert sum(bool(re.fullmatch(line, found)) for found in printed) == 1, printed
    assert re.fullmatch(r"blend: \d\.\d\d linear \+ \d\.\d\d boosting", printed[-2])
    one_fit = finished["values of one fit"].output.splitlines()[1]
    assert re.fullmatch(r"linear: validation rmse \d\.\d{5}, \d+\.\d s", one_fit)


def test_learns_what_the_data_hold(finished: dict[str, Run]) -> None:
    assert finished["one probability"].printed > 0.97
    assert finished["wine"].printed > 0.94
    linear, trees, blend = (
        finished[f"diabetes {model}"].printed for model in ("linear", "hist_gradient_boosting", "blend")
    )
    assert linear > 0.35
    assert blend > min(linear, trees)


def test_same_seed_same_bits_other_seed_others(tmp_path: Path) -> None:
    slots = {**BLEND, "category_encoding": "target", "max_features": 0.5, "scaling": "quantile"}
    competition = mixed("classification", "log_loss")
    folders = [lay_out(competition, slots, tmp_path / name) for name in ("first", "second", "third")]
    run_all(folders[:2])
    run_all(folders[2:], environment={"MARS_SEED": "8"})
    for file in ("working/val_submission.csv", "working/val_outputs.npz", "submission/submission.csv"):
        first, second, third = ((folder / file).read_bytes() for folder in folders)
        assert first == second
        assert first != third


def test_time_limit_ends_in_order(tmp_path: Path) -> None:
    competition = real("breast_cancer", "log_loss")
    slots = {"model": "blend", "folds": 10, "seeds": 5, "early_stopping": False, "max_iter": 400}
    finished = run(competition, slots, tmp_path, environment={"MARS_TIME_LIMIT_S": "8"})
    fits = finished.analysis["fits"]
    assert 1 <= fits["boosting"] < 50, "the limit ended no fit"
    assert finished.printed == pytest.approx(competition.score(tmp_path))
    assert set(read_rows(tmp_path / "submission" / "submission.csv").index) == set(
        competition.tables["test"]["id"]
    )


def test_rounds_shrink_where_one_fit_is_too_long(tmp_path: Path) -> None:
    competition = mixed("regression", "rmse", rows=2000)
    slots = {"early_stopping": False, "max_iter": 5000, "max_leaf_nodes": 127, "min_samples_leaf": 3}
    finished = run(competition, slots, tmp_path, environment={"MARS_TIME_LIMIT_S": "8"})
    (rounds,) = re.findall(r"max_iter 5000 -> (\d+) to meet the time limit", finished.output)
    assert 1 <= int(rounds) < 5000
    assert finished.printed == pytest.approx(competition.score(tmp_path))


# A blend runs the code of both kinds of model; alone they are trained by other code.
EVERY_VALUE = {
    "classes": (mixed("classification", "macro_f1"), "blend"),
    "values": (mixed("regression", "r2"), "blend"),
    "breast cancer": (real("breast_cancer", "log_loss"), "hist_gradient_boosting"),
    "wine": (real("wine", "qwk"), "linear"),
    "diabetes": (real("diabetes", "rmse"), "blend"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("competition", "model"), EVERY_VALUE.values(), ids=EVERY_VALUE)
def test_every_value_runs(competition: Competition, model: str, tmp_path: Path) -> None:
    blueprints = [
        {"model": model, name: value}
        for name, slot in FAMILY.slots.items()
        if name != "model"
        for value in slot.values
    ]
    distinct = {tree_hash(render(competition, slots)): slots for slots in blueprints}
    folders = [lay_out(competition, slots, tmp_path / code) for code, slots in distinct.items()]
    assert len(folders) > 10
    for finished in run_all(folders, "--smoke"):
        assert finished.printed == pytest.approx(competition.score(finished.workspace))


def test_drafts_and_moves_lead_somewhere() -> None:
    drafts = [FAMILY.fill(dict(draft.set), draft.id) for draft in FAMILY.drafts]
    starts = [*drafts, *({**draft, "model": model} for draft in drafts for model in ("linear", "blend"))]
    starts += [{**draft, "category_encoding": "target"} for draft in drafts]
    starts += [{**draft, "folds": 5} for draft in drafts]
    assert FAMILY.moves
    assert drafts
    for move in FAMILY.moves:
        fitting = [s for s in starts if all(s[name] in values for name, values in move.when.slots.items())]
        assert any(move.applied_to(slots, FAMILY) for slots in fitting), move.id
