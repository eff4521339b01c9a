"""The one SQLite database below the home: runs, events and lessons, shared by several processes."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.errors import SetupError

_BUSY_S = 30


def open_database(file: Path) -> Engine:
    """Opens (or makes) the database; raises SetupError where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        engine.connect().close()
    except (OSError, DBAPIError) as error:
        raise SetupError(
            f"{file}: the record cannot be opened ({error.__cause__ or error}); "
            "point MARS_HOME to a folder that you may write."
        ) from error
    return engine


def writing(engine: Engine) -> Engine:
    """The engine, for transactions that write: they take the write lock first.

    A transaction that reads before it writes could otherwise decide on what another process then changes.
    """
    return engine.execution_options(writes=True)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # What is committed survives the death of every process; a power cut may take the last moments, never
    # the order: the run then resumes from a little earlier.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
