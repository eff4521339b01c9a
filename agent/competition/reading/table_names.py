"""Names of table files in a folder."""

import re
from pathlib import Path

from agent.core.errors import SetupError

_USUAL = re.compile(r"train|test|label|class|sample|submi|target|categor")
_HEAD = 2**16
SUFFIXES = (".gz", ".bz2", ".zip", ".zst", ".xz")
_FORMATS = (
    ".csv",
    ".tsv",
    ".txt",
    ".tab",
    ".psv",
    ".parquet",
    ".pq",
    ".feather",
    ".arrow",
    ".xlsx",
    ".xls",
    ".xlsm",
    ".xlsb",
    ".ods",
    ".json",
    ".jsonl",
    ".ndjson",
)


def table_files(folder: Path) -> list[str]:
    """Return the names of the table files directly in a folder, sorted.

    Raises:
        SetupError: the folder does not exist.
    """
    if folder.is_file():
        raise SetupError(
            f"{folder}: the path is a file; give the folder that holds the tables: {folder.parent}."
        )
    if not folder.is_dir():
        raise SetupError(f"{folder}: is not a folder.")
    return sorted(path.name for path in folder.iterdir() if path.is_file() and _is_table(path))


def _is_table(path: Path) -> bool:
    """Return whether a file is a table by its name; texts and JSON files must look like tables inside too."""
    inner = path.name.lower()
    if not is_table_name(inner) or inner.startswith((".", "~$")):
        return False
    if inner.endswith(".txt"):
        return bool(_USUAL.search(table_stem(inner))) or _has_columns(path)
    return not inner.endswith(".json") or _holds_records(path)


def _has_columns(path: Path) -> bool:
    """Return whether the first lines all have the same number of separators, at least one."""
    lines = _head(path).split("\n")[:20]
    rows = [line for line in (lines if len(lines) < 20 else lines[:-1]) if line.strip()]
    return len(rows) > 2 and any(
        len({row.count(mark) for row in rows}) == 1 and mark in rows[0] for mark in "\t,;|"
    )


def _holds_records(path: Path) -> bool:
    """Return whether a JSON file starts with a list of records, or holds one record in each line."""
    head = _head(path).lstrip("\ufeff \t\r\n")
    lines = [line.strip() for line in head.split("\n")[:2]]
    if len(lines) == 2 and all(line.startswith("{") and line.endswith("}") for line in lines):
        return True
    return head.startswith("[") and head[1:].lstrip().startswith("{")


def _head(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD).decode("utf-8", errors="replace")
    except OSError:
        return ""


def is_table_name(name: str) -> bool:
    """Return whether a file name has the suffix of a table, perhaps compressed."""
    return table_stem(name) != name


def table_stem(name: str) -> str:
    """Return the name without the suffixes of format and compression; the name itself if it is no table."""
    inner = name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            inner = name[: -len(suffix)]
    for suffix in _FORMATS:
        if inner.lower().endswith(suffix):
            return inner[: -len(suffix)]
    return name
