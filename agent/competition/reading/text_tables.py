"""Parsing of text tables."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from agent.competition.reading.dialects import (
    MARKED,
    Dialect,
    csv_reader,
    decide_dialect,
    open_rows,
    read_rows,
    simplify,
)
from agent.competition.reading.headers import clean_header
from agent.competition.reading.uneven_rows import mend_rows
from agent.core.errors import SetupError

_SAMPLE = 2**18  # bytes
_LINE = re.compile("[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_LONE_CR = re.compile(rb"\r(?!\n)")
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?[,;\t|]*(?:\r\n|\n|\r)', re.IGNORECASE)
_BLOCK = 2**24
_END = "\ue0ff end of the text"


@dataclass(frozen=True)
class ParsedText:
    """Cells of a text table and what was decided on the way."""

    table: pd.DataFrame
    separator: str
    index_columns: tuple[str, ...]
    notes: tuple[str, ...]
    has_quotes: bool


@dataclass(frozen=True)
class _Attempt:
    """One way to read the text."""

    text: pa.Buffer
    dialect: Dialect
    stand_in: str | None = None
    """The character that replaces a carriage return within a cell."""


def parse_text(text: pa.Buffer, file: Path, separator: str | None) -> ParsedText:
    """Parse a table from text in UTF-8.

    Raises:
        SetupError: the rows have different numbers of cells, or a quotation mark is not closed.
    """
    head = text.slice(0, min(64, text.size)).to_pybytes()
    if found := _SEPARATOR_LINE.match(head):
        text = text.slice(found.end())
        separator = separator or found[1].decode("utf-8", errors="ignore") or None
    if text.size and text.slice(text.size - 1).to_pybytes() == b"\x1a":
        text = text.slice(0, text.size - 1)  # the end of a file of DOS
    counts = {mark: _count(text, mark) for mark in (b"\r", b"\r\n", b'"')}
    attempts = _attempts(text, separator, counts)
    for attempt in attempts:
        parsed = _parse(attempt, file)
        if parsed is not None:
            break
    else:
        parsed = _parse(attempts[0], file, mend=True)
        attempt = attempts[0]
        assert parsed is not None
    if attempt.dialect.quote is not None and counts[b'"']:
        parsed = _without_swallowed_rows(parsed, attempt, file)
    return replace(parsed, has_quotes=bool(counts[b'"']))


def _attempts(text: pa.Buffer, separator: str | None, counts: dict[bytes, int]) -> list[_Attempt]:
    """Return the ways to read the text, the most likely first."""
    ways: list[tuple[pa.Buffer, str | None]] = [(text, None)]  # text, stand-in
    first = _first_lines(text)[:1]
    if counts[b"\r"] > counts[b"\r\n"] and first and first[0].endswith("\n") and "\r\r" not in first[0]:
        unused = _unused_character(text)
        mended = _LONE_CR.sub(unused.encode(), text.to_pybytes())
        ways.insert(0, (pa.py_buffer(mended), unused))
    attempts = []
    for source, stand_in in ways:
        dialect = decide_dialect(_first_lines(source), separator)
        attempts.append(_Attempt(_simplified(source, dialect), dialect, stand_in))
    if counts[b'"'] and attempts[0].dialect.quote == '"' and attempts[0].dialect.separator not in MARKED:
        plain = replace(attempts[0].dialect, quote=None, escape="none", skips_blanks=False)
        attempts.append(_Attempt(ways[0][0], plain, ways[0][1]))
    return attempts


def _simplified(text: pa.Buffer, dialect: Dialect) -> pa.Buffer:
    if dialect.escape != "quotes" and not dialect.skips_blanks:
        return text
    return pa.py_buffer(simplify(text.to_pybytes(), dialect))


def _parse(attempt: _Attempt, file: Path, *, mend: bool = False) -> ParsedText | None:
    """Parse the text in one way; return None if that fails, unless `mend` is set."""
    dialect = attempt.dialect
    names, rest = _cut_header(attempt.text, dialect)
    names = _fitted(names, _first_lines(rest), dialect)
    if mend:
        rest, dialect = mend_rows(rest, dialect, len(names), file), Dialect(",")
    elif (
        dialect.quote is not None and _count(rest, dialect.quote.encode()) % 2 and not _closes(rest, dialect)
    ):
        return None
    columns = _read_columns(rest, dialect, len(names))
    if columns is None:
        return None
    if attempt.stand_in is not None:
        columns = [pc.replace_substring(column, attempt.stand_in, "\r") for column in columns]
        names = [name.replace(attempt.stand_in, "\r") for name in names]
    header = clean_header(names, file.name)
    frame: pd.DataFrame = pa.table(columns, names=list(header.names)).to_pandas()
    empty = [header.names[place] for place in header.blank if not frame.iloc[:, place].any()]
    separator = attempt.dialect.separator if len(names) > 1 else ","
    index = tuple(name for name in header.index_columns if name not in empty)
    notes = header.notes
    if attempt.dialect.quote is None and _count(attempt.text, b'"'):
        notes += (f"{file.name}: quotation marks belong to the cells; they do not enclose cells.",)
    return ParsedText(_without_blank_end(frame.drop(columns=empty)), separator, index, notes, False)


def _read_columns(text: pa.Buffer, dialect: Dialect, width: int) -> list[pa.ChunkedArray] | None:
    """Return the columns of rows without a header; None if rows have different numbers of cells."""
    names = [str(number) for number in range(width)]
    if width == 1:
        text = _without_blank_lines_at_the_end(text)
    if text.size == 0:
        return [pa.chunked_array([], pa.string()) for _ in names]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.separator,
                quote_char=dialect.quote or False,
                escape_char="\\" if dialect.escape == "all" else False,
                newlines_in_values=True,
                ignore_empty_lines=width > 1,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return [pa.chunked_array([], pa.string()) for _ in names]
        return None
    return list(table.columns)


def _cut_header(text: pa.Buffer, dialect: Dialect) -> tuple[list[str], pa.Buffer]:
    """Return the cells of the first row that is not empty, and the text below it."""
    lines = _first_lines(text)
    reader = csv_reader(lines, dialect, strict=False)
    names: list[str] = next((row for row in reader if row), [])
    size = sum(len(line.encode()) for line in lines[: reader.line_num])
    return names, text.slice(size)


def _fitted(names: list[str], lines: list[str], dialect: Dialect) -> list[str]:
    """Return the header with as many cells as the rows, if the difference has a usual cause.

    The usual causes are a separator at the end of each row, and row names, which R writes without a header.
    """
    rows = read_rows(lines, dialect, strict=False)
    if not rows:
        return names
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    if width == len(names) - 1 and not names[-1].strip():
        return names[:-1]
    if width != len(names) + 1:
        return names
    even = [row for row in rows if len(row) == width]
    ends_with_separator = (
        next(line for line in lines if line.strip()).rstrip("\r\n").endswith(dialect.separator)
    )
    if ends_with_separator and not any(row[-1].strip() for row in even):
        return [*names, ""]
    labels = [row[0] for row in even]
    # An unquoted decimal comma widens all rows too. R puts row names in quotation marks.
    is_marked = dialect.separator != "," or lines[0].startswith('"')
    if is_marked and len(set(labels)) == len(labels) and all(labels):
        return ["", *names]
    return names


def _without_swallowed_rows(parsed: ParsedText, attempt: _Attempt, file: Path) -> ParsedText:
    """Return the table read without quotation marks, if rows vanished between two stray marks.

    That is so if marks stand within cells, and every line has the right number of cells by itself.
    """
    if len(parsed.table.columns) < 2 or parsed.separator in MARKED:
        return parsed
    if _count(attempt.text, b"\n") <= len(parsed.table) + 1:
        return parsed
    plain = replace(attempt, dialect=replace(attempt.dialect, quote=None, escape="none"))
    other = _parse(plain, file)
    if other is None or list(other.table.columns) != list(parsed.table.columns):
        return parsed
    return parsed if _is_strict(attempt.text, attempt.dialect) else other


def _is_strict(text: pa.Buffer, dialect: Dialect) -> bool:
    """Return whether every quotation mark opens or closes a cell, or is doubled."""
    try:
        for _ in open_rows(text, dialect, strict=True):
            pass
    except csv.Error:
        return False
    return True


def _closes(text: pa.Buffer, dialect: Dialect) -> bool:
    """Return whether no quotation mark encloses the end of the text."""
    last: list[str] = []
    for row in open_rows(text, dialect, strict=False, end=_END):
        last = row
    return last == [_END]


def _without_blank_end(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without blank rows at its end, which spreadsheets write."""
    if len(table.columns) < 2 or table.empty or table.iloc[-1].str.strip().any():
        return table
    filled = (table.apply(lambda column: column.str.strip()) != "").any(axis=1).to_numpy()
    count = int(filled.nonzero()[0].max()) + 1 if filled.any() else 0
    return table.iloc[:count]


def _without_blank_lines_at_the_end(text: pa.Buffer) -> pa.Buffer:
    size = text.size
    while size and text.slice(size - 1, 1).to_pybytes() in (b"\n", b"\r"):
        size -= 1
    return text.slice(0, size)


def _first_lines(text: pa.Buffer) -> list[str]:
    """Return the first lines with their ends, without a last one that the sample cuts."""
    sample = text.slice(0, min(_SAMPLE, text.size)).to_pybytes().decode("utf-8", errors="ignore")
    lines = _LINE.findall(sample)
    return lines[:-1] if text.size > _SAMPLE and len(lines) > 1 else lines


def _count(text: pa.Buffer, mark: bytes) -> int:
    """Return how often a mark occurs."""
    view = memoryview(text)
    overlap = len(mark) - 1
    return sum(
        bytes(view[start : start + _BLOCK + overlap]).count(mark) for start in range(0, len(view), _BLOCK)
    )


def _unused_character(text: pa.Buffer) -> str:
    for code in range(0xE00D, 0xE0FF):
        if not _count(text, chr(code).encode()):
            return chr(code)
    raise SetupError("The table uses all private characters; remove carriage returns within cells.")
