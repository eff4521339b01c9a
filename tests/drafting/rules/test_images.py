"""The path pattern of pictures is plain where that finds all of them, and else a lookup by name."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from agent.core.errors import SetupError
from agent.drafting.rules.images import explain_unmatched_images, guess_images
from agent.drafting.rules.inputs import guess_inputs
from agent.drafting.rules.tables import FoundTables

PIXELS = b"\x89PNG"


def found(folder: Path, place: Callable[[str, int], str], cell: Callable[[str, int], str]) -> FoundTables:
    """Eight rows to train and four to predict, with files at `place` and cells in the column `file`."""
    tables = {}
    for split, rows in (("train", range(8)), ("test", range(8, 12))):
        for row in rows:
            file = folder / place(split, row)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(PIXELS)
        names = [cell(split, row) for row in rows]
        tables[split] = pd.DataFrame({"id": [f"{row + 50}" for row in rows], "file": names})
    train, test = tables["train"].assign(label="a"), tables["test"]
    return FoundTables(folder, "train.csv", train, "test.csv", test, None, None, ())


@pytest.mark.parametrize(
    ("place", "cell", "path"),
    [
        (lambda s, i: f"{s}/p{i}.png", lambda s, i: f"p{i}", "{split}/{file}.png"),
        (lambda s, i: f"{s}/p{i}", lambda s, i: f"p{i}", "{split}/{file}"),
        (lambda s, i: f"{s}/p{i}.png", lambda s, i: f"{s}/p{i}.png", "{file}"),
        (lambda s, i: f"all/p{i}.png", lambda s, i: f"p{i}.png", "all/{file}"),
        (lambda s, i: f"{s}/p{i}.{'png' if i % 3 else 'JPG'}", lambda s, i: f"p{i}", "{split}/**/{file}.*"),
        (lambda s, i: f"{s}/a/b/p{i}.png", lambda s, i: f"p{i}", "{split}/a/b/{file}.png"),
        (lambda s, i: f"all/{i % 3}/{i}/p{i}.png", lambda s, i: f"p{i}", "all/**/{file}.*"),
        (lambda s, i: f"all/{i:04}.png", lambda s, i: f"{i}", "all/**/{file}.*"),
        (lambda s, i: f"all/p{i}.png", lambda s, i: f"D:\\old\\p{i}.png", "all/**/{file}"),
        (lambda s, i: f"all/p{i}.png", lambda s, i: f"/x/all/p{i}.jpg", "all/**/{file}"),
        (lambda s, i: f"all/p{i}.png", lambda s, i: f"https://a.org/x/p{i}.png?w=40&h=2", "all/**/{file}"),
        (lambda s, i: f"all/p {i}.png", lambda s, i: f"http://a.org/p%20{i}.png#top", "all/**/{file}"),
        (lambda s, i: f"all/img_{i:04}.png", lambda s, i: f"{i}", "**/img_{file}.*"),
        (lambda s, i: f"all/img{i}x.png", lambda s, i: f"{i}", "**/img{file}x.*"),
        (lambda s, i: f"{s}/{s}_{i % 4}_{i}.png", lambda s, i: f"{s}_{i % 4}_{i}", "{split}/{file}.png"),
        (lambda s, i: f"a{{b}}/{s}/p{i}.png", lambda s, i: f"p{i}", "a{{b}}/{split}/{file}.png"),
    ],
)
def test_the_simplest_pattern_that_finds_all(
    tmp_path: Path, place: Callable[[str, int], str], cell: Callable[[str, int], str], path: str
) -> None:
    guessed = guess_images(found(tmp_path, place, cell), "id")
    assert guessed is not None
    assert (guessed.column.name, guessed.column.path, guessed.key) == ("file", path, "file")
    assert guessed.questions == []


def test_pictures_that_no_cell_names_are_told_with_an_example_of_both(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.png", lambda s, i: f"other-{i}.png")
    assert guess_images(tables, "id") is None
    said = explain_unmatched_images(tables, "id") or ""
    assert "12 pictures (test/p10.png, test/p11.png, test/p8.png, ...), but no column names them" in said
    assert "column 'file' of train.csv has 'other-0.png'" in said


def test_a_cell_with_two_files_is_told(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.png", lambda s, i: f"p{i}.png")
    for file in [*tmp_path.glob("*/*.png")]:
        (tmp_path / "again" / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / "again" / file.name).write_bytes(PIXELS)
    tables = FoundTables(
        tmp_path,
        "t.csv",
        tables.train.assign(file="c/" + tables.train["file"]),
        "test.csv",
        tables.test,
        None,
        None,
        (),
    )
    assert explain_unmatched_images(tables, "id") == (
        "The cell 'c/p0.png' in column 'file' of t.csv may mean again/p0.png or train/p0.png. "
        "Write the path of one of them into the column, or move the others away."
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{split}", "masks/{split}"),
        ("pictures", "a_masks"),
        ("{split}", "{split}_seg"),
        ("{split}", "copy/small/{split}"),
        ("all", "thumbnails"),
    ],
)
def test_masks_of_the_same_names_are_not_read_and_told(tmp_path: Path, first: str, second: str) -> None:
    for folder in (second, first):
        tables = found(
            tmp_path,
            lambda s, i, folder=folder: f"{folder.format(split=s)}/p{i}.png",
            lambda s, i: f"p{i}",
        )
    guessed = guess_images(tables, "id")
    assert guessed is not None
    assert guessed.column.path == f"{first}/{{file}}.png"
    assert guessed.questions == [
        f"Several pictures have the name of a row: {first}/{{file}}.png is read, not "
        f"{second}/{{file}}.png. Is that right?"
    ]


def test_endings_that_are_not_read_are_told(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.heic", lambda s, i: f"p{i}.heic")
    assert "its 12 files with the ending .heic; convert them to PNG" in (
        explain_unmatched_images(tables, "id") or ""
    )


def test_a_folder_without_pictures_has_no_image_input(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.txt", lambda s, i: f"p{i}")
    assert guess_images(tables, "id") is None
    assert explain_unmatched_images(tables, "id") is None


def _questions(tables: FoundTables) -> list[str]:
    return [question for question in guess_inputs(tables, {"label"}, "id")[1] if "left out" in question]


def test_a_second_column_of_pictures_is_told(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"all/p{i}.png", lambda s, i: f"p{i}.png")
    assert tables.test is not None
    for table in (tables.train, tables.test):
        table["back"] = table["file"]
    assert _questions(tables) == [
        "Column 'back' is left out: models read one picture per row, which column 'file' names. "
        "Is that right?"
    ]


def test_addresses_of_pictures_that_are_not_there_are_told(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"all/{i + 50}.png", lambda s, i: f"https://a.org/p{i}.jpg?w=4")
    assert _questions(tables) == [
        "Column 'file' is left out: its cells are web addresses of pictures; to use them, download the "
        "pictures into the folder. Is that right?"
    ]


def test_addresses_of_pages_are_no_category(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"all/{i + 50}.png", lambda s, i: f"https://a.org/item/{i}")
    assert _questions(tables) == [
        "Column 'file' is left out: its cells are web addresses, and most rows differ. Is that right?"
    ]


def test_a_folder_of_addresses_alone_is_refused_without_a_question(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/{i}.txt", lambda s, i: f"https://a.org/p{i}.jpg")
    with pytest.raises(SetupError, match=r"no input is left.* download the pictures into the folder\.$"):
        guess_inputs(tables, {"label"}, "id")
