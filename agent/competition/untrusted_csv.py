"""Reading of untrusted CSV files: bounded size, all cells as text, rows matched to expected ids."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from agent.core.errors import MarsError
from agent.core.untrusted_files import UnsafeFileError, open_inside

MAX_BYTES = 2 * 2**30
_MAX_LINE = 2**24  # bytes; 3,474 probabilities at full precision take 0.1 MB
# Arrow repeats the row without quotation marks. Redaction only removes quoted values, so MARS adds the marks.
_ROW = re.compile(r"(columns, got \d+): (.*)")


class SubmissionError(MarsError):
    """An invalid submission. The message is one sentence."""


@dataclass(frozen=True)
class TextColumn:
    """One column of a file with unchanged cells; blank cells are ''."""

    file: str  # the file's name
    name: str
    text: pa.StringArray

    def fault(self, row: int, problem: str) -> SubmissionError:
        """Return the error for a row (from 1, without the header). `problem` follows the quoted cell."""
        cell = self.text[row - 1].as_py()
        what = f"{cell[:60]!r} {problem}" if cell.strip() else "is empty"
        return SubmissionError(f"{self.file}: row {row}, column {self.name!r}: {what}.")


def read_text_columns(
    file: Path, columns: Sequence[str], separator: str = ",", *, own: bool = False
) -> list[TextColumn]:
    """Read the named columns of a CSV file.

    Args:
        file: the file. Neither it nor its folder may be a link, and it may have no other names.
        columns: the columns to read.
        own: the file is the user's or the harness's own; links are followed.

    Raises:
        SubmissionError: the file is not a readable regular file of at most `MAX_BYTES`, is not CSV in UTF-8
            with rows of equal length, or a column is missing or repeated.
    """
    with _open_bounded(file.resolve() if own else file, own) as stream:
        return _read_columns(stream, file, columns, separator)


def _read_columns(stream: BinaryIO, file: Path, columns: Sequence[str], separator: str) -> list[TextColumn]:
    header = _read_header(stream, file, separator)
    stream.seek(0)
    for column in columns:
        count = header.count(column)
        if count != 1:
            problem = f"has {count} columns" if count else "has no column"
            raise SubmissionError(
                f"{file.name}: the file {problem} {column!r}; its columns are {_first(header)}."
            )
    as_text = arrow_csv.ConvertOptions(
        include_columns=list(columns),
        column_types=dict.fromkeys(columns, pa.string()),
        null_values=[],
        strings_can_be_null=False,
    )
    try:
        table = arrow_csv.read_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=_MAX_LINE),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=as_text,
        )
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())[:200]
        reason = _ROW.sub(lambda row: f"{row[1]}: {row[2]!r}", reason)
        raise SubmissionError(f"{file.name}: the file is not well-formed CSV in UTF-8 ({reason}).") from error
    return [TextColumn(file.name, name, _in_one_piece(table.column(name))) for name in columns]


def _in_one_piece(column: pa.ChunkedArray) -> pa.StringArray:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def find_ids(column: TextColumn, expected: Sequence[str]) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Return which expected ids (len(expected),) a column holds, and its other ids, sorted, each once."""
    position = pc.index_in(column.text, value_set=pa.array(expected, pa.string()))
    is_found = np.zeros(len(expected), dtype=np.bool_)
    is_found[position.drop_null().to_numpy()] = True
    return is_found, sorted(set(column.text.filter(position.is_null()).to_pylist()))


def match_ids(column: TextColumn, expected: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the position of each expected id in the id column (len(expected),).

    Raises:
        SubmissionError: ids are missing, unexpected or repeated. The message has their number and the first
            three.
    """
    position = pc.index_in(column.text, value_set=pa.array(expected, pa.string()))
    known = position.is_valid()
    rows = np.flatnonzero(known.to_numpy(zero_copy_only=False))
    slots = position.drop_null().to_numpy()
    counts = np.bincount(slots, minlength=len(expected))
    missing = [expected[int(slot)] for slot in np.flatnonzero(counts == 0)]
    unexpected = column.text.filter(pc.invert(known)).to_pylist()
    repeated = [expected[int(slot)] for slot in np.flatnonzero(counts > 1)]
    groups = (("lacks", missing), ("repeats", repeated), ("adds", unexpected))
    faults = [f"{verb} {_count(len(some), 'id')} ({_first(some)})" for verb, some in groups if some]
    if faults:
        size = f"holds {_count(len(column.text), 'row')} instead of {len(expected)}"
        raise SubmissionError(f"{column.file}: the file {size}; it {', '.join(faults)}.")
    order = np.empty(len(expected), dtype=np.intp)
    order[slots] = rows
    return order


def _open_bounded(file: Path, own: bool) -> BinaryIO:
    """Open the file; refuse links, pipes, which would block, and files that would fill the memory."""
    folder, name = file.parent.parent, f"{file.parent.name}/{file.name}"
    try:
        stream = open_inside(folder, name, hard_links=own)
    except FileNotFoundError as error:
        raise SubmissionError(f"{file.name}: the file is missing.") from error
    except UnsafeFileError as error:
        raise SubmissionError(f"{file.name}: {error.strerror}.") from error
    except OSError as error:
        raise SubmissionError(f"{file.name}: the file cannot be read ({error.strerror}).") from error
    size = os.fstat(stream.fileno()).st_size
    if size > MAX_BYTES:
        stream.close()
        raise SubmissionError(f"{file.name}: the file takes {size} bytes; at most {MAX_BYTES} are allowed.")
    return stream


def read_header(file: Path, separator: str = ",", *, own: bool = False) -> list[str]:
    """Return the names in the header of a CSV file.

    Raises:
        SubmissionError: the file is not a readable regular file, or the line is blank or not in UTF-8.
    """
    with _open_bounded(file.resolve() if own else file, own) as stream:
        return _read_header(stream, file, separator)


def _read_header(stream: BinaryIO, file: Path, separator: str) -> list[str]:
    try:
        header = next(csv.reader(_header_lines(stream), delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(
            f"{file.name}: the first line is not a CSV header in UTF-8 ({error})."
        ) from error
    if not header:
        raise SubmissionError(
            f"{file.name}: the file is empty or starts with a blank line; the first line must be the header."
        )
    return header


def _header_lines(stream: BinaryIO) -> Iterator[str]:
    """Yield lines of text while a header may go on: names in quotation marks may hold line breaks."""
    encoding, left = "utf-8-sig", _MAX_LINE
    while left > 0 and (line := stream.readline(left)):
        yield line.decode(encoding)
        encoding, left = "utf-8", left - len(line)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _first(values: Sequence[str]) -> str:
    first = ", ".join(repr(value[:60]) for value in values[:3])
    return f"{first}, ..." if len(values) > 3 else first
