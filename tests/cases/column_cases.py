"""Cells of input columns: gaps, numbers in other forms, dates, names."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.cases.case import Case, classes, numbers, parts, save, save_split


def _gaps(folder: Path, word: str) -> None:
    frame = numbers()
    rng = np.random.default_rng(3)
    frame["width"] = frame["width"].astype(str).where(rng.random(len(frame)) > 0.15, word)
    save_split(folder, frame, "price")


def _text_numbers(folder: Path, form: str) -> None:
    frame = numbers()
    amount = (frame["width"] * 1000 + 5000).round(2)
    forms = {
        "decimal commas": lambda value: f"{value:.2f}".replace(".", ","),
        "thousands": lambda value: f"{value:,.2f}",
        "european thousands": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")),
        "dollars": lambda value: f"${value:,.2f}",
        "percent": lambda value: f"{value / 100:.2f} %",
    }
    frame["width"] = [forms[form](value) for value in amount]
    save_split(folder, frame, "price")


def _decimal_comma_target(folder: Path) -> None:
    frame = numbers()
    frame["price"] = [f"{value:.2f}".replace(".", ",") for value in frame["price"]]
    save_split(folder, frame, "price")


def _house_prices(folder: Path) -> None:
    rng = np.random.default_rng(5)
    frame = numbers(480)
    frame.insert(0, "Id", frame.pop("id"))
    frame["Frontage"] = (60 + 10 * frame.pop("width")).round(0).astype(int).astype(str)
    frame.loc[rng.random(480) < 0.18, "Frontage"] = "NA"
    frame["Alley"] = np.where(rng.random(480) < 0.9, "NA", "Grvl")
    frame["Quality"] = rng.choice(["Ex", "Gd", "TA", "NA"], 480)
    save_split(folder, frame, "price")


def _dates(folder: Path, style: str, later: bool) -> None:
    frame = numbers(400)
    day = pd.date_range("2021-01-04", periods=400, freq="D").to_series().reset_index(drop=True)
    frame["price"] = (frame["price"] + np.arange(400) * 0.01).round(2)
    frame["seen"] = day.dt.strftime(style)
    if not later:
        frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    save_split(folder, frame, "price")


def _two_dates(folder: Path) -> None:
    frame = numbers(400)
    rng = np.random.default_rng(2)
    day = pd.date_range("2021-01-04", periods=400, freq="D")
    frame["opened"] = day.strftime("%Y-%m-%d")
    frame["closed"] = (day + pd.to_timedelta(rng.integers(1, 200, 400), unit="D")).strftime("%Y-%m-%d")
    save_split(folder, frame, "price")


def _sentinel_dates(folder: Path) -> None:
    frame = numbers(400)
    frame["ends"] = pd.date_range("2021-01-04", periods=400).strftime("%Y-%m-%d")
    frame.loc[frame.index % 7 == 0, "ends"] = "9999-12-31"
    frame = frame.sample(frac=1, random_state=1)
    save_split(folder, frame, "price")


def _latest_day_holds_most(folder: Path) -> None:
    frame = classes(500)
    days = pd.date_range("2021-01-04", periods=100).strftime("%Y-%m-%d").tolist()
    frame["loaded"] = days + ["2021-09-30"] * 400
    save_split(folder, frame, "sold")


def _clock_times(folder: Path) -> None:
    frame = numbers()
    minutes = np.random.default_rng(4).integers(0, 1440, len(frame))
    frame["opens"] = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes]
    frame["lasts"] = [f"{minute // 200:02d}:{minute % 60:02d}:{minute % 47:02d}" for minute in minutes]
    save_split(folder, frame, "price")


def _calendar_name(folder: Path) -> None:
    frame = numbers()
    frame["day"] = pd.date_range("2021-01-04", periods=len(frame)).strftime("%Y-%m-%d")
    frame["day year"] = (frame["price"] + np.random.default_rng(6).normal(0, 0.05, len(frame))).round(3)
    frame = frame.sample(frac=1, random_state=1)
    save_split(folder, frame.drop(columns=["width", "depth"]), "price")


def _extreme_numbers(folder: Path) -> None:
    frame = numbers()
    frame["huge"] = ["1e308" if row % 2 else "-1e308" for row in range(len(frame))]
    frame["tiny"] = ["1e-320" if row % 3 else "0" for row in range(len(frame))]
    frame["long"] = [str(10**18 + row) for row in range(len(frame))]
    save_split(folder, frame, "price")


def _target_twice(folder: Path) -> None:
    frame = classes()
    train, test = parts(frame, "sold")
    save(folder, train.assign(was_sold=train["sold"]), test.assign(was_sold=0))


def _side_table(folder: Path) -> None:
    frame = numbers()
    frame["shop"] = np.random.default_rng(8).integers(1, 7, len(frame))
    save_split(folder, frame, "price")
    pd.DataFrame({"shop": range(1, 7), "area": [3.5, 2, 8, 1, 4, 9]}).to_csv(
        folder / "shops.csv", index=False
    )


COLUMN_CASES = [
    *(
        Case(
            f"gaps as {word!r}",
            lambda folder, word=word: _gaps(folder, word),
            {},
            {"width": "number"},
            best=3.0,
        )
        for word in ("NA", "nan", "?", "-", "null", "None")
    ),
    *(
        Case(form, lambda folder, form=form: _text_numbers(folder, form), {}, {"width": "number"}, best=1.2)
        for form in ("decimal commas", "thousands", "european thousands", "dollars", "percent")
    ),
    Case("decimal commas in the target", _decimal_comma_target, {"task": "regression"}, best=1.2),
    Case(
        "house prices",
        _house_prices,
        {"id_column": "Id"},
        {"Frontage": "number", "Quality": "category"},
        best=3.0,
    ),
    *(
        Case(
            f"dates as {style}", lambda folder, style=style: _dates(folder, style, True), {}, {"seen": "time"}
        )
        for style in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%Y%m%d", "%Y-%m-%d %H:%M")
    ),
    Case(
        "dates among the training rows",
        lambda folder: _dates(folder, "%Y-%m-%d", False),
        {},
        {"seen": "time"},
    ),
    Case("two dates", _two_dates, {"time_split": "opened"}, {"opened": "time", "closed": "time"}),
    Case("dates out of range", _sentinel_dates, {}, {"ends": "time"}, best=1.5),
    Case("latest day holds most rows", _latest_day_holds_most, said=("loaded",)),
    Case("clock times", _clock_times, {}, {"opens": "number", "lasts": "number"}),
    Case("a column named like a derived one", _calendar_name, {}, {"day year": "number"}, best=0.5),
    Case("extreme numbers", _extreme_numbers, {}, {"width": "number"}, best=1.2),
    Case("the target twice", _target_twice, said=("was_sold",)),
    Case("a side table", _side_table, said=("shops.csv",)),
]
