"""Reading of one table of a user, in any usual form, as text cells."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from agent.competition.reading.compression import unpack
from agent.competition.reading.file_kinds import FileKind, kind_of, refuse_unreadable
from agent.competition.reading.text_tables import read_text
from agent.competition.spec import CsvForm
from agent.core.errors import SetupError, redacted_as
from agent.core.files import resolve_table

_TYPED_FORM = CsvForm(separator=",", decimal=".", thousands=None, encoding="utf-8")


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
    """
    file = resolve_table(folder, name)
    if file.is_dir():
        raise SetupError(f"{file}: the path is a folder; name a table file.")
    if not file.is_file():
        raise SetupError(f"{file}: the file is missing.")
    table = _read_content(pa.memory_map(str(file)).read_buffer(), file, form or CsvForm())
    if table.cells.empty:
        raise SetupError(f"{file}: the table holds no rows.")
    return table


def _read_content(content: pa.Buffer, file: Path, form: CsvForm) -> UserTable:
    content, inner = unpack(content, file)
    kind = kind_of(content, inner)
    refuse_unreadable(kind, content, file)
    if kind in (FileKind.PARQUET, FileKind.ARROW, FileKind.EXCEL, FileKind.JSON):
        from agent.competition.reading import typed_tables

        cells, notes, index = typed_tables.read_typed(content, kind, file)
        return UserTable(cells, _TYPED_FORM, notes, index)
    cells, decided, notes, index = read_text(content, file, form)
    return UserTable(cells, decided, notes, index)
