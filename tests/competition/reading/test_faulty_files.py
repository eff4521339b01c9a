"""What cannot be read as a table is one sentence with the file, the row and what to do."""

import gzip
import io
import pickle
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.reading.compression import unpack
from agent.competition.reading.user_table import read_user_table
from agent.competition.spec import CsvForm
from agent.core.errors import SetupError
from tests.competition.reading.written_tables import content, place

ROWS = "id,x,colour\na,1,red\nb,2,green\nc,3,blue\nd,4,red\n"


def refusal(folder: Path, data: bytes, name: str = "train.csv") -> str:
    """The sentence about a file, without the path; it must start with that."""
    with pytest.raises(SetupError) as caught:
        place(folder, name, data)
    sentence = str(caught.value)
    assert sentence.startswith(f"{folder / name}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{folder / name}: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ROWS + "e,5", "the last row (5) is shorter than the header: 2 cells instead of 3"),
        (ROWS + "e\n", "the last row (5) is shorter than the header: 1 cell instead of 3"),
        (ROWS.replace("b,2,green", "b,2"), "row 2 has 2 cells, but the header has 3; complete the row"),
        (
            ROWS.replace("b,2", "b,2,5"),
            "row 2 has 4 cells, but the header has 3; put cells that hold a comma",
        ),
        (ROWS.replace("green", "green,x"), "row 2 has 4 cells"),
        (ROWS.replace("b,2", 'b,"2'), "row 2: a quotation mark is not closed before the end of the file"),
        (ROWS + 'e,5,"re', "row 5: a quotation mark is not closed before the end of the file"),
        ("My title\n" + ROWS, "the header has 1 cell, but row 1 has 3; delete lines above the header"),
        ("id,x\n" + ROWS.split("\n", 1)[1], "row 1 has 3 cells, but the header has 2"),
        ("", "the file is empty"),
        ("\ufeff\n\n  \n", "the file is empty"),
        ("id,x,colour\n", "the table holds no rows"),
        ("id,x,colour", "the table holds no rows"),
        (ROWS.replace("red", "r\0d"), "the file holds zero bytes (first in line 2)"),
        ("<!DOCTYPE html>\n<html><body>Log in</body></html>", "the file is a web page, not a table"),
        ("<?xml version='1.0'?><a/>", "the file is an XML document"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
            "the file is a Git LFS pointer, not a table; the table itself is not there; run `git lfs pull`",
        ),
    ],
)
def test_a_text_that_is_no_table_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    assert refusal(tmp_path, text.encode()).startswith(sentence)


def pickled(content: object) -> bytes:
    return pickle.dumps(content)


def database(folder: Path) -> bytes:
    folder.mkdir(exist_ok=True)
    with sqlite3.connect(folder / "made.db") as connection:
        connection.execute("create table t (id text)")
    connection.close()
    return (folder / "made.db").read_bytes()


def array() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.zeros(3))
    return sink.getvalue()


def test_binary_files_are_called_by_their_kind(tmp_path: Path) -> None:
    assert refusal(tmp_path, pickled([1])).startswith(
        "the file is a pickle file, not a table; save the table as"
    )
    assert refusal(tmp_path, database(tmp_path)).startswith("the file is an SQLite database")
    assert refusal(tmp_path, array()).startswith("the file is a NumPy array")
    assert refusal(tmp_path, b"\x89PNG\r\n\x1a\n" + b"\0" * 40).startswith("the file is a PNG picture")
    assert refusal(tmp_path, b"\x89HDF\r\n\x1a\n" + b"\0" * 40).startswith("the file is an HDF5 file")
    assert refusal(tmp_path, np.random.default_rng(0).bytes(5000)).startswith("the file is binary data")


def archive(**files: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name, data in files.items():
            file.writestr(name.replace("__", "."), data)
    return sink.getvalue()


def test_archives_of_several_tables_are_refused_with_their_names(tmp_path: Path) -> None:
    several = archive(a__csv=ROWS.encode(), b__csv=ROWS.encode())
    assert refusal(tmp_path, several, "data.zip").startswith(
        "the archive holds 2 files (a.csv, b.csv); unpack it"
    )
    own = archive(train__csv=ROWS.encode(), test__csv=b"id\n1\n")
    assert list(place(tmp_path, "train.zip", own).cells["colour"]) == ["red", "green", "blue", "red"]
    described = archive(a__csv=ROWS.encode(), readme__md=b"words")
    assert len(place(tmp_path, "data.csv.zip", described).cells) == 4


def test_a_damaged_or_huge_compressed_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(ROWS.encode() * 50)
    assert refusal(tmp_path, packed[:-20], "train.csv.gz").startswith(
        "the compressed file is damaged or cut off"
    )
    assert refusal(tmp_path, archive(a__csv=b"x" * 99)[:60], "a.zip").startswith(
        "the compressed file is damaged"
    )
    monkeypatch.setattr(f"{unpack.__module__}.MAX_UNPACKED", 1000)
    assert "the unpacked file takes more than" in refusal(tmp_path, packed, "train.csv.gz")


def test_damaged_typed_files_are_refused(tmp_path: Path) -> None:
    sheet, columns = io.BytesIO(), io.BytesIO()
    table = pd.DataFrame({"id": range(50)})
    table.to_excel(sheet, index=False)
    table.to_parquet(columns)
    assert "looks like Excel or OpenDocument but is damaged" in refusal(
        tmp_path, archive(**{"xl/workbook__xml": b"<a/>"}), "train.xlsx"
    )
    half = refusal(tmp_path, columns.getvalue()[:-30], "train.parquet")
    assert half.startswith("the file looks like a Parquet file but is damaged or cut off")
    secret = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refusal(tmp_path, secret, "train.xlsx").startswith("the file has a password; save it without one")


def test_pictures_in_a_column_are_refused(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pd.DataFrame({"id": [1], "image": [b"\xff\xd8\xff\x00"]}).to_parquet(sink)
    assert refusal(tmp_path, sink.getvalue(), "t.parquet").startswith(
        "column 'image' holds bytes, such as pictures"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"id": 1}\n{"id": 2\n', "line 2 is not a JSON record"),
        ('{"id": 1}\n[2]\n', "line 2 is not a JSON record with names and values"),
        ('[{"id": 1}, {"id": 2]', "the file is not valid JSON in line 1"),
        ("[1, 2]", "the JSON file holds no list of records"),
        ('{"a": {"b": [1]}, "c": 2}', "the JSON file holds no list of records"),
    ],
)
def test_json_that_is_no_table_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    assert refusal(tmp_path, text.encode(), "train.json").startswith(sentence)


def test_paths_that_are_no_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").mkdir()
    with pytest.raises(SetupError, match=r"train\.csv: the path is a folder; name a table file\."):
        read_user_table(tmp_path, "train.csv")
    with pytest.raises(SetupError, match=r"test\.csv: the file is missing\."):
        read_user_table(tmp_path, "test.csv")
    with pytest.raises(SetupError, match="leaves the folder"):
        read_user_table(tmp_path, "../test.csv")


def test_a_given_form_that_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("id,name\n1,é\n".encode("cp1252"))
    with pytest.raises(
        SetupError, match=r"t\.csv: the file is not text in utf-8; correct or remove `csv: enc"
    ):
        read_user_table(tmp_path, "t.csv", CsvForm(encoding="utf-8"))
    with pytest.raises(SetupError, match="`csv: encoding` names no known encoding: utf-9"):
        read_user_table(tmp_path, "t.csv", CsvForm(encoding="utf-9"))
    given = read_user_table(tmp_path, "t.csv", CsvForm(separator=",", encoding="latin-1"))
    assert content(given.cells) == {"id": ["1"], "name": ["é"]}
    assert given.form.encoding == "latin-1"


HEADERLESS = [
    "1,0.5,-0.2,red,1\n2,0.1,0.7,blue,0\n3,0.3,0.4,red,1\n",
    "5.1,3.5,1.4,Iris-a\n4.9,3.0,1.4,Iris-a\n7.0,3.2,4.7,Iris-b\n",
    "2024-01-01,7\n2024-01-02,9\n2024-01-03,4\n",
    "0,3,3,7\n1,5,2,2\n",
]
WITH_HEADER = [
    "0,1,2,label\n5,6,7,a\n8,9,1,b\n",
    "id,0.5,1.0,1.5\na,1,2,3\n",
    "1990,1991,1992\n5,6,7\n",
    "a,b\na,1\nb,2\n",
    "2024-01-01,2024-01-02,id\n4,5,x\n",
]


@pytest.mark.parametrize("text", HEADERLESS)
def test_a_table_without_a_header_is_refused(tmp_path: Path, text: str) -> None:
    first = ", ".join(text.split("\n")[0].split(",")[:2])
    assert refusal(tmp_path, text.encode()).startswith(f"the first row looks like data ({first}")


@pytest.mark.parametrize("text", WITH_HEADER)
def test_numbers_and_years_may_be_names_of_columns(tmp_path: Path, text: str) -> None:
    header = tuple(place(tmp_path, "train.csv", text.encode()).cells.columns)
    assert header == tuple(text.split("\n")[0].split(","))
