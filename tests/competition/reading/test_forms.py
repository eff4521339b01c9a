"""The form of a text table is decided over the whole file: separator, marks of numbers, encoding, header."""

import csv
import io
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.errors import SetupError
from tests.competition.reading.written_tables import content, place

COLUMN = ["1.234,5", "0,5", "12.345.678,25", "7"]


@pytest.mark.parametrize(
    ("cells", "separator", "decimal", "thousands"),
    [
        (["1.234,5", "0,5", "7"], ";", ",", "."),
        (["1,234.5", "0.5", "7"], ",", ".", ","),
        (["1'234.5", "0.5", "7"], ",", ".", "'"),
        (["1\u2019234,5", "0,5", "7"], ";", ",", "\u2019"),
        (["1 234,5", "12 345 678,25", "7,0"], ";", ",", " "),
        (["1\xa0234,5", "0,5", "7"], ";", ",", "\xa0"),
        (["0,5", "1,25", "7"], ";", ",", None),
        (["0.5", "1.25", "7"], ";", ".", None),
        (["1,234,567", "12", "999"], ",", ".", ","),
        (["1.234.567", "12", "999"], ";", ",", "."),
        (["$1,234.50", "-$3.25", "($7.00)"], ",", ".", ","),
        (["12,5 %", "7,25 %", "1 %"], ";", ",", None),
        (["1,5 \u20ac", "1.234,00 \u20ac", ""], ";", ",", "."),
        (["1", "2", "3"], ",", ".", None),
        (["NA", "?", "0,5"], ";", ",", None),
        (["1.2.3", "10.0.0", "2.0.1"], ",", ".", None),
        (["31.12.2024", "01.02.2023", "03.04.2022"], ";", ".", None),
        (["123 456 7", "1 2 3", "55 6"], ",", ".", None),
    ],
)
def test_marks_of_numbers_follow_the_cells(
    tmp_path: Path, cells: list[str], separator: str, decimal: str, thousands: str | None
) -> None:
    table = pd.DataFrame({"id": range(len(cells)), "x": cells})
    found = place(tmp_path, "train.csv", table.to_csv(index=False, sep=separator).encode())
    assert content(found.cells)["x"] == cells
    assert (found.form.separator, found.form.decimal, found.form.thousands) == (separator, decimal, thousands)


def test_an_unclear_column_follows_the_others(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b"], "unclear": ["1,234", "5,678"], "clear": ["0,5", "1,25"]})
    found = place(tmp_path, "train.csv", table.to_csv(index=False).encode())
    assert (found.form.decimal, found.form.thousands) == (",", None)
    table["clear"] = ["0.5", "1.25"]
    found = place(tmp_path, "train.csv", table.to_csv(index=False).encode())
    assert (found.form.decimal, found.form.thousands) == (".", ",")
    assert not found.questions


def test_an_unclear_table_is_told(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b"], "price": ["1,234", "5,678"]})
    found = place(tmp_path, "train.csv", table.to_csv(index=False).encode())
    assert (found.form.decimal, found.form.thousands) == (".", ",")
    assert found.questions == (
        "train.csv: 1,234 in 'price' is read as 1234. If it means 1.234, set csv: {decimal: ','}.",
    )
    found = place(tmp_path, "train.csv", table.to_csv(index=False, sep=";").encode())
    assert (found.form.decimal, found.form.thousands) == (",", None)
    assert found.questions == (
        "train.csv: 1,234 in 'price' is read as 1.234. If it means 1234, set csv: {decimal: '.'}.",
    )


def test_columns_with_different_marks_are_told(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b"], "x": ["0,5", "1,25"], "y": ["0,1", "2,25"], "z": ["0.1", "2.25"]})
    found = place(tmp_path, "train.csv", table.to_csv(index=False).encode())
    assert found.form.decimal == ","
    assert found.notes[-1] == "train.csv: most columns have the decimal mark ',', but 'z' has '.'."


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e7, 1e7, allow_nan=False), min_size=3, max_size=30),
    st.sampled_from([(",", ";", "."), (",", ";", None), (",", "\t", " "), (".", ",", ","), (".", ",", "'")]),
)
def test_numbers_of_any_country_have_their_marks_found(
    numbers: list[float], marks: tuple[str, str, str | None]
) -> None:
    decimal, separator, thousands = marks
    texts = [f"{number:,.2f}" for number in [*numbers, 1234.5]]
    spelled = [text.translate({44: thousands, 46: decimal}) for text in texts]
    table = pd.DataFrame({"id": [f"r{number}" for number in range(len(spelled))], "x": spelled})
    with tempfile.TemporaryDirectory() as folder:
        found = place(Path(folder), "train.csv", table.to_csv(index=False, sep=separator).encode())
    assert content(found.cells)["x"] == spelled
    assert (found.form.decimal, found.form.thousands) == (decimal, thousands)


def test_excel_files_in_text_form(tmp_path: Path) -> None:
    table = {"id": ["1", "2"], "Größe": ["0,5", "1,25"], "Ort": ["Köln", "A;B"]}
    text = 'id;Größe;Ort\r\n1;0,5;Köln\r\n2;1,25;"A;B"\r\n'
    for data in (
        text.encode("cp1252"),
        ("sep=;\r\n" + text).encode("utf-8-sig"),
        text.replace('"A;B"', "A;B").replace(";", "\t").replace("A\tB", "A;B").encode("utf-16"),
        (text + ";;\r\n;;\r\n").encode(),
        text.replace("\r\n", ";\r\n").encode(),
    ):
        found = place(tmp_path, "train.csv", data)
        assert content(found.cells) == table
        assert found.form.decimal == ","
    assert found.notes == ("train.csv: text in utf-8, cells separated by semicolon, decimal mark ','.",)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,name\n1,café\n2,naïve €\n", "cp1252"),
        ("id,name\n1,café\n", "utf-16-le"),
        ("id,name\n1,café\n", "utf-16-be"),
        ("id,город\n" + "".join(f"{n},Москва и область\n" for n in range(40)), "cp1251"),
        ("id,name\n" + "".join(f"{n},東京都千代田区\n" for n in range(40)), "shift_jis"),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, text: str, encoding: str) -> None:
    found = place(tmp_path, "train.csv", text.encode(encoding))
    rows = list(csv.reader(io.StringIO(text)))
    assert [list(found.cells.columns), *found.cells.to_numpy().tolist()] == rows


def test_a_few_wrong_bytes_do_not_change_the_encoding(tmp_path: Path) -> None:
    good = "".join(f"{n},Straße in Köln\n" for n in range(30)).encode()
    found = place(tmp_path, "train.csv", b"id,name\n" + good + b"99,caf\xe9\n")
    assert list(found.cells["name"]) == ["Straße in Köln"] * 30 + ["café"]
    assert found.notes == (
        "train.csv: 1 bytes are not UTF-8, the first in line 32; they are read as Western letters (cp1252).",
    )


def test_headers_are_trimmed_and_made_unique(tmp_path: Path) -> None:
    found = place(tmp_path, "train.csv", b" id , x,x,,\xc2\xa0y\n1,2,3,4,5\n6,7,8,9,0\n")
    assert list(found.cells.columns) == ["id", "x", "x.1", "Unnamed: 3", "y"]
    assert found.notes == ("train.csv: 1 column repeats a name: 'x' (now 'x.1').",)
    assert found.index_columns == ()


def test_names_of_columns_are_on_one_line(tmp_path: Path) -> None:
    found = place(tmp_path, "train.csv", b'id,"size\r\n (m2)","a  b"\n1,2,3\n4,5,6\n')
    assert list(found.cells.columns) == ["id", "size (m2)", "a  b"]


def test_stray_quotation_marks_belong_to_the_cells(tmp_path: Path) -> None:
    rows = 'id\ttext\n1\t"no end\n2\tinch 5"\n3\ta "b" c\n4\t"x" y\n'
    found = place(tmp_path, "train.tsv", rows.encode())
    assert list(found.cells["text"]) == ['"no end', 'inch 5"', 'a "b" c', '"x" y']
    assert "quotation marks belong to the cells" in found.notes[-1]


def test_blanks_before_quotation_marks_and_single_marks(tmp_path: Path) -> None:
    found = place(tmp_path, "a.csv", b'id, text\n1, "a, b"\n2, "c"\n')
    assert content(found.cells) == {"id": ["1", "2"], "text": ["a, b", "c"]}
    found = place(tmp_path, "b.csv", b"'id','text'\n'1','a, b'\n'2','c'\n")
    assert content(found.cells) == {"id": ["1", "2"], "text": ["a, b", "c"]}


def test_several_sheets_and_titles(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with pd.ExcelWriter(sink) as book:
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)
        table = pd.DataFrame({"id": [1, 2], "day": [pd.Timestamp("2024-01-02"), pd.NaT], "x": [0.5, 3.0]})
        table.to_excel(book, sheet_name="data", index=False, startrow=2, startcol=1)
        book.sheets["data"]["B1"] = "Our title"
        table.to_excel(book, sheet_name="more", index=False)
    found = place(tmp_path, "train.xlsx", sink.getvalue())
    assert content(found.cells) == {"id": ["1", "2"], "day": ["2024-01-02", ""], "x": ["0.5", "3"]}
    assert found.notes == (
        "train.xlsx: the first sheet 'data' is read; 'more' is not.",
        "train.xlsx: 2 rows above the header are left out.",
    )


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "x": 0.10, "l": ["a", "b"]}, {"id": 2, "l": null}]',
        '{"id": 1, "x": 0.10, "l": ["a", "b"]}\n{"id": 2}\n',
        '{"columns": ["id", "x", "l"], "data": [[1, 0.10, "a b"], [2, null, ""]]}',
        '{"id": {"0": 1, "1": 2}, "x": {"0": 0.10, "1": null}, "l": {"0": "a b", "1": ""}}',
        '{"id": [1, 2], "x": [0.10, null], "l": ["a b", null]}',
    ],
)
def test_json_keeps_digits_and_joins_lists(tmp_path: Path, text: str) -> None:
    found = place(tmp_path, "train.json", text.encode())
    assert content(found.cells) == {"id": ["1", "2"], "x": ["0.10", ""], "l": ["a b", ""]}


def test_joined_files_titles_and_aligned_columns(tmp_path: Path) -> None:
    found = place(tmp_path, "joined.csv", b"id,a\n1,2\nid,a\n3,4\n")
    assert content(found.cells) == {"id": ["1", "3"], "a": ["2", "4"]}
    assert found.notes == ("joined.csv: 1 rows repeat the header and are left out.",)
    found = place(tmp_path, "aligned.txt", b"id   a   b\n1    2   3\n22   4   5\n")
    assert content(found.cells) == {"id": ["1", "22"], "a": ["2", "4"], "b": ["3", "5"]}
    with pytest.raises(
        SetupError, match="the header has 1 cell, but row 1 has 2; delete lines above the header"
    ):
        place(tmp_path, "title.csv", b"# exported\nid,a\n1,2\n3,4\n")
    assert list(place(tmp_path, "one.csv", b"value\n1,5\n2,5\n").cells["value"]) == ["1,5", "2,5"]
    assert list(place(tmp_path, "dos.csv", b"id,a\r\n1,x\r\n\x1a").cells["a"]) == ["x"]
