"""Lessons of all runs, in the global database; equal lessons merge and add their evidence."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from agent.database import writing
from agent.errors import SetupError
from agent.memory.distill import worded
from agent.memory.lesson import Lesson
from agent.userfiles import first_fault
from agent.written import file_aside

metadata = MetaData()
lessons_table = Table(
    "lessons",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", String, unique=True, nullable=False),
    Column("payload", Text, nullable=False),
)
_lessons = TypeAdapter(list[Lesson])


def key_of(lesson: Lesson) -> str:
    """What makes two lessons the same: kind, scope and the change, not the words."""
    changes = [change.model_dump() for change in lesson.changes]
    what = changes or lesson.edit_hash or lesson.title
    return json.dumps([lesson.kind, lesson.scope.model_dump(), what], sort_keys=True)


def merged(known: Lesson, new: Lesson) -> Lesson:
    """One lesson with the evidence of both, worded anew for all of it; a comparison counts once."""
    seen = {(item.run, item.parent, item.child) for item in new.evidence}
    older = tuple(item for item in known.evidence if (item.run, item.parent, item.child) not in seen)
    tried = {(fix.run, fix.node, fix.number) for fix in new.fixes}
    fixes = tuple(fix for fix in known.fixes if (fix.run, fix.node, fix.number) not in tried)
    both = {"id": known.id, "evidence": older + new.evidence, "fixes": fixes + new.fixes}
    return worded(new.model_copy(update=both))


class LessonStore:
    """The lessons table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        metadata.create_all(writing(engine))

    def all(self) -> list[Lesson]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(lessons_table.c.payload).order_by(lessons_table.c.number))
            return [Lesson.model_validate_json(payload) for payload in rows.scalars()]

    def get(self, lesson_id: str) -> Lesson:
        """A lesson by id; leading zeros may be left out."""
        for lesson in self.all():
            if lesson.id == lesson_id.zfill(5):
                return lesson
        raise SetupError(f"No lesson has the id {lesson_id}; `mars lessons list` shows those there are.")

    def add(self, lesson: Lesson, connection: Connection) -> Lesson:
        """Stores a lesson, or adds its evidence to the equal one; returns it with its id."""
        key = key_of(lesson)
        row = connection.execute(select(lessons_table).where(lessons_table.c.key == key)).one_or_none()
        if row is not None:
            stored = merged(Lesson.model_validate_json(row.payload), lesson)
            values = {"payload": stored.model_dump_json()}
            connection.execute(update(lessons_table).where(lessons_table.c.key == key).values(values))
            return stored
        result = connection.execute(insert(lessons_table).values(key=key, payload=""))
        assert result.inserted_primary_key is not None
        number = int(result.inserted_primary_key[0])
        stored = lesson.model_copy(update={"id": f"{number:05d}"})
        where = lessons_table.c.number == number
        connection.execute(update(lessons_table).where(where).values(payload=stored.model_dump_json()))
        return stored

    def import_all(self, lessons: list[Lesson]) -> int:
        """Merges recorded lessons; returns how many were read."""
        with writing(self._engine).begin() as connection:
            for lesson in lessons:
                self.add(lesson, connection)
        return len(lessons)


def write_lessons(lessons: list[Lesson], file: Path) -> None:
    """Exports lessons as JSON. Raises InfrastructureError if the file cannot be written."""
    with file_aside(file, "export of lessons") as path:
        path.write_bytes(_lessons.dump_json(lessons, indent=2) + b"\n")


def read_lessons(file: Path) -> list[Lesson]:
    """Reads exported lessons; SetupError names the file and the first fault."""
    try:
        return _lessons.validate_json(file.read_bytes())
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise SetupError(f"{file}: is no list of lessons ({first_fault(error)}).") from error
