"""Reading of one table of a user, in any usual form, as text cells."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from agent.competition.reading.compression import unpack
from agent.competition.reading.dialects import name_of
from agent.competition.reading.encodings import to_utf8
from agent.competition.reading.file_kinds import FileKind, kind_of, refuse_unreadable
from agent.competition.reading.headers import clean_header, looks_like_data
from agent.competition.reading.number_marks import decide_marks
from agent.competition.reading.text_tables import parse_text
from agent.competition.spec import CsvForm
from agent.core.errors import SetupError, redacted_as
from agent.core.files import resolve_table

STANDARD_FORM = CsvForm(separator=",", decimal=".", thousands=None, encoding="utf-8")


@dataclass(frozen=True)
class UserTable:
    """One table with all cells as text; missing cells are ''."""

    cells: pd.DataFrame
    form: CsvForm
    """The form that was given or decided; `thousands` is None if no number has a thousands mark."""

    notes: tuple[str, ...] = ()
    """Decisions that the user should see, one sentence each."""

    index_columns: tuple[str, ...] = ()
    """Columns that a program wrote as row labels. They are no ids and no inputs."""


@redacted_as("a table cannot be read")
def read_user_table(folder: Path, name: str, form: CsvForm | None = None) -> UserTable:
    """Read a table below `folder` as text cells. Fields of `form` that are set are not decided.

    Raises:
        SetupError: the file is missing or cannot be read as a table. The message names the file and, where
            one exists, the row.
        OSError: this user may not read the file.
    """
    file = resolve_table(folder, name)
    if file.is_dir():
        raise SetupError(f"{file}: the path is a folder; name a table file.")
    if file.exists() and not file.is_file():
        raise SetupError(f"{file}: the path is not a regular file; name a table file.")
    if not file.is_file():
        raise SetupError(f"{file}: the file is missing.")
    table = _without_repeated_headers(_read_content(_map(file), file, form or CsvForm()), file)
    if table.cells.empty:
        raise SetupError(f"{file}: the table holds no rows.")
    if looks_like_data(table.cells):
        first = ", ".join(str(column)[:20] for column in table.cells.columns[:4])
        raise SetupError(
            f"{file}: the first row looks like data ({first}), so the header is missing; add a first row "
            "with the names of the columns."
        )
    return table


def _without_repeated_headers(table: UserTable, file: Path) -> UserTable:
    """Return the table without rows that repeat the header, as joined files have them."""
    cells = table.cells
    if cells.columns.empty or not (cells.iloc[:, 0] == cells.columns[0]).any():
        return table
    repeats = (cells == cells.columns.to_numpy()).all(axis=1)
    if not repeats.any():
        return table
    note = f"{file.name}: {repeats.sum()} rows repeat the header and are left out."
    return replace(table, cells=cells[~repeats].reset_index(drop=True), notes=(*table.notes, note))


def _map(file: Path) -> pa.Buffer:
    with file.open("rb"):
        pass  # raises the usual OSError
    return pa.memory_map(str(file)).read_buffer() if file.stat().st_size else pa.py_buffer(b"")


def _read_content(content: pa.Buffer, file: Path, form: CsvForm) -> UserTable:
    content, inner, notes = unpack(content, file)
    kind = kind_of(content, inner)
    refuse_unreadable(kind, file)
    table = _read_text(content, file, form) if kind is FileKind.TEXT else _read_typed(content, kind, file)
    return UserTable(table.cells, table.form, (*notes, *table.notes), table.index_columns)


def _read_typed(content: pa.Buffer, kind: FileKind, file: Path) -> UserTable:
    from agent.competition.reading import arrow_tables, json_tables, spreadsheets

    if kind is FileKind.SPREADSHEET:
        columns, notes = spreadsheets.read_sheet(content, file)
    elif kind is FileKind.JSON:
        columns, notes = json_tables.read_records(content, file)
    else:
        columns, notes = arrow_tables.read_arrow(content, kind, file)
    header = clean_header(columns.column_names, file.name)
    cells: pd.DataFrame = columns.rename_columns(list(header.names)).to_pandas()
    return UserTable(cells, STANDARD_FORM, (*notes, *header.notes), header.index_columns)


def _read_text(content: pa.Buffer, file: Path, form: CsvForm) -> UserTable:
    text, encoding, damage = to_utf8(content, file, form.encoding)
    parsed = parse_text(text, file, form.separator)
    decimal, thousands, doubts = decide_marks(
        parsed.table, parsed.separator, form, file.name, may_hold_separator=parsed.has_quotes
    )
    decided = CsvForm(separator=parsed.separator, decimal=decimal, thousands=thousands, encoding=encoding)
    told = () if decided == STANDARD_FORM else (f"{file.name}: {describe_form(decided)}.",)
    return UserTable(parsed.table, decided, (*damage, *told, *parsed.notes, *doubts), parsed.index_columns)


def describe_form(form: CsvForm) -> str:
    """Return the form of a text table in words."""
    words = [f"text in {form.encoding}", f"cells parted by {name_of(form.separator or ',')}"]
    words.append(f"decimal mark '{form.decimal}'")
    if form.thousands is not None:
        words.append(f"thousands mark '{form.thousands}'")
    return ", ".join(words)
