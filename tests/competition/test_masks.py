"""Masks as runs of pixels: read, scored, prepared and written again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.competition.cell_parsing import parse_masks
from agent.competition.evaluation import check_metric, evaluate
from agent.competition.hold_out import load_hold_out
from agent.competition.metrics import get_metric, standard_error
from agent.competition.submission import SubmissionFormat, read_predictions, write_submission
from agent.competition.untrusted_csv import SubmissionError, TextColumn
from tests.competition.prepared_competitions import make_spec
from tests.competition.raw_folders import prepare_folder, write_spec

PIXELS = 24


def column(*cells: str) -> TextColumn:
    return TextColumn("s.csv", "mask", pa.array(cells, pa.string()))


def runs(pixels: np.ndarray) -> str:
    """A mask (P,) as Kaggle writes it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pixels.astype(int), [0]])))
    return " ".join(f"{start + 1} {end - start}" for start, end in edges.reshape(-1, 2))


pixel_rows = st.lists(st.booleans(), min_size=PIXELS, max_size=PIXELS)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(pixel_rows, pixel_rows), min_size=1, max_size=6))
def test_dice_and_iou_agree_with_the_pixels(rows: list[tuple[list[bool], list[bool]]]) -> None:
    truth, guess = (np.array(part) for part in zip(*rows, strict=True))
    found = [parse_masks(column(*map(runs, part))) for part in (truth, guess)]
    common, either = (truth & guess).sum(axis=1), (truth | guess).sum(axis=1)
    empty = either == 0
    iou = np.where(empty, 1, common / np.maximum(either, 1))
    dice = np.where(empty, 1, 2 * common / np.maximum(common + either, 1))
    assert get_metric("iou").score(*found) == pytest.approx(iou.mean(), abs=1e-12)
    assert get_metric("dice").score(*found) == pytest.approx(dice.mean(), abs=1e-12)


def test_large_pictures_cost_only_their_runs() -> None:
    truth, guess = (parse_masks(column(f"{start} 1000000000", "")) for start in (1, 500_000_001))
    assert get_metric("iou").score(truth, guess) == pytest.approx((1 / 3 + 1) / 2)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("1 2 3", "start without a length"),
        ("0 2", "outside the image"),
        ("3 0", "outside the image"),
        ("2147483647 5", "outside the image"),
        ("5 3 7 2", "out of order"),
        ("5 3 1 2", "out of order"),
        ("1 two", "not a run-length mask"),
        ("-1 2", "not a run-length mask"),
        ("99999999999999999999 1", "not a run-length mask"),
    ],
)
def test_a_cell_that_is_no_mask_is_named(cell: str, problem: str) -> None:
    with pytest.raises(SubmissionError, match=rf"s\.csv: row 2, column 'mask': .*{problem}"):
        parse_masks(column("1 1", cell, "4 4"))


def test_writing_gives_back_what_was_read(tmp_path: Path) -> None:
    form = SubmissionFormat.build(make_spec("segmentation", "dice"), None, ("id", "mask"))
    read = parse_masks(column("1 2 9 1", "", "4 4"))
    write_submission(tmp_path / "s.csv", form, ["a", "b", "c"], read)
    assert (tmp_path / "s.csv").read_text().splitlines()[1] == "a,1 2 9 1"
    again = read_predictions(tmp_path / "s.csv", form, ["a", "b", "c"])
    assert (again != read).nnz == 0


def test_a_competition_of_masks_is_prepared_and_graded(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"id": [f"row{i}" for i in range(100)], "x": random.normal(size=100)})
    table["mask"] = [runs(random.random(PIXELS) < share) for share in random.choice([0, 0.3, 0.6], 100)]
    folder = tmp_path / "cells"
    folder.mkdir()
    table[:80].to_csv(folder / "train.csv", index=False)
    table[80:].drop(columns="mask").to_csv(folder / "test.csv", index=False)
    table[80:][["id"]].assign(mask="1 1").to_csv(folder / "sample_submission.csv", index=False)
    spec = write_spec(folder, task="segmentation", metric="dice", targets="mask")
    prepared = prepare_folder(spec, folder)
    metric = get_metric("dice")
    check_metric(prepared, metric)
    assert prepared.eda["target"]["rows_without_mask"] > 10  # type: ignore[index]
    node = tmp_path / "node"
    for part, file in (("val", "working/val_submission.csv"), ("test", "submission/submission.csv")):
        rows = pd.read_csv(prepared.metadata / f"{part}.csv", dtype=str)
        (node / file).parent.mkdir(parents=True)
        rows[["id"]].assign(mask="3 10").to_csv(node / file, index=False)
    truth, guess = load_hold_out(prepared, "val", node / "working" / "val_submission.csv")
    score = metric.score(truth, guess)
    found = evaluate(prepared, node, score)
    assert found.valid
    assert 0 < score < 1
    assert found.validation_error == pytest.approx(
        max(standard_error(metric, truth, guess), 1 / prepared.rows.val)
    )
