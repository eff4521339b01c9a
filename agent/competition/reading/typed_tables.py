"""Reading of Parquet, Feather, Excel and JSON tables as text cells."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from agent.competition.reading.file_kinds import FileKind
from agent.core.errors import SetupError

Typed = tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]


def read_typed(content: pa.Buffer, kind: FileKind, file: Path) -> Typed:
    """Return cells, notes and index columns."""
    if kind is FileKind.PARQUET:
        from pyarrow import parquet

        return _as_text(parquet.read_table(pa.BufferReader(content)).to_pandas()), (), ()
    if kind is FileKind.ARROW:
        from pyarrow import feather

        return _as_text(feather.read_table(pa.BufferReader(content)).to_pandas()), (), ()
    if kind is FileKind.EXCEL:
        import io

        try:
            return _as_text(pd.read_excel(io.BytesIO(content), engine="calamine")), (), ()
        except Exception as error:
            raise SetupError(
                f"{file}: the file looks like Excel but cannot be read; it is damaged or has a password. "
                "Save the sheet as CSV."
            ) from error
    raise SetupError(f"{file}: not yet.")


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).where(table.notna(), "").astype(str)
