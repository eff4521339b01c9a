"""Facts about tables for prompts, and tables that are left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.drafting.llm.table_facts import (
    MAX_COLUMNS,
    MAX_TABLES,
    collect_facts,
    find_headerless_table,
    read_tables,
)
from tests.drafting.llm.described_folders import CANARY, write_folder


def facts_by_column(table: pd.DataFrame, **others: pd.DataFrame) -> dict[str, str]:
    """Return the facts about the columns of a table, after other tables, as `kind; distinct; notes`."""
    (*_, facts) = collect_facts({**others, "this": table.astype(str)}, sample=None)
    return {one.name: "; ".join([one.kind, str(one.distinct), *one.notes]) for one in facts.columns}


def test_column_facts_are_kind_and_counts() -> None:
    table = pd.DataFrame(
        {
            "whole": [1, 2, 2, 4],
            "decimal": [0.5, 0.25, 1, 7],
            "day": ["2020-01-01", "2020-02-01", "2020-03-01", "2021-01-01"],
            "set": ["a b", "b", "c a", "b"],
            "words": ["a long text of many words", "another text of many words", "x y z u v", "o p q r s"],
            "file": ["a.png", "b.png", "c.png", "d.png"],
            "none": ["", "", "", ""],
        }
    )
    earlier = pd.DataFrame(
        {"whole": ["2", "9"], "day": ["2020-02-01", "2019-12-31"], "decimal": ["0.5", "1"]}
    )
    found = facts_by_column(table, earlier=earlier)
    assert found["whole"] == "whole numbers; 3; 50% of the cells have a value that earlier has too"
    assert found["decimal"] == "decimal numbers; 4; all values differ"
    assert found["day"].startswith("dates; 4; all values differ; 25% of the cells")
    assert found["day"].endswith("50% of the rows are later than all rows of earlier")
    assert found["set"] == "short texts; 3; 50% of the cells hold several words; 3 different words in total"
    assert found["words"] == "texts of about 5 words; 4; all values differ"
    assert found["file"].startswith("names of image files")
    assert found["none"] == "no values; 0"


def test_the_sample_submission_is_marked_where_it_holds_probabilities() -> None:
    sample = pd.DataFrame({"id": ["1", "2"], "yes": ["0.5", "0.5"], "label": ["0", "1"]})
    (facts,) = collect_facts({"sample.csv": sample}, sample="sample.csv")
    assert [("between 0 and 1" in one.notes) for one in facts.columns] == [False, True, False]


def test_a_file_that_a_cell_names_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "grades")
    for name in (CANARY, "weather"):
        (folder / f"{name}.csv").write_text("day,rain\n2020-01-01,1\n")
    (folder / "damaged.csv").write_text("a,b\n1,2,3\n")
    assert set(read_tables(folder)) == {"labelled.csv", "later.csv", "weather.csv", "sample_submission.csv"}


def test_many_tables_and_columns_are_cut(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "grades")
    for number in range(20):
        (folder / f"more{number}.csv").write_text("a,b\n1,2\n")
    tables = read_tables(folder)
    assert len(tables) == MAX_TABLES
    assert next(iter(tables)) == "labelled.csv", "the longest of those whose names say nothing"
    wide = pd.DataFrame(np.ones((3, MAX_COLUMNS + 7), dtype=int)).astype(str).add_prefix("x")
    (facts,) = collect_facts({"wide": wide}, None)
    assert (len(facts.columns), facts.left_out) == (MAX_COLUMNS, 7)


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        ("id,size,kind", True),
        ("0,1,2", True),
        ("1,2,label", True),
        ("id,x1,2020", True),
        ("17,4.5,blue", False),
        ("17,4,blue", False),
        ("id,2020-01-01,2020-01-02", False),
        ("a,b,green", False),
    ],
)
def test_a_first_row_of_values_is_not_a_header(header: str, is_one: bool) -> None:
    columns = header.split(",")
    table = pd.DataFrame([["3", "5", "green"], ["8", "6", "red"]], columns=columns)
    assert (find_headerless_table({"table.csv": table}) is None) == is_one


def test_a_usual_table_without_a_shared_column_is_headerless() -> None:
    train = pd.DataFrame({"id": ["1", "2"], "x": ["5", "6"]})
    test = pd.DataFrame({"seven": ["8", "9"], "blue": ["green", "red"]})
    assert find_headerless_table({"train.csv": train, "test.csv": test}) == "train.csv"
    assert find_headerless_table({"train.csv": train, "test.csv": test.assign(id=["7", "8"])}) is None
    assert find_headerless_table({"train.csv": train, "test.csv": train, "cities.csv": test}) is None
