"""Tables as users have them: gaps, unseen levels, tiny classes, odd names."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import Competition, Run, lay_out, mixed, run_all, view

MODELS: dict[str, dict[str, Value]] = {
    "linear": {"model": "linear"},
    "boosting": {"model": "hist_gradient_boosting", "max_iter": 10},
    "lightgbm": {"model": "lightgbm", "max_iter": 10},
}
ENCODINGS = ("one_hot", "native", "target")
EVERYTHING: dict[str, Value] = {"interactions": "products", "missing_indicators": True, "scaling": "quantile"}


def small(target: object, metric: str = "accuracy", rows: int = 60, **columns: object) -> Competition:
    """A table of a number and a category, which `columns` may replace; `target` is a value or a column."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": [f"i{index}" for index in range(rows)],
            "number": random.normal(size=rows),
            "level": random.choice(["a", "b", "c"], rows),
            **columns,
        }
    )
    table["target"] = target
    regression = metric in ("rmse", "mae", "r2")
    classes = [] if regression else ["no", "yes", "maybe"]
    seen = view(
        "regression" if regression else "classification",
        metric,
        {"number": "number", "level": "category"},
        submission=("id", *classes) if metric == "log_loss" else None,
        classes=len(classes) or None,
        train=rows // 2,
    )
    parts = {
        "train": table[: rows // 2],
        "val": table[rows // 2 : rows * 3 // 4],
        "test": table[rows * 3 // 4 :],
    }
    return Competition(seen, parts, classes)


def tables_of_users() -> Iterator[tuple[str, Competition, dict[str, Value]]]:
    """Name, competition and slots of each case."""
    two = np.tile(["no", "yes"], 30)
    for encoding in ENCODINGS:
        levels = [f"level {index}" for index in range(600)]  # no level of validation rows was seen
        competition = small(np.tile(["no", "yes"], 300), rows=600, level=levels)
        yield f"unseen levels, {encoding}", competition, {"category_encoding": encoding, "rare_levels": 1}
        rare = np.array(["yes"] + ["no"] * 59)
        yield (
            f"class of one row, {encoding}",
            small(rare, "log_loss"),
            {"category_encoding": encoding},
        )
    yield "no value at all", small(two, number=np.nan), EVERYTHING
    yield "a single value", small(two, number=[np.nan, 5.0] + [np.nan] * 58), EVERYTHING
    yield "one class", small("yes"), EVERYTHING
    few = np.array(["no", "yes", "maybe"])[np.arange(12) % 3]
    yield "few rows", small(few, rows=12), {"category_encoding": "target"}
    words = np.array(["1", "2.5", "-inf", "1e400", "n/a", ""] * 10, dtype=object)
    yield "words among numbers", small(np.arange(60.0), "mae", number=words), EVERYTHING
    huge = np.array(
        ["1e308", "-1.7e308", "1e-320", "9223372036854775807", "12345678901234567890123", "0"] * 10
    )
    yield "huge and tiny numbers", small(two, number=huge), {**EVERYTHING, "scaling": "standard"}
    yield "huge numbers, quantiles", small(two, number=huge), EVERYTHING
    for transform in ("none", "log1p", "yeo_johnson", "quantile"):
        slots = {"target_transform": transform, "category_encoding": "target", **EVERYTHING}
        yield f"constant value, {transform}", small(3.0, "rmse"), slots
    dates = mixed("regression", "rmse", rows=100)
    steps = {part: table.assign(sold=np.arange(len(table))) for part, table in dates.tables.items()}
    yield "steps instead of dates", replace(dates, tables=steps), {"date_parts": "cyclic"}


USERS = {name: (competition, slots) for name, competition, slots in tables_of_users()}


CASES = [(name, kind) for name in USERS for kind in ("linear", "lightgbm")] + [
    (name, "boosting") for name in ("no value at all", "one class", "few rows", "huge and tiny numbers")
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Run]:
    """All cases, run to their end."""
    folders = [
        lay_out(USERS[name][0], {**MODELS[kind], **USERS[name][1]}, tmp_path_factory.mktemp("case"))
        for name, kind in CASES
    ]
    return dict(zip(CASES, run_all(folders), strict=True))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_is_taken_as_it_is(name: str, kind: str, finished: dict[tuple[str, str], Run]) -> None:
    run = finished[name, kind]
    assert run.printed == pytest.approx(USERS[name][0].score(run.workspace), abs=1e-12)
    assert np.isfinite(run.outputs("test")).all()
    if name.startswith("constant value"):
        assert run.printed == pytest.approx(0, abs=1e-6)


def looks_missing() -> Competition:
    labels = ["NA", "01", "nan"]
    competition = small(np.tile(labels, 20), level=np.tile(labels, 20))
    return replace(competition, classes=labels)


def odd_names() -> Competition:
    names = {
        "it's": "number",
        'the "size"': "number",
        "größe & gewicht": "number",
        "back\\slash {x}": "category",
    }
    random = np.random.default_rng(1)
    tables = {}
    for part in ("train", "val", "test"):
        table = pd.DataFrame({name: random.normal(size=80) for name in names})
        table["back\\slash {x}"] = random.choice(["u", "v"], 80)
        table['my "target"'] = table["it's"] * 2
        table.insert(0, "row id", [f"{part}{index}" for index in range(80)])
        tables[part] = table
    seen = view("regression", "r2", names, targets=('my "target"',), submission=("row id", 'my "target"'))
    return Competition(seen.model_copy(update={"id_column": "row id"}), tables)


def with_a_column_named_like_a_date_part() -> Competition:
    """The target is nearly the user's column `date year`, whose name the year of `date` would take."""
    random = np.random.default_rng(2)
    roles = {"date": "time", "date year": "number", "date month sin": "category"}
    tables = {}
    for part in ("train", "val", "test"):
        table = pd.DataFrame({"id": [f"{part}{index}" for index in range(80)]})
        table["date"] = pd.date_range("2020-01-01", periods=80).strftime("%Y-%m-%d")
        table["date year"] = random.normal(10, 3, 80)
        table["date month sin"] = random.choice(["u", "v"], 80)
        table["target"] = (
            table["date year"] + 5 * (table["date month sin"] == "u") + random.normal(0, 0.1, 80)
        )
        tables[part] = table
    return Competition(view("regression", "rmse", roles), tables)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    cases = {
        "looks missing": looks_missing(),
        "odd names": odd_names(),
        "unknown label": small(np.tile(["yes", "perhaps"], 30)),  # 22 of the 45 labelled rows
        "no label": small(""),
        "no value": small(["", "x", *range(58)], "rmse"),
    }
    folders = [lay_out(case, {"model": "linear"}, tmp_path_factory.mktemp("case")) for case in cases.values()]
    for parts in ("calendar", "cyclic"):
        slots: dict[str, Value] = {"model": "linear", "date_parts": parts}
        cases[parts] = with_a_column_named_like_a_date_part()
        folders.append(lay_out(cases[parts], slots, tmp_path_factory.mktemp("case")))
    return dict(zip(cases, run_all(folders), strict=True))


def test_labels_and_levels_may_look_like_missing_values(others: dict[str, Run]) -> None:
    assert others["looks missing"].printed == 1.0 == looks_missing().score(others["looks missing"].workspace)


def test_names_may_hold_quotes_and_any_letters(others: dict[str, Run]) -> None:
    assert others["odd names"].printed > 0.9


@pytest.mark.parametrize("parts", ["calendar", "cyclic"])
def test_no_date_part_takes_the_place_of_a_column(parts: str, others: dict[str, Run]) -> None:
    assert others[parts].printed < 0.3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown label", "22 labels are not in classes.csv, first 'perhaps'"),
        ("no label", "45 labels are not in classes.csv, first ''"),
        ("no value", "2 target values are missing or not numbers"),
    ],
)
def test_wrong_targets_are_counted(name: str, message: str, others: dict[str, Run]) -> None:
    assert others[name].exit_code == 1
    assert message in others[name].output
