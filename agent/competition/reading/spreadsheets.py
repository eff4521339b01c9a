"""Reading of the first table of an Excel or OpenDocument file as text cells."""

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from agent.core.errors import SetupError

_MAX_UNPACKED = 4 * 2**30
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

Row = Sequence[object]


def read_sheet(content: pa.Buffer, file: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the first sheet that holds a table, and a note if there are several.

    Rows above the header and empty columns at the edges are left out.

    Raises:
        SetupError: the file is damaged, has a password, is too large, or has no table.
    """
    raw = content.to_pybytes()
    _refuse_bomb(raw, file)
    sheets = _sheets(raw, file)
    tables = [(name, table) for name, rows in sheets if len(table := _trimmed(rows)) > 1]
    if not tables:
        raise SetupError(f"{file}: no sheet holds a header and rows; save the table as CSV.")
    name, rows = tables[0]
    notes = []
    if len(tables) > 1:
        others = ", ".join(f"'{other}'" for other, _ in tables[1:4])
        notes.append(f"{file.name}: the first sheet '{name}' is read; {others} is not.")
    above = _rows_above_header(rows)
    if above:
        notes.append(f"{file.name}: {above} rows above the header are left out.")
    header, body = rows[above], _trimmed(rows[above + 1 :], width=len(rows[above]))
    columns = [
        pa.array(_column([row[place] for row in body]), pa.large_string()) for place in range(len(header))
    ]
    return pa.table(columns, names=[_cell(value) for value in header]), tuple(notes)


def _sheets(raw: bytes, file: Path) -> list[tuple[str, Sequence[Row]]]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum, ZipError

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        names = [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
        return [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=True)) for name in names]
    except PasswordError as error:
        raise _password_fault(file) from error
    except (CalamineError, ZipError, OSError, ValueError) as error:
        if _ENCRYPTED in raw:
            raise _password_fault(file) from error
        raise SetupError(
            f"{file}: the file looks like Excel or OpenDocument but is damaged or of an unknown kind; "
            "open it in a spreadsheet and save the sheet as CSV."
        ) from error


def _password_fault(file: Path) -> SetupError:
    return SetupError(f"{file}: the file has a password; save it without one, or save the sheet as CSV.")


def _refuse_bomb(raw: bytes, file: Path) -> None:
    if raw.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
        except zipfile.BadZipFile:
            return  # the reader says so
        if size > _MAX_UNPACKED:
            raise SetupError(
                f"{file}: the unpacked file takes more than {_MAX_UNPACKED // 2**30} GiB; save it as CSV."
            )


def _trimmed(rows: Sequence[Row], width: int | None = None) -> Sequence[Row]:
    """Return the rows without blank rows at the ends and, unless `width` is given, without blank edges."""
    filled = [number for number, row in enumerate(rows) if any(not _is_blank(value) for value in row)]
    if not filled:
        return []
    rows = rows[filled[0] : filled[-1] + 1]
    if width is not None:
        return rows
    used = [place for row in rows for place, value in enumerate(row) if not _is_blank(value)]
    first, last = min(used), max(used)
    padded = [[*row] + [""] * (last + 1 - len(row)) for row in rows]
    return [row[first : last + 1] for row in padded]


def _rows_above_header(rows: Sequence[Row]) -> int:
    """Return the number of title rows: those with fewer than half of the cells of the fullest row."""
    counts = [sum(not _is_blank(value) for value in row) for row in rows[:20]]
    fullest = max(counts)
    return next((number for number, count in enumerate(counts) if 2 * count >= fullest), 0)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _column(values: Row) -> list[str]:
    """Return the cells of a column; times at midnight alone are days."""
    times = [value for value in values if isinstance(value, dt.datetime)]
    if times and all(value.time() == dt.time() for value in times):
        values = [value.date() if isinstance(value, dt.datetime) else value for value in values]
    elif times:
        values = [
            dt.datetime.combine(value, dt.time())
            if isinstance(value, dt.date) and not isinstance(value, dt.datetime)
            else value
            for value in values
        ]
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return _cell(value.total_seconds())
    text = str(value)
    return "" if text.startswith("#") and text.rstrip("!?").upper() in _ERRORS else text.replace("\0", "")


_ERRORS = {"#N/A", "#DIV/0", "#VALUE", "#REF", "#NAME", "#NUM", "#NULL"}
