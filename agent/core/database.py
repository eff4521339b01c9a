"""The SQLite database of a home: runs, events and lessons, shared by several processes."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.core.errors import SetupError

_BUSY_S = 30


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
        raise SetupError(
            f"{file}: the database cannot be opened ({error.__cause__ or error}); "
            "set MARS_HOME to a writable folder."
        ) from error
    return engine


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
