"""What running a rendered repository leaves behind: the contract, honest scores, equal bits, time kept."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from agent.repository.family import Move, Value
from agent.repository.rendering import tree_hash
from tests.templates.tabular.tabular_competitions import (
    FAMILY,
    Competition,
    Run,
    folded,
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

LIGHTGBM: dict[str, Value] = {"model": "lightgbm", "max_iter": 20}
HISTOGRAM: dict[str, Value] = {"model": "hist_gradient_boosting", "max_iter": 20}


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
    "label": (mixed("classification", "accuracy"), {**HISTOGRAM, "seeds": 2, "max_features": 0.5}),
    "rank": (mixed("classification", "qwk"), {"decision": "expected_rank", "model": "linear"}),
    "corrected label": (
        mixed("classification", "balanced_accuracy"),
        {**LIGHTGBM, "decision": "prior_corrected", "class_weight": "balanced"},
    ),
    "probabilities": (folded(mixed("classification", "log_loss"), 3), LIGHTGBM),
    "one probability": (one_probability(), {**LIGHTGBM, "max_iter": 100}),
    "value": (mixed("regression", "mae"), {**LIGHTGBM, "target_transform": "log1p"}),
    "values": (two_targets(), LIGHTGBM),
    "values of trees": (folded(two_targets(), 3), HISTOGRAM),
    "values of linear models": (two_targets(), {"model": "linear"}),
    "wine": (real("wine", "accuracy"), {"model": "linear"}),
    **{
        f"diabetes {model}": (folded(real("diabetes", "r2")), {"model": model, "max_iter": 50})
        for model in ("linear", "hist_gradient_boosting", "lightgbm")
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
        ids = competition.tables["test"]["id"].tolist() if part == "test" else competition.held_out()
        header = (run.workspace / file).read_text().splitlines()[0].split(",")
        assert header == list(competition.view.submission_columns)
        assert sorted(read_rows(run.workspace / file).index) == sorted(ids)
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


def test_prints_a_line_per_fold_with_metric_and_seconds(finished: dict[str, Run]) -> None:
    printed = finished["probabilities"].output.splitlines()
    assert printed[0] == "360 labelled rows, 60 test rows"
    for fold, rows in enumerate((120, 240, 360)):
        line = rf"fold {fold}: log_loss \d\.\d{{5}} of {rows} rows, \d+\.\d s"
        assert re.fullmatch(line, printed[1 + fold]), printed


def test_learns_what_the_data_hold(finished: dict[str, Run]) -> None:
    assert finished["one probability"].printed > 0.97
    assert finished["wine"].printed > 0.94
    for model in ("linear", "hist_gradient_boosting", "lightgbm"):
        assert finished[f"diabetes {model}"].printed > 0.35


def test_same_seed_same_bits_other_seed_others(tmp_path: Path) -> None:
    slots = {**LIGHTGBM, "category_encoding": "target", "max_features": 0.5, "row_sampling": 0.5}
    competition = mixed("classification", "log_loss")
    folders = [lay_out(competition, slots, tmp_path / name) for name in ("first", "second", "third")]
    run_all(folders[:2])
    run_all(folders[2:], environment={"MARS_SEED": "8"})
    for file in ("working/val_submission.csv", "working/val_outputs.npz", "submission/submission.csv"):
        first, second, third = ((folder / file).read_bytes() for folder in folders)
        assert first == second
        assert first != third


def test_rounds_shrink_where_one_fit_is_too_long(tmp_path: Path) -> None:
    competition = mixed("regression", "rmse", rows=2000)
    slots = {
        "model": "hist_gradient_boosting",
        "max_iter": 5000,
        "max_leaf_nodes": 512,
        "min_samples_leaf": 1,
    }
    finished = run(competition, slots, tmp_path, environment={"MARS_TIME_LIMIT_S": "8"})
    (rounds,) = re.findall(r"at most (\d+) rounds, not 5000, to meet the time limit", finished.output)
    assert 1 <= int(rounds) < 5000
    assert finished.printed == pytest.approx(competition.score(tmp_path))


EVERY_VALUE = {
    "classes": (folded(mixed("classification", "macro_f1"), 3), "lightgbm"),
    "values": (folded(mixed("regression", "r2"), 3), "lightgbm"),
    "breast cancer": (real("breast_cancer", "log_loss"), "hist_gradient_boosting"),
    "wine": (real("wine", "qwk"), "linear"),
    "values of trees": (mixed("regression", "rmse"), "hist_gradient_boosting"),
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
    starts = [*drafts, *({**draft, "category_encoding": "target"} for draft in drafts)]
    assert FAMILY.moves
    assert drafts
    # A move that takes another one back leads on from where that one leads.
    starts += [moved for slots in starts for move in FAMILY.moves if (moved := _moved(move, slots))]
    for move in FAMILY.moves:
        assert any(_moved(move, slots) for slots in starts), move.id


def _moved(move: Move, slots: dict[str, Value]) -> dict[str, Value] | None:
    fits = all(slots[name] in values for name, values in move.when.slots.items())
    return move.applied_to(slots, FAMILY) if fits else None


def test_every_number_may_be_sampled_within_its_range() -> None:
    assert FAMILY.slots
    for name, slot in FAMILY.slots.items():
        numbers = [value for value in slot.values if not isinstance(value, bool | str)]
        assert not numbers or slot.range is not None, name
        # On a log scale, 0 is a value of its own: it turns a penalty off and is not sampled.
        sampled = [number for number in numbers if number != 0 or slot.scale == "linear"]
        assert all(slot.range[0] <= number <= slot.range[1] for number in sampled), name


def test_each_kind_of_model_has_a_draft() -> None:
    drafted = {draft.set.get("model", FAMILY.slots["model"].default) for draft in FAMILY.drafts}
    assert drafted == set(FAMILY.slots["model"].values)
