"""Validation rows are the latest only where the rows to predict are later."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation.time_split import TimeSplit, choose_time_split, time_stretches
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from tests.competition.raw_folders import number_rows, prepare_folder, write_spec, write_tables


def days(start: str, count: int, step: int = 1) -> list[str]:
    return pd.date_range(start, periods=count, freq=f"{step}D").strftime("%Y-%m-%d").tolist()


def spec_of(*names: str, time_split: str = "auto", **fields: object) -> CompetitionSpec:
    inputs = [{"name": name, "role": "time"} for name in names] or [{"name": "x", "role": "number"}]
    usual = {"id": "c", "title": "c", "task": "regression", "metric": "rmse", "targets": "y"}
    return CompetitionSpec.model_validate({**usual, "inputs": inputs, "time_split": time_split, **fields})


def choose(spec: CompetitionSpec, train: dict[str, list[str]], test: dict[str, list[str]]) -> TimeSplit:
    tables = (pd.DataFrame(columns, dtype=str) for columns in (train, test))
    return choose_time_split(spec, *tables, Path("train.csv"), Path("test.csv"))


YEAR = days("2023-01-01", 300)


@pytest.mark.parametrize(
    ("test", "splits"),
    [
        (days("2023-11-01", 50), True),
        (days("2023-10-20", 50), True),  # some overlap
        (days("2023-01-01", 50, 6), False),  # among the training rows
        (days("2023-09-01", 50, 3), False),  # much overlap
        (days("2022-01-01", 50), False),  # earlier
        (["2023-11-01"] * 5 + [""] * 5, True),  # rows without a date do not count
        (["", ""], False),
    ],
)
def test_rows_to_predict_decide(test: list[str], splits: bool) -> None:
    found = choose(spec_of("date"), {"date": YEAR}, {"date": test})
    assert found.column == ("date" if splits else None)
    if splits:
        assert found.warnings == (
            "Validation rows are the latest by 'date', since the rows to predict are later.",
        )
    else:
        assert "drawn at random, because the rows to predict are not later by 'date'" in found.warnings[0]
        assert "'date' is an input only" in found.warnings[0]


def test_steps_split_like_dates() -> None:
    steps = [str(step) for step in range(100)]
    found = choose(spec_of("step"), {"step": steps}, {"step": ["100", "101"]})
    assert found.times is not None
    np.testing.assert_array_equal(found.times, np.arange(100.0))


def test_only_one_of_two_times_splits_and_is_named() -> None:
    later = days("2023-11-01", 9)
    train, test = {"start": YEAR, "end": YEAR}, {"start": later, "end": later}
    found = choose(spec_of("start", "end"), train, test)
    assert found.column == "start"
    assert found.warnings[0].startswith("Validation rows are the latest by 'start'; 'end' is an input only.")
    early = {"start": days("2023-01-01", 9), "end": later}
    assert choose(spec_of("start", "end"), train, early).column == "end"
    assert choose(spec_of("start", "end", time_split="end"), train, test).column == "end"


def test_the_user_decides() -> None:
    among = {"date": days("2023-01-01", 50, 6)}
    assert choose(spec_of("date", time_split="date"), {"date": YEAR}, among).column == "date"
    later = {"date": days("2023-11-01", 9)}
    assert choose(spec_of("date", time_split="none"), {"date": YEAR}, later) == TimeSplit()
    assert choose(spec_of("date", fold_column="f"), {"date": YEAR}, later) == TimeSplit()
    with pytest.raises(SetupError, match=r"time_split names 'day', .*\(time inputs: date\)"):
        choose(spec_of("date", time_split="day"), {"date": YEAR}, later)


def test_a_latest_day_of_most_rows_splits_only_if_the_user_says_so() -> None:
    train = {"date": [*YEAR[:60], *["2023-12-01"] * 240]}
    test = {"date": ["2023-12-02"] * 20}
    found = choose(spec_of("date"), {"date": [*YEAR[:270], *["2023-12-01"] * 30]}, test)
    assert found.column == "date"  # 30 of 300 rows are few enough
    found = choose(spec_of("date"), train, test)
    assert found.column is None
    assert "the latest 'date' belongs to 240 of 300 training rows" in found.warnings[0]
    found = choose(spec_of("date", time_split="date"), train, test)
    assert found.column == "date"
    assert "hold 240 of 300 labelled rows, since many rows share the latest 'date'" in found.warnings[0]


def test_rows_without_a_time_are_the_earliest_and_told() -> None:
    found = choose(spec_of("date"), {"date": ["", *YEAR[1:]]}, {"date": ["2024-01-01"]})
    assert found.times is not None
    assert found.times.argmin() == 0
    assert "1 training rows have no 'date'; they count as the earliest rows." in found.warnings
    mostly = choose(spec_of("date"), {"date": [*YEAR[:100], *[""] * 200]}, {"date": ["2024-01-01"]})
    assert mostly.column is None
    assert "200 of 300 training rows have no 'date'" in mostly.warnings[0]


def dated(folder: Path, first_to_predict: str) -> Prepared:
    train = number_rows(200).assign(x=pd.to_datetime(days("2023-01-01", 200)).strftime("%d/%m/%Y"))
    test = number_rows(20, 200).drop(columns="label")
    write_tables(
        folder, train, test.assign(x=pd.to_datetime(days(first_to_predict, 20)).strftime("%d/%m/%Y"))
    )
    return prepare_folder(write_spec(folder, inputs=[{"name": "x", "role": "time"}]), folder)


def test_the_latest_days_validate_whatever_form_they_have(tmp_path: Path) -> None:
    prepared = dated(tmp_path / "later", "2023-08-01")
    train, val = (pd.read_csv(prepared.metadata / f"{name}.csv") for name in ("train", "val"))
    assert sorted(train["x"]) == days("2023-01-01", 175)
    assert sorted(val["x"]) == days("2023-06-25", 25)
    random = dated(tmp_path / "among", "2023-03-01")
    assert pd.read_csv(random.metadata / "val.csv")["x"].min() < "2023-06-01"
    assert random.fingerprint != prepared.fingerprint


def test_stretches_of_time_are_short_whole_and_in_order() -> None:
    times = np.repeat(np.arange(1000.0), 3)
    mixed = np.random.default_rng(0).permutation(len(times))
    stretches = time_stretches(times[mixed])
    assert sorted(set(stretches)) == list(range(100))
    np.testing.assert_array_equal(stretches, times[mixed] // 10)
    assert time_stretches(np.zeros(5)).tolist() == [0] * 5
