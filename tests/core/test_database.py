"""The database of a home, wherever the home is."""

import re
import sqlite3
from pathlib import Path

import pytest

from agent.core.database import open_database
from agent.core.errors import SetupError


@pytest.mark.parametrize("name", ["wh?t", "p%20c", "ha#h", "sp ace", "quo'te"])
def test_the_database_is_in_its_folder_whatever_the_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "mars.db"
    with open_database(file).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE runs (id TEXT)")
    assert file.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mars.db"
    file.write_text("no database " * 99)
    said = f"{file}: is damaged or no database; move the file away, or set MARS_HOME to another folder."
    with pytest.raises(SetupError, match=f"^{re.escape(said)}$"):
        open_database(file)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_READONLY, "this user may not write it; set MARS_HOME to a folder"),
        (sqlite3.SQLITE_CANTOPEN, "this user may not write it; set MARS_HOME to a folder"),
        (sqlite3.SQLITE_FULL, "the disk is full; free some space and run again"),
        (sqlite3.SQLITE_BUSY, "another program has locked the file for 30 s; end it and run again"),
        (sqlite3.SQLITE_IOERR, "the disk does not read or write the file; check it, or set MARS_HOME"),
    ],
)
def test_the_reason_is_told_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def connect(*arguments: object, **options: object) -> None:
        error = sqlite3.OperationalError("words of the library")
        error.sqlite_errorcode = code | 256  # an extended code
        raise error

    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)
    file = tmp_path / "mars.db"
    with pytest.raises(SetupError) as raised:
        open_database(file)
    assert str(raised.value).startswith(f"{file}: {said}")
    assert "words of the library" not in str(raised.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "workspaces").touch()
    with pytest.raises(SetupError, match=r"mars\.db: this user may not write it; set MARS_HOME to a folder"):
        open_database(tmp_path / "workspaces" / "mars.db")
