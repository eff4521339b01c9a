"""`mars init` on any folder: a draft that can be prepared, or one sentence and nothing left behind."""

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.core.errors import MarsError
from agent.drafting.draft_check import try_draft
from agent.drafting.rules.draft import draft_spec
from agent.drafting.rules.write_draft import write_draft

NAMES = st.one_of(
    st.sampled_from(["id", "Id", "y", "target", "a", "b", "date", "label", "fold", "Unnamed: 0", "", " a "]),
    st.text(max_size=6),
)
CELLS = st.one_of(
    st.sampled_from(
        ["", "NA", "0", "1", "2.5", "1,5", "yes", "no", "2020-01-02", "a b", "a|b", "x.png", "--1"]
    ),
    st.integers(-5, 50).map(str),
    st.text(max_size=5),
)
FILES = st.sampled_from(
    ["train.csv", "test.csv", "sample_submission.csv", "y_train.csv", "labels.csv", "data.csv", "train.txt"]
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Return a header, possibly with repeated names, and rows whose columns have a kind or hold anything."""
    header = draw(st.lists(NAMES, min_size=0, max_size=5))
    rows = draw(st.sampled_from([0, 1, 2, 12, 40]))
    columns = []
    for _ in header:
        kind = draw(st.sampled_from(["count", "few", "any", "blank"]))
        few = draw(st.lists(CELLS, min_size=1, max_size=3))
        columns.append(
            {
                "count": [str(row + 1) for row in range(rows)],
                "few": [few[row % len(few)] for row in range(rows)],
                "any": [draw(CELLS) for _ in range(min(rows, 12))] * 4,
                "blank": [""] * rows,
            }[kind][:rows]
        )
    return [header, *([column[row % max(len(column), 1)] for column in columns] for row in range(rows))]


def _init(folder: Path) -> None:
    """Draft, try and write, as the command does; raise MarsError if the folder cannot be drafted."""
    draft = draft_spec(folder)
    write_draft(draft, folder, lambda spec: try_draft(spec, folder).warnings)


def _sentence(folder: Path) -> str:
    """Return the sentence that ends the command; empty if a draft is written."""
    try:
        _init(folder)
    except MarsError as error:
        return str(error)
    return ""


def _faults(files: dict[str, list[list[str]]], separator: str = ",") -> list[str]:
    """Return what is wrong with the sentence of `mars init`, or with the files that are left."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, rows in files.items():
            with (folder / name).open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream, delimiter=separator).writerows(rows)
        sentence = _sentence(folder)
        written = {path.name for path in folder.iterdir()} - set(files)
    right = {
        "the sentence is one line": "\n" not in sentence,
        "only a draft leaves files": written == set() if sentence else "competition.yaml" in written,
    }
    return [what for what, holds in right.items() if not holds]


KINDS: dict[str, Callable[[int], str]] = {
    "whole": lambda row: str(row * 7 % 11),
    "price": lambda row: f"{row * 1.37:.2f}",
    "comma": lambda row: f"{row * 1.37:.2f}".replace(".", ","),
    "gaps": lambda row: "NA" if row % 5 == 0 else str(row * 3 % 17),
    "day": lambda row: f"2021-{row % 12 + 1:02d}-{row % 28 + 1:02d}",
    "clock": lambda row: f"{row % 24:02d}:{row % 60:02d}",
    "colour": lambda row: ("red", "green", "blue")[row % 3],
    "grade": lambda row: ("low", "medium", "high")[row * 5 % 3],
    "flag": lambda row: ("yes", "no")[row * row % 7 % 2],
    "sets": lambda row: "|".join(["fog", "sun", "rain"][: row % 3 + 1]),
    "words": lambda row: f"some words of row {row} and {row * 3} more",
    "signal": lambda row: " ".join(str((row + step) % 9) for step in range(9)),
    "one": lambda row: "1",
    "unique": lambda row: f"k{row}",
    "number": lambda row: str(row + 1),
}


@given(
    st.dictionaries(NAMES, st.sampled_from(sorted(KINDS)), min_size=2, max_size=6),
    st.sampled_from(["none", "ids", "target", "fraction", "row"]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.integers(30, 60),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_orderly_tables_give_a_draft_or_one_sentence(
    columns: dict[str, str], sample: str, separator: str, rows: int
) -> None:
    names = list(columns)
    table = [names, *([KINDS[kind](row) for kind in columns.values()] for row in range(rows))]
    cut = 2 * rows // 3
    files = {"train.csv": table[: cut + 1], "test.csv": [names[:-1], *(row[:-1] for row in table[cut + 1 :])]}
    last = {"target": table[1][-1], "fraction": "0.5", "row": "0"}.get(sample)
    if sample == "ids":
        files["sample_submission.csv"] = [names[:1], *(row[:1] for row in table[cut + 1 :])]
    elif last is not None:
        ids = ["row"] if sample == "row" else names[:1]
        cells = ([str(number)] if sample == "row" else row[:1] for number, row in enumerate(table[cut + 1 :]))
        files["sample_submission.csv"] = [[*ids, names[-1]], *([*cell, last] for cell in cells)]
    assert _faults(files, separator) == []


@given(st.dictionaries(FILES, tables(), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_tables_give_a_draft_or_one_sentence(files: dict[str, list[list[str]]]) -> None:
    assert _faults(files) == []


@given(tables(), st.integers(1, 4))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_table_cut_in_two_gives_a_draft_or_one_sentence(table: list[list[str]], left_out: int) -> None:
    header, *rows = table
    keep = max(len(header) - left_out, 0)
    cut = 2 * len(rows) // 3
    test = [header[:keep], *(row[:keep] for row in rows[cut:])]
    assert _faults({"train.csv": [header, *rows[:cut]], "test.csv": test}) == []


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a,b\n", b"\xff\xfe", b"\0\0\0", b"a,a\n1,2\n", b"id\n1\n2\n"]
)
def test_files_without_a_table_give_one_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MarsError):
        _init(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.csv", "train.csv"]
