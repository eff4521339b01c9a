"""Reading of Parquet, Feather and Arrow files, and columns of any type as text.

- Whole numbers have no decimals (`1`, also where gaps made them floats); others have their shortest form.
- Truth values are `True` and `False`.
- Dates and times are ISO 8601 with a blank between day and clock.
- Lists have blanks between their elements; structures are JSON.
- Gaps are ''.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from agent.competition.reading.file_kinds import FileKind
from agent.core.errors import SetupError

_LARGEST_WHOLE = 2.0**53


def read_arrow(content: pa.Buffer, kind: FileKind, file: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the columns as text, and notes.

    Raises:
        SetupError: the file is damaged or encrypted, or a column holds bytes.
    """
    try:
        table = _open(content, kind)
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = "encrypted" if "encrypt" in str(error).lower() else "damaged or cut off"
        raise SetupError(
            f"{file}: the file looks like {kind.value} but is {problem}; write or copy it again."
        ) from error
    columns = [
        to_text(column, name, file) for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names), ()


def _open(content: pa.Buffer, kind: FileKind) -> pa.Table:
    source = pa.BufferReader(content)
    if kind is FileKind.PARQUET:
        from pyarrow import parquet

        return parquet.ParquetFile(source).read()
    if content.slice(0, 4).to_pybytes() == b"\xff\xff\xff\xff":
        return pa.ipc.open_stream(source).read_all()
    from pyarrow import feather

    return feather.read_table(source)


def to_text(column: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    """Return a column of any type as text, gaps as ''.

    Raises:
        SetupError: the column holds bytes that are no text.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return to_text(column, name, file)
    if pa.types.is_dictionary(kind):
        return to_text(column.cast(kind.value_type), name, file)
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.array([""] * len(column), pa.large_string())])
    try:
        text = _text_of(column, name, file)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SetupError(
            f"{file}: column '{name}' holds values of the type {kind}; write it as text or numbers."
        ) from error
    return pc.replace_substring(pc.fill_null(text.cast(pa.large_string()), ""), "\0", "")


def _text_of(column: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "True", "False")
    if pa.types.is_floating(kind):
        return _float_text(column)
    if pa.types.is_timestamp(kind):
        return _time_text(column)
    if pa.types.is_time(kind) or pa.types.is_date64(kind):
        return _mapped(column, lambda value: value.isoformat())
    if pa.types.is_duration(kind):
        return _float_text(pc.divide(column.cast(pa.duration("ns")).cast(pa.int64()).cast(pa.float64()), 1e9))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _mapped(column, join_values)
    if _is_binary(kind):
        try:
            return column.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid as error:
            raise _bytes_fault(file, name) from error
    if pa.types.is_nested(kind):
        if any(_is_binary(kind.field(place).type) for place in range(kind.num_fields)):
            raise _bytes_fault(file, name)
        return _mapped(column, lambda value: json.dumps(value, default=str, ensure_ascii=False))
    return column.cast(pa.large_string())


def join_values(values: list[object]) -> str:
    """Return the elements of a list with blanks between them; nested lists are JSON."""
    if any(isinstance(value, list | dict) for value in values):
        return json.dumps(values, default=str, ensure_ascii=False)
    return " ".join("" if value is None else _plain(value) for value in values)


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_binary(kind: pa.DataType) -> bool:
    return any(
        check(kind) for check in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    )


def _bytes_fault(file: Path, name: str) -> SetupError:
    return SetupError(
        f"{file}: column '{name}' holds bytes, such as pictures; save them as files, and put their names "
        "into the table."
    )


def _float_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as text; a column of whole numbers has no decimals."""
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    column = pc.if_else(pc.is_nan(column), None, column)
    whole = pc.all(pc.and_(pc.equal(column, pc.trunc(column)), pc.less(pc.abs(column), _LARGEST_WHOLE)))
    if whole.as_py() is not False:
        return column.cast(pa.int64()).cast(pa.large_string())
    return column.cast(pa.large_string())


def _time_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return days, or times without needless zeros."""
    form = _time_form(column)
    text = pc.strftime(column, form)
    if form.endswith("%z"):  # 2024-01-02 03:04:05+0100
        text = pc.replace_substring_regex(text, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    return text


def _time_form(column: pa.ChunkedArray) -> str:
    zone = "%z" if column.type.tz is not None else ""
    if not zone and pc.all(pc.equal(column, pc.floor_temporal(column, unit="day"))).as_py() is not False:
        return "%Y-%m-%d"
    return f"%Y-%m-%d %H:%M:%S{zone}"


def _mapped(column: pa.ChunkedArray, function: Callable[..., str]) -> pa.ChunkedArray:
    return pa.chunked_array(
        [
            pa.array(
                [None if value is None else function(value) for value in chunk.to_pylist()], pa.large_string()
            )
            for chunk in column.chunks
        ],
        pa.large_string(),
    )
