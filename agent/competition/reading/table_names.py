"""Names of table files in a folder."""

from pathlib import Path

from agent.core.errors import SetupError

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
    if not folder.is_dir():
        raise SetupError(f"{folder}: is not a folder.")
    return sorted(path.name for path in folder.iterdir() if is_table_name(path.name) and path.is_file())


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
