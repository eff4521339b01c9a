"""Parsing of text tables."""

import csv
import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from agent.competition.reading.encodings import to_utf8
from agent.competition.reading.number_marks import decide_marks
from agent.competition.reading.separators import decide_separator
from agent.competition.spec import CsvForm
from agent.core.errors import SetupError

_SAMPLE = 2**18
_BLOCK = 2**24

Parsed = tuple[pd.DataFrame, CsvForm, tuple[str, ...], tuple[str, ...]]


def read_text(content: pa.Buffer, file: Path, form: CsvForm) -> Parsed:
    """Return cells, decided form, notes and index columns of a text table."""
    text, encoding = to_utf8(content, file, form.encoding)
    sample = text.slice(0, min(_SAMPLE, text.size)).to_pybytes().decode("utf-8", errors="ignore")
    lines = sample.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True)
    if len(sample) >= _SAMPLE - 4:
        lines = lines[:-1]
    told = None
    skip = 0
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].rstrip("\n")) == 5:
        told, skip = lines[0][4], len(lines[0])
    separator = form.separator or told or decide_separator(lines[1 if skip else 0 :])
    header = [cell.strip() for cell in next(csv.reader(lines[1 if skip else 0 :], delimiter=separator))]
    cells = _parse(text.slice(skip), file, separator, header)
    decimal, thousands, notes = decide_marks(cells, separator, form)
    decided = CsvForm(separator=separator, decimal=decimal, thousands=thousands, encoding=encoding)
    return cells, decided, notes, ()


def _parse(text: pa.Buffer, file: Path, separator: str, header: list[str]) -> pd.DataFrame:
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=header, skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        raise SetupError(f"{file}: the rows have different numbers of cells.") from None
    frame: pd.DataFrame = table.to_pandas()
    return frame


__all__ = ["io", "read_text"]
