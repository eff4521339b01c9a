"""Names of tables in a folder, and links to tables."""

from pathlib import Path

import pytest

from agent.competition.reading.table_names import table_files, table_stem
from agent.competition.reading.user_table import read_user_table
from agent.core.errors import SetupError

ROWS = "id,x\na,1\nb,2\n"


def test_tables_of_every_format_are_found(tmp_path: Path) -> None:
    tables = [
        "a.csv",
        "b.TSV",
        "c.csv.gz",
        "d.parquet",
        "e.xlsx",
        "f.jsonl",
        "train.txt",
        "h.csv.zip",
        "i.feather",
    ]
    for name in [*tables, "competition.yaml", "notes.md", "data.zip", ".hidden.csv", "~$e.xlsx", "x.png"]:
        (tmp_path / name).write_text(ROWS)
    (tmp_path / "columns.txt").write_text("id\tx\n1\t2\n3\t4\n")
    (tmp_path / "readme.txt").write_text("Some words, and more.\nFurther words.\nThe end, at last, of it.\n")
    (tmp_path / "records.json").write_text('[{"id": 1}]')
    (tmp_path / "settings.json").write_text('{"a": {"b": 1}}')
    (tmp_path / "folder.csv").mkdir()
    assert table_files(tmp_path) == sorted([*tables, "columns.txt", "records.json"])


def test_a_path_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(ROWS)
    with pytest.raises(SetupError, match="the path is a file; give the folder that holds the tables"):
        table_files(tmp_path / "train.csv")
    with pytest.raises(SetupError, match="is not a folder"):
        table_files(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("train.csv", "train"), ("Train.CSV.GZ", "Train"), ("a.b.parquet", "a.b"), ("x.png", "x.png")],
)
def test_the_stem_of_a_table(name: str, stem: str) -> None:
    assert table_stem(name) == stem


def test_links_are_followed_within_the_parent(tmp_path: Path) -> None:
    own, outside = tmp_path / "own", tmp_path / "outside"
    for folder in (own / "data", own / "store", own / "data" / "answers", outside):
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text(ROWS)
    link = own / "data" / "train.csv"
    link.symlink_to(own / "store" / "t.csv")
    assert list(read_user_table(own / "data", "train.csv").cells["id"]) == ["a", "b"]
    for target, reason in [
        (
            outside / "t.csv",
            r"the link leads to .*outside/t\.csv, outside of .*/own; MARS follows links only",
        ),
        (own / "data" / "answers" / "t.csv", "the link leads into answers/, which MARS hides"),
        (own / "data" / "nowhere.csv", "the file is missing"),
    ]:
        link.unlink()
        link.symlink_to(target)
        with pytest.raises(SetupError, match=rf"train\.csv: {reason}"):
            read_user_table(own / "data", "train.csv")
