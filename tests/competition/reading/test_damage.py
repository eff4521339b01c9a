"""Damaged files of any kind end in a table or in one sentence, never in another error."""

import gzip
import io
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.errors import SetupError
from tests.competition.reading.written_tables import place

TABLE = pd.DataFrame({"id": range(12), "x": [0.5] * 12, "text": ['a "b", c', "d\ne", "é"] * 4})


def _files() -> dict[str, bytes]:
    sheet, columns, arrow = io.BytesIO(), io.BytesIO(), io.BytesIO()
    TABLE.to_excel(sheet, index=False)
    TABLE.to_parquet(columns)
    TABLE.to_feather(arrow)
    text = TABLE.to_csv(index=False)
    return {
        "t.csv": text.encode(),
        "t.tsv": text.replace(",", "\t").encode("utf-16"),
        "t.csv.gz": gzip.compress(text.encode()),
        "t.xlsx": sheet.getvalue(),
        "t.parquet": columns.getvalue(),
        "t.feather": arrow.getvalue(),
        "t.jsonl": TABLE.to_json(orient="records", lines=True).encode(),
        "t.json": TABLE.to_json().encode(),
    }


FILES = _files()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damage_is_one_sentence(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.sampled_from([start, start + 1, start + 7, len(content)]))
        content[start:stop] = data.draw(st.binary(max_size=6))
    assert _faults(name, bytes(content)) == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["t.csv", "t.json", "t.txt"]),
    st.one_of(st.binary(max_size=60), st.text("ab1,;\t|\"'\\\r\n {}[]:.é\0", max_size=60).map(str.encode)),
)
def test_any_bytes_are_a_table_or_one_sentence(name: str, content: bytes) -> None:
    assert _faults(name, content) == []


def _faults(name: str, content: bytes) -> list[str]:
    """Return what is wrong with the table that is read, or with the sentence that refuses the file."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            cells = place(Path(folder), name, content).cells
        except SetupError as error:
            sentence = str(error)
            right = {
                "the sentence names the file": sentence.startswith(f"{folder}/{name}: "),
                "the sentence is one line": "\n" not in sentence,
            }
        else:
            texts = [cell for row in cells.to_numpy().tolist() for cell in row]
            right = {
                "the table has rows": len(cells) > 0,
                "the names differ": len(set(cells.columns)) == len(cells.columns),
                "all cells are text": all(isinstance(cell, str) for cell in texts),
            }
    return [what for what, holds in right.items() if not holds]
