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
from agent.memory.lesson import Evidence, Lesson, Words
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
    """What makes two lessons the same: kind, scope and the change, not the words.

    Of fixes the title and the kind of the error, with which what was found begins: many have no better title
    than others.
    """
    changes = [change.model_dump() for change in lesson.changes]
    what: object = changes or lesson.edit_hash or lesson.title
    if lesson.kind == "debug":
        what = [lesson.title, lesson.findings.partition(" ")[0].partition(":")[0]]
    return json.dumps([lesson.kind, lesson.scope.model_dump(), what], sort_keys=True)


def merged(known: Lesson, new: Lesson) -> Lesson:
    """One lesson with the evidence of both, worded anew for all of it; a comparison counts once."""
    tried = {(fix.run, fix.node, fix.number) for fix in new.fixes}
    fixes = tuple(fix for fix in known.fixes if (fix.run, fix.node, fix.number) not in tried)
    same = {
        "id": known.id,
        "evidence": _pooled(known, new),
        "fixes": fixes + new.fixes,
        "words": known.words or new.words,
        "same_as": "",
    }
    return worded(new.model_copy(update=same))


def absorbed(known: Lesson, other: Lesson) -> Lesson:
    """The known lesson with the evidence of another that says the same of other edits."""
    both = {
        "findings": other.findings,
        "evidence": _pooled(known, other),
        "words": known.words or other.words,
    }
    return worded(known.model_copy(update=both))


def _pooled(known: Lesson, new: Lesson) -> tuple[Evidence, ...]:
    seen = {(item.run, item.parent, item.child) for item in new.evidence}
    older = tuple(item for item in known.evidence if (item.run, item.parent, item.child) not in seen)
    return older + new.evidence


class LessonStore:
    """The lessons table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        metadata.create_all(writing(engine))

    def all(self) -> list[Lesson]:
        """Oldest first, without those that have gone into others."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(lessons_table.c.payload).order_by(lessons_table.c.number))
            lessons = [Lesson.model_validate_json(payload) for payload in rows.scalars()]
        return [lesson for lesson in lessons if not lesson.same_as]

    def get(self, lesson_id: str) -> Lesson:
        """A lesson by id, leading zeros may be left out; the one that it has gone into, if it has."""
        with self._engine.connect() as connection:
            found = _followed(lesson_id, connection) if lesson_id.isdecimal() else None
        if found is None:
            raise SetupError(f"No lesson has the id {lesson_id}; `mars lessons list` shows those there are.")
        return found

    def add(self, lesson: Lesson, connection: Connection) -> Lesson:
        """Stores a lesson, or adds its evidence to the equal one; returns it with its id."""
        key = key_of(lesson)
        row = connection.execute(select(lessons_table).where(lessons_table.c.key == key)).one_or_none()
        if row is not None:
            known = Lesson.model_validate_json(row.payload)
            other = _followed(known.same_as, connection) if known.same_as else None
            return _written(absorbed(other, lesson) if other else merged(known, lesson), connection)
        result = connection.execute(insert(lessons_table).values(key=key, payload=""))
        assert result.inserted_primary_key is not None
        number = int(result.inserted_primary_key[0])
        return _written(lesson.model_copy(update={"id": f"{number:05d}", "same_as": ""}), connection)

    def reword(self, lesson_id: str, words: Words, same_as: str, connection: Connection) -> Lesson:
        """Tells a lesson in a model's words, or lets it go into the one that says the same.

        The latter where that may still be so, since another run may have changed either meanwhile. Returns
        the lesson that has the evidence now.
        """
        lesson, other = _followed(lesson_id, connection), _followed(same_as or lesson_id, connection)
        assert lesson is not None
        told = worded(lesson.model_copy(update={"words": words}))
        if other is None or not lesson.may_be_the_same(other):
            return _written(told, connection)
        _written(lesson.model_copy(update={"same_as": other.id}), connection)
        return _written(absorbed(other, told), connection)

    def import_all(self, lessons: list[Lesson]) -> int:
        """Merges recorded lessons; returns how many were read."""
        with writing(self._engine).begin() as connection:
            for lesson in lessons:
                self.add(lesson, connection)
        return len(lessons)


def _followed(lesson_id: str, connection: Connection) -> Lesson | None:
    """A lesson by id, or the one that it has gone into, or that one's; None: there is none."""
    query = select(lessons_table.c.payload).where(lessons_table.c.number == int(lesson_id))
    payload = connection.execute(query).scalar_one_or_none()
    lesson = Lesson.model_validate_json(payload) if payload else None
    return _followed(lesson.same_as, connection) if lesson is not None and lesson.same_as else lesson


def _written(lesson: Lesson, connection: Connection) -> Lesson:
    """The lesson, in its row."""
    where = lessons_table.c.number == int(lesson.id)
    connection.execute(update(lessons_table).where(where).values(payload=lesson.model_dump_json()))
    return lesson


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
