"""Signs of leaks and mistakes become questions; honest tables get none of these."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.drafting.rules.draft import draft_spec
from tests.drafting.rules.folders import table, write_tables


def questions(folder: Path, frame: pd.DataFrame, target: str = "price") -> str:
    return " ".join(draft_spec(write_tables(folder, frame, target)).questions)


def test_an_honest_table_raises_no_question_but_that_on_its_metric(tmp_path: Path) -> None:
    assert questions(tmp_path / "a", table(120)) == "Is rmse the metric? The tables do not say."


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_a_copy_of_a_number_is_asked_about(tmp_path: Path, factor: float) -> None:
    frame = table(120).assign(copy=lambda made: (made["price"] * factor).round(4))
    assert "Column 'copy'" in questions(tmp_path / "a", frame)


def test_a_copy_of_the_classes_in_other_words_is_asked_about(tmp_path: Path) -> None:
    frame = (
        table(120).assign(sold=lambda made: np.where(made["price"] > 5, "yes", "no")).drop(columns="price")
    )
    frame["state"] = frame["sold"].map({"yes": "gone", "no": "here"})
    assert "Column 'state' tells the target 'sold'" in questions(tmp_path / "a", frame, "sold")


def test_repeated_rows_are_counted(tmp_path: Path) -> None:
    frame = table(120)
    frame.loc[10:19, ["size", "colour", "price"]] = frame.loc[0:9, ["size", "colour", "price"]].to_numpy()
    frame.loc[100:104, ["size", "colour"]] = frame.loc[20:24, ["size", "colour"]].to_numpy()
    said = questions(tmp_path / "a", frame)
    assert "10 rows of train.csv repeat an earlier row" in said
    assert "5 of 40 rows to predict have the inputs of a labelled row" in said


def test_a_target_in_order_of_the_ids_is_asked_about(tmp_path: Path) -> None:
    frame = table(120)
    frame["price"] = np.sort(frame["price"])
    assert "The target 'price' follows the order of the rows" in questions(tmp_path / "a", frame)
