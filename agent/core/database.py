"""The SQLite database of a home: runs, events and lessons, shared by several processes."""

import errno
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.core.errors import SetupError
from agent.core.paths import HOW_TO_SET_HOME

_BUSY_S = 30
_PRIMARY_CODE = 0xFF  # the part of an SQLite error code that names the kind
_CLOSED = f"this user may not write it; {HOW_TO_SET_HOME}"
_DAMAGED = "is damaged or no database; move the file away, or set MARS_HOME to another folder."
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and run again.",
    sqlite3.SQLITE_BUSY: f"another program has locked the file for {_BUSY_S} s; end it and run again.",
    sqlite3.SQLITE_IOERR: (
        "the disk does not read or write the file; check it, or set MARS_HOME to another folder."
    ),
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}


def open_database(file: Path) -> Engine:
    """Open the database, or create it.

    Raises:
        SetupError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Not an address in text: a path may hold ? and %.
        url = URL.create("sqlite", database=str(file))
        engine = create_engine(url, connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        engine.connect().close()
    except (OSError, DBAPIError) as error:
        raise SetupError(f"{file}: {_explain(error)}") from error
    return engine


def _explain(error: OSError | DBAPIError) -> str:
    """Return why the database cannot be opened and what to do."""
    if isinstance(error, OSError):
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _REASONS[sqlite3.SQLITE_FULL] if is_full else _CLOSED
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN)
    return _REASONS.get(code & _PRIMARY_CODE, _CLOSED)


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write; they take the write lock first.

    Without that lock another process could change the rows between a transaction's read and its write.
    """
    return engine.execution_options(writes=True)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # `_begin` starts transactions, not the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # Committed data survives the death of every process. A power cut may lose the last commits, but never
    # their order, so the run resumes from a slightly earlier state.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
