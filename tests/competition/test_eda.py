"""The analysis describes training rows by aggregates and repeats no value of any of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from agent.competition.pictures.decoding import decode_reduced
from agent.competition.preparation import image_eda
from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.spec import CompetitionSpec
from tests.competition.raw_folders import (
    number_rows,
    picture_folder,
    prepare_folder,
    write_spec,
    write_tables,
)


def spec_of(folder: Path, task: str = "classification", **roles: str) -> CompetitionSpec:
    inputs = [{"name": name, "role": role} for name, role in roles.items()]
    return write_spec(folder, task=task, inputs=inputs or [{"name": "x", "role": "number"}])


def text_rows(count: int = 400) -> pd.DataFrame:
    """A target that follows `signal`, a copy of it, noise, and texts and levels that nobody must see."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=count)
    return pd.DataFrame(
        {
            "signal": signal,
            "double": 2 * signal + 1,
            "noise": rng.normal(size=count),
            "level": [f"secretlevel{i % 7}" for i in range(count)],
            "note": [f"secretword{i} and another secretword" for i in range(count)],
            "day": pd.date_range("2001-02-03", periods=count).strftime("%Y-%m-%d"),
            "label": np.where(signal > 0, "secretyes", "secretno"),
        }
    ).astype(str)


ROLES = {
    "signal": "number",
    "double": "number",
    "noise": "number",
    "level": "category",
    "note": "text",
    "day": "time",
}


def explored(rows: pd.DataFrame, folder: Path, task: str = "classification", **roles: str) -> dict[str, Any]:
    summary = summarize_training_rows(rows, spec_of(folder, task, **(roles or ROLES)), folder)
    return dict(json.loads(json.dumps(summary, allow_nan=False)))


@pytest.mark.parametrize("present", [1, 2, 9, 40])
def test_moments_that_would_give_values_away_are_left_out(tmp_path: Path, present: int) -> None:
    rows = text_rows(40)
    rows["pay"] = ["71234.5" if row % 2 else "-68111.25" for row in range(present)] + [""] * (40 - present)
    columns = explored(rows, tmp_path, pay="number", noise="number")["columns"]
    assert set(columns["pay"]) == {
        "role",
        "missing",
        "distinct",
        "not_numeric",
        "zero_share",
        "negative_share",
    }
    assert "mean" in columns["noise"]


def test_relations_find_the_signal_and_its_copy(tmp_path: Path) -> None:
    relations = explored(text_rows(), tmp_path)["relations"]
    assert [pair[:2] for pair in relations["collinear_pairs"]] == [["signal", "double"]]
    information = relations["mutual_information_nats"]
    assert next(iter(information)) in ("signal", "double")
    assert 0.55 < information["signal"] < np.log(2)  # all of a fair coin, but for the decile around 0
    assert information["noise"] < 0.05


def test_regression_gets_rank_correlations(tmp_path: Path) -> None:
    rows = text_rows()
    rows["label"] = (-np.exp(rows["signal"].astype(float))).astype(str)
    summary = explored(rows, tmp_path, task="regression")
    assert summary["relations"]["spearman"]["signal"] == pytest.approx(-1)
    assert summary["target"]["label"]["skew"] < -1


def test_no_value_of_a_row_is_repeated(tmp_path: Path) -> None:
    text = json.dumps(explored(text_rows(), tmp_path))
    assert "secret" not in text
    assert "2001" not in text
    numbers = text_rows()[["signal", "noise"]].to_numpy().ravel()
    assert not any(number in text for number in numbers)


def test_columns_are_described_by_role(tmp_path: Path) -> None:
    rows = text_rows()
    rows.loc[:9, "noise"] = ""
    rows.loc[10, "noise"] = "1000"
    rows.loc[:2, "level"] = "rare"
    columns = explored(rows, tmp_path)["columns"]
    assert columns["noise"]["missing"] == 10
    assert columns["noise"]["iqr_outliers"] >= 1
    assert columns["signal"]["mean"] == pytest.approx(rows["signal"].astype(float).mean())
    assert columns["level"]["distinct"] == 8
    assert columns["level"]["levels_below_10_rows"] == 1
    assert columns["note"]["words_mean"] == 4
    assert columns["note"]["vocabulary"] == 403
    assert columns["day"]["span_days"] == 399


def test_target_counts_and_imbalance(tmp_path: Path) -> None:
    rows = number_rows(100).astype(str).assign(label=["a"] * 80 + ["b"] * 15 + ["c"] * 5)
    target = explored(rows, tmp_path, x="number")["target"]
    assert target["most_frequent_counts"] == [80, 15, 5]
    assert target["imbalance_ratio"] == 16
    assert target["labels_below_10_rows"] == 1


def test_label_sets_count_labels_per_row(tmp_path: Path) -> None:
    rows = number_rows(4).astype(str).assign(label=["1 2 3", "1", "", "1 2"])
    target = explored(rows, tmp_path, task="multilabel", x="number")["target"]
    assert target["most_frequent_counts"] == [3, 2, 1]
    assert target["labels_per_row_mean"] == 1.5
    assert target["rows_without_label"] == 1


@pytest.mark.parametrize("cells", [["", "", "", ""], ["1", "1", "1", "1"], ["inf", "nan", "x", "2"]])
def test_degenerate_columns_are_described_too(tmp_path: Path, cells: list[str]) -> None:
    rows = pd.DataFrame({"x": cells, "label": ["a", "b", "a", "b"]})
    for role in ("number", "category", "text", "time", "group", "embedding"):
        assert explored(rows, tmp_path, x=role)["columns"]["x"]["role"] == role


def test_pictures_are_measured(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    images: Any = prepare_folder(spec, tmp_path / "data").eda["images"]
    assert images["height_mean"] == 16
    assert images["width_mean"] == 24
    assert images["aspect_mean"] == 1.5
    assert images["channels"] == {"3": images["looked_at"]}
    assert images["pixel_mean"] == pytest.approx((30 + 150 / 3) / 255, abs=0.02)


def test_preparation_explores_training_rows_only(tmp_path: Path) -> None:
    write_tables(tmp_path / "data", number_rows(2_000), number_rows(50, 2_000).drop(columns="label"))
    prepared = prepare_folder(write_spec(tmp_path / "data"), tmp_path / "data")
    assert prepared.eda["rows"] == prepared.rows.train == 1_575


def test_no_more_than_a_sample_of_the_pictures_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    rows = pd.DataFrame({"file_path": ["a.png"] * 2_000, "label": ["a", "b"] * 1_000})
    decoded: list[Path] = []

    def counted(path: Path, side: int) -> Any:
        decoded.append(path)
        return decode_reduced(path, side)

    monkeypatch.setattr(image_eda, "decode_reduced", counted)
    images: Any = summarize_training_rows(rows, spec_of(tmp_path), tmp_path)["images"]
    assert images["looked_at"] == len(decoded) == 500


MEASURED = """
import resource, sys
from pathlib import Path
from agent.competition.preparation.image_eda import summarize_images
folder = Path(sys.argv[1])
summarize_images(["small.png"], folder)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = summarize_images(["large.png", "large.jpg"] * 4, folder)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found["looked_at"], found["height_mean"], (peak - before) // 1024)
"""


@pytest.mark.slow
def test_one_picture_at_a_time_is_in_memory(tmp_path: Path) -> None:
    large = np.zeros((3_000, 4_000, 3), np.uint8)
    for name, picture in {"small.png": large[:8, :8], "large.png": large, "large.jpg": large}.items():
        cv2.imwrite(str(tmp_path / name), picture)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    looked_at, height, megabytes = done.stdout.split()
    assert (looked_at, height) == ("8", "3000.0")
    assert int(megabytes) < 36 * 4  # a picture has 36 MB
