"""What a language model may answer when it is asked for an idea: JSON schemas, and answers made proposals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.llm.forms import AnswerError, Form
from agent.memory.lesson import Lesson
from agent.planner.base import Proposal, Request
from agent.planner.ground import Ground, fits_roughly, inherited_cites
from agent.planner.words import PARTS, draft_idea, idea_of, improved_texts
from agent.record.state import Node
from agent.repository.family import Draft, Family, Slot, Value
from agent.repository.idea import Blueprint, Change, Idea, changes_between

TITLE_LENGTH = 100
PART_LENGTH = 400
_LENGTHS = {"title": TITLE_LENGTH, "reason": PART_LENGTH, **dict.fromkeys(PARTS, PART_LENGTH)}
DRAFT_CHANGES = 6
IMPROVE_CHANGES = 2  # more would leave a lesson without a cause

Schema = dict[str, object]
A = TypeVar("A", bound="_Answer")


class _Answer(BaseModel):
    """What all answers have; lengths are cut rather than refused, since words decide nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str = ""
    changes: tuple["_SlotValue", ...] = ()
    cites: tuple[str, ...] = ()


class _SlotValue(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    slot: str
    value: Value


class _DraftAnswer(_Answer):
    start: str
    model: str = ""
    data: str = ""
    training: str = ""
    evaluation: str = ""


class _ImproveAnswer(_Answer):
    reason: str = ""


@dataclass(frozen=True)
class Start:
    """A starting point of a family, by the name that answers use."""

    family: Family
    draft: Draft

    @property
    def name(self) -> str:
        return f"{self.family.id}/{self.draft.id}"


def draft_form(
    request: Request, ground: Ground, lessons: Sequence[Lesson], terse: bool = False
) -> Form[Proposal]:
    """A new structure: a starting point and a few slots that differ from it.

    `terse` asks for no words: a very small model has none that are worth reading.
    """
    starts = {start.name: start for start in (Start(*option) for option in ground.drafts())}
    slots = {name: slot for family in ground.families.values() for name, slot in family.slots.items()}
    schema = _object(
        {
            "start": {"type": "string", "enum": list(starts)},
            "changes": _changes(_open_values(slots, ground), DRAFT_CHANGES, least=0),
            **({} if terse else {name: _text(_LENGTHS[name]) for name in ("title", *PARTS)}),
            **_cites(lessons),
        }
    )

    def read(answer: object) -> Proposal:
        given = _parsed(_DraftAnswer, answer)
        if given.start not in starts:
            raise AnswerError(f"start: '{given.start}' is none of {', '.join(starts)}.")
        start = starts[given.start]
        base = ground.wishes.start(start.family, start.draft)
        changed = _with(base, given.changes, start.family, DRAFT_CHANGES)
        _require_new(request, ground, start.family, changed)
        expected = ground.draft_seconds(request.state, start.family, changed)
        if not fits_roughly(expected, request):
            raise AnswerError(_too_long(expected or 0.0, request.limit_s))
        cites = _cited(given.cites, lessons, changed, changes_between(base, changed))
        return Proposal(_told(given, draft_idea(start.family, start.draft, changed, (), cites)), expected)

    return Form("draft", schema, read)


def improve_form(
    request: Request, ground: Ground, lessons: Sequence[Lesson], parent: Node, terse: bool = False
) -> Form[Proposal] | None:
    """One or two slots of the parent changed; None where no single change would be new and fit the time.

    `terse` as for drafts.
    """
    blueprint = parent.blueprint
    if blueprint is None or blueprint.family not in ground.families:
        return None
    family = ground.families[blueprint.family]
    possible = _possible(request, ground, family, parent, blueprint)
    if not possible:
        return None
    schema = _object(
        {
            "changes": _changes(possible, IMPROVE_CHANGES, least=1),
            **({} if terse else {name: _text(_LENGTHS[name]) for name in ("title", "reason")}),
            **_cites(lessons),
        }
    )

    def read(answer: object) -> Proposal:
        given = _parsed(_ImproveAnswer, answer)
        changed = _with(blueprint.slots, given.changes, family, IMPROVE_CHANGES)
        changes = changes_between(blueprint.slots, changed)
        if not changes:
            raise AnswerError("changes: every slot keeps its parent's value; change at least one.")
        _require_new(request, ground, family, changed)
        expected = parent.seconds * family.relative_cost(changed) / family.relative_cost(blueprint.slots)
        if not ground.surely_fits(request, family, changed, expected):
            raise AnswerError(_too_long(expected, request.limit_s))
        first = [parent, *request.state.ancestors(parent)][-1]
        made = {(change.slot, change.new) for change in changes}
        arms = ground.arms(request, parent, family, blueprint)
        idea = idea_of(
            _plain(given.title, TITLE_LENGTH) or _said(changes),
            improved_texts(family, first, changed, _plain(given.reason, PART_LENGTH)),
            Blueprint(family=family.id, slots=changed),
            moves=tuple(arm.move.id for arm in arms if {(one.slot, one.new) for one in arm.changes} <= made),
            changes=changes,
            cites=inherited_cites(parent, changed) | _cited(given.cites, lessons, changed, changes),
        )
        return Proposal(idea, expected)

    return Form("improve", schema, read)


def _told(given: _DraftAnswer, idea: Idea) -> Idea:
    """The idea in the words of the answer, as far as it has any."""
    said = {name: _plain(getattr(given, name), limit) for name, limit in _LENGTHS.items() if name != "reason"}
    return idea.model_copy(update={name: text for name, text in said.items() if text})


def _said(changes: Sequence[Change]) -> str:
    return "; ".join(f"{change.slot.replace('_', ' ')} {change.new}, not {change.old}" for change in changes)


def _possible(
    request: Request, ground: Ground, family: Family, parent: Node, blueprint: Blueprint
) -> dict[str, list[Value]]:
    """Values by slot, each of which would by itself be new, allowed and short enough."""
    own_cost = family.relative_cost(blueprint.slots)
    found: dict[str, list[Value]] = {}
    for name, slot in family.slots.items():
        for value in slot.values:
            slots = {**blueprint.slots, name: value}
            if value == blueprint.slots[name] or not ground.may_be(request.state, family, slots):
                continue
            expected = parent.seconds * family.relative_cost(slots) / own_cost
            if ground.surely_fits(request, family, slots, expected):
                found.setdefault(name, []).append(value)
    return found


def _open_values(slots: Mapping[str, Slot], ground: Ground) -> dict[str, list[Value]]:
    """What the user left open."""
    wishes = ground.wishes
    return {
        name: values
        for name, slot in slots.items()
        if name not in wishes.pinned
        and (values := [value for value in slot.values if (name, value) not in wishes.ruled_out])
    }


# -- schemas -------------------------------------------------------------------------------------------


def _object(properties: Schema) -> Schema:
    """Strict endpoints want every property required and no other allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(limit: int) -> Schema:
    return {"type": "string", "maxLength": limit}


def _changes(values: Mapping[str, Sequence[Value]], most: int, least: int) -> Schema:
    items = [
        _object({"slot": {"type": "string", "enum": [name]}, "value": {"enum": list(options)}})
        for name, options in values.items()
    ]
    return {"type": "array", "minItems": least, "maxItems": most, "items": {"anyOf": items}}


def _cites(lessons: Sequence[Lesson]) -> Schema:
    if not lessons:
        return {}
    ids = {"type": "string", "enum": [lesson.id for lesson in lessons]}
    return {"cites": {"type": "array", "maxItems": 5, "items": ids}}


# -- answers -------------------------------------------------------------------------------------------


def _parsed(kind: type[A], answer: object) -> A:
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise AnswerError(f"{where}: {first['msg']}.") from error


def _with(
    base: Mapping[str, Value], changes: Iterable[_SlotValue], family: Family, most: int
) -> dict[str, Value]:
    slots = dict(base)
    for number, change in enumerate(changes):
        if number == most:
            raise AnswerError(f"changes: at most {most} slots may change.")
        slot = family.slots.get(change.slot)
        if slot is None:
            raise AnswerError(
                f"changes: family {family.id} has no slot '{change.slot}'; it has {', '.join(family.slots)}."
            )
        value = _as_typed(slot, change.value)
        if value is None:
            known = ", ".join(str(option) for option in slot.values)
            raise AnswerError(
                f"changes: slot '{change.slot}' does not take {change.value!r}; it takes {known}."
            )
        slots[change.slot] = value
    return slots


def _as_typed(slot: Slot, value: Value) -> Value | None:
    """The value as the slot has it: JSON knows 1.0 and "32" where a slot says 1 or 32. None: not accepted."""
    if slot.accepts(value):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and slot.accepts(int(value)):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and slot.accepts(float(value)):
        return float(value)
    same = [known for known in slot.values if str(known).lower() == str(value).strip().lower()]
    return same[0] if same else None


def _require_new(request: Request, ground: Ground, family: Family, slots: dict[str, Value]) -> None:
    if not ground.wishes.allow(slots):
        raise AnswerError("changes: the user pinned or forbade one of these values; leave it as it is.")
    if not ground.may_be(request.state, family, slots):
        raise AnswerError("This combination of slots was tried already; change something else or more.")


def _too_long(expected_s: float, limit_s: float) -> str:
    return f"It would take about {expected_s:.0f} s, and {limit_s:.0f} s may be used: make it cheaper."


def _cited(
    ids: Iterable[str], lessons: Sequence[Lesson], slots: Mapping[str, Value], changes: Sequence[Change]
) -> dict[str, tuple[str, ...]]:
    """Each cited lesson below the slot that it speaks of, else below the first slot that changed."""
    offered = {lesson.id: lesson for lesson in lessons}
    cites: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys(ids):
        if name not in offered:
            known = ", ".join(offered) or "none"
            raise AnswerError(f"cites: lesson '{name}' was not offered; those at hand: {known}.")
        about = [change.slot for change in offered[name].changes if change.slot in slots]
        own = [slot for slot in about if slot in {change.slot for change in changes}]
        place = [*own, *about, *(change.slot for change in changes)]
        if place:
            cites[place[0]] = (*cites.get(place[0], ()), name)
    return cites


def _plain(text: str, limit: int) -> str:
    """One line of printable characters, cut to the limit at the end of a word."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0]
