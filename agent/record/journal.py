"""Journal: an append-only list of events per run, in one SQLite database for all runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from agent.core.database import writing
from agent.core.errors import InfrastructureError, SetupError
from agent.core.plain_text import without_surrogates
from agent.record.boundary import DamagedEvent, admitted, damage_sentence, damaged_record, readable_events
from agent.record.events import Event

FORMAT = 1
"""Version of the record. A run of another version is refused."""

LATEST = "latest"
"""Name of the newest run; for `mars resume` and `mars stop`, of the newest run that they can act on."""

_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)

metadata = MetaData()
runs_table = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("competition", String, nullable=False),
    Column("created_at", String, nullable=False),
)
events_table = Table(
    "events",
    metadata,
    Column("run", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("elapsed_s", Float, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("payload", Text, nullable=False),
)

# Prompts and answers of language models, each text once, by its SHA-256.
texts_table = Table(
    "texts", metadata, Column("id", String, primary_key=True), Column("text", Text, nullable=False)
)


class Journal:
    """The events of one run, in order."""

    def __init__(self, engine: Engine, run: str, created_at: datetime) -> None:
        self.run = run
        self.created_at = created_at
        self.engine = engine
        self._next = self._count()
        self._damaged: list[DamagedEvent] = []

    @classmethod
    def create(cls, engine: Engine, run: str, competition: str, created_at: datetime) -> "Journal":
        """Register a new run; SetupError if the id is taken."""
        metadata.create_all(writing(engine))
        try:
            with writing(engine).begin() as connection:
                connection.execute(
                    insert(runs_table).values(
                        id=run, format=FORMAT, competition=competition, created_at=created_at.isoformat()
                    )
                )
        except IntegrityError as error:
            raise SetupError(f"A run named {run} exists already; choose another name.") from error
        return cls(engine, run, created_at)

    @classmethod
    def open(cls, engine: Engine, run: str) -> "Journal":
        """Open a recorded run; SetupError if the run is unknown or has another format."""
        row = find_run(engine, run)
        if row.format != FORMAT:
            raise SetupError(
                f"Run {run} was recorded in format {row.format}, and this version reads format {FORMAT}; "
                "use the version of MARS that recorded the run."
            )
        return cls(engine, row.id, row.created_at)

    def events(self) -> list[Event]:
        """Return the events that can be read; `damage` then names the other rows."""
        return [event for _, event in self._read()]

    def timed_events(self) -> list[tuple[datetime, Event]]:
        """Return every event with the time when it was recorded."""
        query = select(events_table.c.seq, events_table.c.recorded_at).where(events_table.c.run == self.run)
        with self.engine.connect() as connection:
            times = {row.seq: row.recorded_at for row in connection.execute(query)}
        return [(_recorded_time(times.get(number), self.created_at), event) for number, event in self._read()]

    def last_recorded_at(self) -> datetime:
        """Return the time of the latest event, or of the run's creation if there is no event."""
        query = select(func.max(events_table.c.recorded_at)).where(events_table.c.run == self.run)
        with self.engine.connect() as connection:
            latest = connection.execute(query).scalar_one()
        return _recorded_time(latest, self.created_at)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection whose writes, events included, all succeed or all fail."""
        before = self._next
        try:
            with writing(self.engine).begin() as connection:
                yield connection
        except DBAPIError as error:
            self._next = before
            raise InfrastructureError(
                f"The record of run {self.run} cannot be written ({error.orig}); "
                f"free some space, then `mars resume {self.run}`."
            ) from error
        except BaseException:
            self._next = before
            raise

    def append(self, item: Event, connection: Connection | None = None) -> Event:
        """Append an event, in a separate transaction unless a connection is given.

        Returns:
            The event as a later session reads it; apply this one.

        Raises:
            UnrecordableError: the event has values that no record can hold.
        """
        if connection is None:
            with self.transaction() as own:
                return self.append(item, own)
        item, payload = admitted(item)
        connection.execute(
            insert(events_table).values(
                run=self.run,
                seq=self._next,
                kind=item.kind,
                elapsed_s=item.elapsed_s,
                recorded_at=datetime.now(UTC).isoformat(),
                payload=payload,
            )
        )
        self._next += 1
        return item

    def store_texts(self, texts: Mapping[str, str], connection: Connection) -> None:
        """Store texts by id; existing texts stay unchanged."""
        there = select(texts_table.c.id).where(texts_table.c.id.in_(texts))
        known = set(connection.execute(there).scalars())
        new = [
            {"id": name, "text": without_surrogates(text)}
            for name, text in texts.items()
            if name not in known
        ]
        if new:
            connection.execute(insert(texts_table), new)

    def text(self, name: str) -> str | None:
        """Return a stored text by id; None if unknown."""
        query = select(texts_table.c.text).where(texts_table.c.id == name)
        with self.engine.connect() as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
        return found

    def damage(self) -> str:
        """Return a sentence that names the rows that cannot be read; "" if there are none."""
        return damage_sentence(self.run, self._damaged)

    def _read(self) -> list[tuple[int, Event]]:
        columns = (events_table.c.seq, events_table.c.kind, events_table.c.payload)
        query = select(*columns).where(events_table.c.run == self.run).order_by(events_table.c.seq)
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(query).all()
        except DBAPIError as error:  # bytes that are no text
            raise damaged_record(self.run, "its rows are no text") from error
        events, self._damaged = readable_events(self.run, [(row[0], row[1], row[2]) for row in rows])
        return events

    def _count(self) -> int:
        query = select(func.count()).select_from(events_table).where(events_table.c.run == self.run)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


@dataclass(frozen=True)
class RunRow:
    """One row of the table of runs."""

    id: str
    format: int
    competition: str
    created_at: datetime


def list_runs(engine: Engine) -> list[RunRow]:
    """Return all runs, newest first."""
    metadata.create_all(writing(engine))
    with engine.connect() as connection:
        rows = connection.execute(select(runs_table).order_by(runs_table.c.created_at.desc())).all()
    return [
        RunRow(row.id, row.format, row.competition, _recorded_time(row.created_at, _UNKNOWN_TIME))
        for row in rows
    ]


def _recorded_time(text: object, otherwise: datetime) -> datetime:
    """Return a recorded time; `otherwise` for a value that is absent or no time."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def find_run(engine: Engine, name: str) -> RunRow:
    """Return a run by id or by an unambiguous part of it; `latest` is the newest run."""
    rows = list_runs(engine)
    exact = [row for row in rows if row.id == name] or (rows[:1] if name == LATEST else [])
    found = exact or [row for row in rows if name in row.id]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(row.id for row in found[:5])
        raise SetupError(f"'{name}' matches {len(found)} runs; use more of the id: {names}.")
    hint = f"The newest is {rows[0].id}." if rows else "No run exists yet; start one with `mars run`."
    raise SetupError(f"No run is called '{name}'. {hint}")
