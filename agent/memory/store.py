"""Lessons of all runs in the global database; equal lessons merge and pool their evidence."""

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

from agent.core.atomic_files import atomic_file
from agent.core.database import writing
from agent.core.errors import SetupError
from agent.core.format import listed
from agent.core.yaml_files import first_fault
from agent.memory.distill import with_generated_text
from agent.memory.lesson import Evidence, Lesson, LessonText

metadata = MetaData()
lessons_table = Table(
    "lessons",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", String, unique=True, nullable=False),
    Column("payload", Text, nullable=False),
)
damaged_table = Table(
    "damaged_lessons",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("payload", Text, nullable=False),
)
_lessons = TypeAdapter(list[Lesson])
_FILE_BYTES = 256 * 2**20


def key_of(lesson: Lesson) -> str:
    """Return the key of equal lessons: kind, scope and change, not the words.

    Debug lessons also use the type of the error, with which the findings begin, because many fixes have the
    same title.
    """
    changes = [change.model_dump() for change in lesson.changes]
    what: object = changes or lesson.edit_hash or lesson.title
    if lesson.kind == "debug":
        what = [lesson.title, lesson.findings.partition(" ")[0].partition(":")[0]]
    scope = lesson.scope.model_dump(exclude_defaults=True)  # keys of former versions have no structure
    return json.dumps([lesson.kind, scope, what], sort_keys=True)


def merged(known: Lesson, new: Lesson) -> Lesson:
    """Return one lesson with the evidence of both and matching words; a comparison counts once."""
    tried = {(fix.run, fix.node, fix.number) for fix in new.fixes}
    fixes = tuple(fix for fix in known.fixes if (fix.run, fix.node, fix.number) not in tried)
    same = {
        "id": known.id,
        "evidence": _pooled(known, new),
        "fixes": fixes + new.fixes,
        "words": known.words or new.words,
        "same_as": "",
    }
    return with_generated_text(new.model_copy(update=same))


def with_evidence_of(known: Lesson, other: Lesson) -> Lesson:
    """Return the known lesson with the evidence of an equivalent lesson about other edits."""
    both = {
        "findings": other.findings,
        "evidence": _pooled(known, other),
        "words": known.words or other.words,
    }
    return with_generated_text(known.model_copy(update=both))


def _pooled(known: Lesson, new: Lesson) -> tuple[Evidence, ...]:
    seen = {(item.run, item.parent, item.child) for item in new.evidence}
    older = tuple(item for item in known.evidence if (item.run, item.parent, item.child) not in seen)
    return older + new.evidence


class LessonStore:
    """The lessons table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._damaged: list[str] = []
        metadata.create_all(writing(engine))

    def all(self) -> list[Lesson]:
        """Return the lessons, oldest first, without those merged into others."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(lessons_table).order_by(lessons_table.c.number)).all()
        lessons: list[Lesson] = []
        self._damaged = []
        for row in rows:
            try:
                lessons.append(Lesson.model_validate_json(row.payload))
            except ValidationError as error:
                self._damaged.append(f"{row.number:05d} ({first_fault(error)})")
        return [lesson for lesson in lessons if not lesson.same_as]

    def damage(self) -> str:
        """Return a sentence that names the lessons that `all` left out as damaged; "" if none."""
        if not self._damaged:
            return ""
        return f"Damaged lessons are left out and stay in the database: {listed(self._damaged, 3)}."

    def get(self, lesson_id: str) -> Lesson:
        """Return a lesson by id (leading zeros optional), or the lesson that it was merged into.

        Raises:
            SetupError: no lesson has this id, or its row is damaged.
        """
        with self._engine.connect() as connection:
            is_number = lesson_id.isdecimal() and len(lesson_id) < 10
            found = _resolve(lesson_id, connection) if is_number else None
            is_damaged = is_number and found is None and _is_there(lesson_id, connection)
        if is_damaged:
            raise SetupError(
                f"Lesson {lesson_id.zfill(5)} is damaged; its row stays in the database and is left out."
            )
        if found is None:
            raise SetupError(f"No lesson has the id {lesson_id}; `mars lessons list` shows all lessons.")
        return found

    def add(self, lesson: Lesson, connection: Connection) -> Lesson:
        """Store a lesson, or add its evidence to the equal one; return the stored lesson with its id."""
        key = key_of(lesson)
        row = connection.execute(select(lessons_table).where(lessons_table.c.key == key)).one_or_none()
        known = _lesson_in(row.payload) if row is not None else None
        if row is not None and known is None:
            _keep_aside(row.number, row.payload, connection)
            return _save(lesson.model_copy(update={"id": f"{row.number:05d}", "same_as": ""}), connection)
        if known is not None:
            other = _resolve(known.same_as, connection) if known.same_as else None
            return _save(with_evidence_of(other, lesson) if other else merged(known, lesson), connection)
        result = connection.execute(insert(lessons_table).values(key=key, payload=""))
        assert result.inserted_primary_key is not None
        number = int(result.inserted_primary_key[0])
        return _save(lesson.model_copy(update={"id": f"{number:05d}", "same_as": ""}), connection)

    def reword(self, lesson_id: str, words: LessonText, same_as: str, connection: Connection) -> Lesson:
        """Word a lesson with a model's words, or merge the lesson into an equivalent one.

        Another run may have changed either lesson meanwhile, so they merge only if they may still be
        equivalent.

        Args:
            lesson_id: the lesson to word.
            words: the model's words.
            same_as: id of the equivalent lesson; "" for none.
            connection: the open transaction.

        Returns:
            The lesson that has the evidence now.
        """
        lesson, other = _resolve(lesson_id, connection), _resolve(same_as or lesson_id, connection)
        assert lesson is not None
        rephrased = with_generated_text(lesson.model_copy(update={"words": words}))
        if other is None or not lesson.may_be_equivalent(other):
            return _save(rephrased, connection)
        _save(lesson.model_copy(update={"same_as": other.id}), connection)
        return _save(with_evidence_of(other, rephrased), connection)

    def import_all(self, lessons: list[Lesson]) -> int:
        """Merge recorded lessons; return their number."""
        with writing(self._engine).begin() as connection:
            for lesson in lessons:
                self.add(lesson, connection)
        return len(lessons)


def _resolve(lesson_id: str, connection: Connection) -> Lesson | None:
    """Return a lesson by id, following merges to the last lesson; None if unknown."""
    query = select(lessons_table.c.payload).where(lessons_table.c.number == int(lesson_id))
    payload = connection.execute(query).scalar_one_or_none()
    lesson = _lesson_in(payload) if payload else None
    return _resolve(lesson.same_as, connection) if lesson is not None and lesson.same_as else lesson


def _is_there(lesson_id: str, connection: Connection) -> bool:
    query = select(lessons_table.c.number).where(lessons_table.c.number == int(lesson_id))
    return connection.execute(query).first() is not None


def _lesson_in(payload: str) -> Lesson | None:
    """Return a recorded lesson; None if its row is damaged."""
    try:
        return Lesson.model_validate_json(payload)
    except ValidationError:
        return None


def _keep_aside(number: int, payload: str, connection: Connection) -> None:
    """Copy a damaged row to a table of its own, before a lesson replaces it."""
    connection.execute(insert(damaged_table).values(number=number, payload=payload))


def _save(lesson: Lesson, connection: Connection) -> Lesson:
    """Write the lesson to its row and return it."""
    where = lessons_table.c.number == int(lesson.id)
    connection.execute(update(lessons_table).where(where).values(payload=lesson.model_dump_json()))
    return lesson


def write_lessons(lessons: list[Lesson], file: Path) -> None:
    """Export lessons as JSON; InfrastructureError if the file cannot be written."""
    with atomic_file(file, "export of lessons") as path:
        path.write_bytes(_lessons.dump_json(lessons, indent=2) + b"\n")


def read_lessons(file: Path) -> list[Lesson]:
    """Read exported lessons; SetupError names the file and the first fault."""
    try:
        if (file.exists() and not file.is_file()) or file.stat().st_size > _FILE_BYTES:
            raise SetupError(f"{file}: not a file of at most {_FILE_BYTES // 2**20} MiB.")
        lessons = _lessons.validate_json(file.read_bytes())
        if "\\u0000" in _lessons.dump_json(lessons).decode():
            raise SetupError(f"{file}: a text of a lesson holds the sign NUL; remove it.")
        return lessons
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise SetupError(f"{file}: not a list of lessons ({first_fault(error)}).") from error
