"""Language models' answers about ideas: JSON schemas, and parsing into typed values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.llm.answer_format import AnswerError
from agent.memory.lesson import Lesson
from agent.planner.library.idea_text import PARTS
from agent.repository.edits import Edit
from agent.repository.family import Family, Slot, Value
from agent.repository.idea import Change

TITLE_LENGTH = 100
PART_LENGTH = 400
PLAN_LENGTH = 6000  # of a part of the plan, by a model whose questions are whole
LENGTHS = {"title": TITLE_LENGTH, "reason": PART_LENGTH, **dict.fromkeys(PARTS, PART_LENGTH)}
EDITS = "edits"  # key of citations that belong to no slot

Schema = dict[str, object]
A = TypeVar("A", bound=BaseModel)


class SlotValue(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    slot: str
    value: Value


class Answer(BaseModel):
    """Fields that all answers share. Long texts are cut, because no decision depends on prose."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str = ""
    changes: tuple[SlotValue, ...] = ()
    cites: tuple[str, ...] = ()


class DraftAnswer(Answer):
    start: str
    model: str = ""
    data: str = ""
    training: str = ""
    evaluation: str = ""


class ImproveAnswer(Answer):
    reason: str = ""
    look: tuple[str, ...] = ()


class Rewrite(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str
    code: str


class EditAnswer(Answer):
    reason: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    edits: tuple[Edit, ...] = ()


# -- schemas -------------------------------------------------------------------------------------------


def closed_object(properties: Schema) -> Schema:
    """Return an object schema for strict endpoints: all properties required, no others allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def text_schema(limit: int) -> Schema:
    """Return the schema of a text of at most `limit` characters; longer texts are cut when they are read."""
    return {"type": "string", "maxLength": limit}


def changes_schema(values: Mapping[str, Sequence[Value]], most: int, least: int) -> Schema:
    """Return the schema of a list of `least` to `most` slots, each with one of its own values."""
    items = [
        closed_object({"slot": {"type": "string", "enum": [name]}, "value": {"enum": list(options)}})
        for name, options in values.items()
    ]
    return {"type": "array", "minItems": least, "maxItems": most, "items": {"anyOf": items}}


def cites_schema(lessons: Sequence[Lesson]) -> Schema:
    """Return the property `cites`, or nothing if there are no lessons to cite."""
    if not lessons:
        return {}
    ids = {"type": "string", "enum": [lesson.id for lesson in lessons]}
    return {"cites": {"type": "array", "maxItems": 5, "items": ids}}


# -- answers -------------------------------------------------------------------------------------------


def parse_answer(kind: type[A], answer: object) -> A:
    """Parse an answer into `kind`.

    Raises:
        AnswerError: Names the field that is wrong.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise AnswerError(f"{where}: {first['msg']}.") from error


def with_changes(
    base: Mapping[str, Value], changes: Iterable[SlotValue], family: Family, most: int
) -> dict[str, Value]:
    """Return the slots of `base` with the changes of an answer applied.

    Raises:
        AnswerError: There are more than `most` changes, or a slot or value is unknown.
    """
    slots = dict(base)
    for number, change in enumerate(changes):
        if number == most:
            raise AnswerError(f"changes: at most {most} slots may change.")
        slot = family.slots.get(change.slot)
        if slot is None:
            raise AnswerError(
                f"changes: family {family.id} has no slot '{change.slot}'; its slots are "
                f"{', '.join(family.slots)}."
            )
        value = _as_typed(slot, change.value)
        if value is None:
            known = ", ".join(str(option) for option in slot.values)
            raise AnswerError(
                f"changes: slot '{change.slot}' does not accept {change.value!r}; its values are {known}."
            )
        slots[change.slot] = value
    return slots


def _as_typed(slot: Slot, value: Value) -> Value | None:
    """Return the value in the type that the slot declares, or None if the slot does not accept it.

    JSON may hold 1.0 or "32" where the slot declares 1 or 32.
    """
    for known in slot.values:  # 1 instead of the slot's 1.0 would count as a different blueprint
        if isinstance(known, bool) == isinstance(value, bool) and known == value:
            return known
    if slot.accepts(value):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and slot.accepts(int(value)):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and slot.accepts(float(value)):
        return float(value)
    same = [known for known in slot.values if str(known).lower() == str(value).strip().lower()]
    return same[0] if same else None


def cites_by_slot(
    ids: Iterable[str], lessons: Sequence[Lesson], slots: Mapping[str, Value], changes: Sequence[Change]
) -> dict[str, tuple[str, ...]]:
    """Group cited lessons by slot.

    A lesson goes to a changed slot that the lesson is about, else to any slot that the lesson is about, else
    to the first changed slot, else to `EDITS`.

    Raises:
        AnswerError: A cited lesson was not offered.
    """
    offered = {lesson.id: lesson for lesson in lessons}
    cites: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys(ids):
        if name not in offered:
            known = ", ".join(offered) or "none"
            raise AnswerError(f"cites: lesson '{name}' was not offered; the lessons offered are: {known}.")
        about = [change.slot for change in offered[name].changes if change.slot in slots]
        changed = [slot for slot in about if slot in {change.slot for change in changes}]
        place = next(iter([*changed, *about, *(change.slot for change in changes), EDITS]))
        cites[place] = (*cites.get(place, ()), name)
    return cites


def merge_cites(*parts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Merge citations; each lesson appears once per slot."""
    places = dict.fromkeys(place for part in parts for place in part)
    return {
        place: tuple(dict.fromkeys(name for part in parts for name in part.get(place, ())))
        for place in places
    }


def one_line(text: str, limit: int) -> str:
    """Return the text on one line of printable characters, cut at a word end to `limit` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0]
