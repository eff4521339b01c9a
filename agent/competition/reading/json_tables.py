"""Reading of JSON lines and JSON arrays of records as text cells."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from agent.competition.reading.arrow_tables import join_values
from agent.competition.reading.encodings import to_utf8
from agent.core.errors import SetupError

_MAX_DOCUMENT = 2 * 2**30  # a document that is one value; lines have no limit
_CHUNK = 50_000  # records
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None)


def read_records(content: pa.Buffer, file: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the records as columns of text, and notes. Numbers keep their digits.

    Raises:
        SetupError: the file is not JSON, or its values are not records.
    """
    text, _, notes = to_utf8(content, file, None)
    head = text.slice(0, min(2**16, text.size)).to_pybytes().decode("utf-8", errors="ignore").lstrip()
    if head.startswith("{") and _is_value(head.split("\n", 1)[0]) and "\n" in head.strip():
        return _as_table(_lines(text, file)), notes
    if text.size > _MAX_DOCUMENT:
        raise SetupError(f"{file}: the JSON document is too large; write one record per line.")
    try:
        document = _DECODER.decode(text.to_pybytes().decode("utf-8").strip())
    except (ValueError, RecursionError) as error:
        line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SetupError(
            f"{file}: the file is not valid JSON{line}; write one record per line, or save the table as CSV."
        ) from error
    return _as_table(_records_of(document, file)), notes


def _is_value(line: str) -> bool:
    try:
        return isinstance(_DECODER.decode(line.strip()), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: pa.Buffer, file: Path) -> Iterator[dict[str, object]]:
    with pa.BufferReader(text) as source:
        for number, line in enumerate(_split(source), 1):
            if not line.strip():
                continue
            try:
                record = _DECODER.decode(line.decode("utf-8").strip())
            except (ValueError, RecursionError) as error:
                raise SetupError(f"{file}: line {number} is not a JSON record; correct the line.") from error
            if not isinstance(record, dict):
                raise SetupError(f"{file}: line {number} is not a JSON record with names and values.")
            yield record


def _split(source: pa.NativeFile) -> Iterator[bytes]:
    rest = b""
    while part := source.read(2**24):
        *lines, rest = (rest + part).split(b"\n")
        yield from lines
    yield rest


def _records_of(document: object, file: Path) -> Iterable[dict[str, object]]:
    """Return the records of a document: a list of records, or columns as pandas and others write them."""
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
            names = [str(name) for name in document["columns"]]
            return [dict(zip(names, row, strict=False)) for row in document["data"]]
        if isinstance(document.get("data"), list):
            return _records_of(document["data"], file)
        if lists and len(lists) == len(document) and len({len(values) for values in lists}) == 1:
            return [dict(zip(document, row, strict=True)) for row in zip(*lists, strict=True)]
        if document and all(isinstance(value, dict) for value in document.values()):
            keys = list(next(iter(document.values())))
            if all(list(values) == keys for values in document.values()):
                return [{name: values[key] for name, values in document.items()} for key in keys]
        if document and not any(isinstance(value, list | dict) for value in document.values()):
            return [document]
    if isinstance(document, list) and document and all(isinstance(record, dict) for record in document):
        return document
    raise SetupError(
        f"{file}: the JSON file holds no list of records with names and values; write one record per line."
    )


def _as_table(records: Iterable[dict[str, object]]) -> pa.Table:
    """Return a table with the columns in the order of their first record; absent values are ''."""
    chunks: list[pa.Table] = []
    columns: dict[str, list[str]] = {}
    count = 0
    for record in records:
        for name, value in record.items():
            column = columns.setdefault(name, [""] * count)
            column.append(_cell(value))
        count += 1
        for column in columns.values():
            if len(column) < count:
                column.append("")
        if count == _CHUNK:
            chunks.append(_chunk(columns))
            columns, count = {name: [] for name in columns}, 0
    chunks.append(_chunk(columns))
    return _filled(pa.concat_tables(chunks, promote_options="default"))


def _chunk(columns: dict[str, list[str]]) -> pa.Table:
    return pa.table({_clean(name): pa.array(cells, pa.large_string()) for name, cells in columns.items()})


def _filled(table: pa.Table) -> pa.Table:
    return pa.table([column.fill_null("") for column in table.columns], names=table.column_names)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return _clean(join_values(value))
    if isinstance(value, dict):
        return _clean(json.dumps(value, ensure_ascii=False))
    return _clean(str(value))


def _clean(text: str) -> str:
    """Return text without characters that no file in UTF-8 can hold."""
    return _SURROGATE.sub("\ufffd", text.replace("\0", ""))
