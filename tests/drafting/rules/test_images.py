"""The path pattern of pictures is plain where that finds all of them, and else a lookup by name."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from agent.drafting.rules.images import explain_unmatched_images, guess_images
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
    assert (guessed[0].name, guessed[0].path, guessed[2]) == ("file", path, "file")


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


def test_endings_that_are_not_read_are_told(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.heic", lambda s, i: f"p{i}.heic")
    assert "its 12 files with the ending .heic; convert them to PNG" in (
        explain_unmatched_images(tables, "id") or ""
    )


def test_a_folder_without_pictures_has_no_image_input(tmp_path: Path) -> None:
    tables = found(tmp_path, lambda s, i: f"{s}/p{i}.txt", lambda s, i: f"p{i}")
    assert guess_images(tables, "id") is None
    assert explain_unmatched_images(tables, "id") is None
