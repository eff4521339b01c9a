"""What a language model may answer when it is asked for an idea: JSON schemas, and answers made proposals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.llm.forms import AnswerError, Form
from agent.memory.lesson import Lesson
from agent.planner.answers import (
    LENGTHS,
    PART_LENGTH,
    TITLE_LENGTH,
    DraftAnswer,
    ImproveAnswer,
    Schema,
    changes_schema,
    cited,
    cites_schema,
    closed_object,
    parsed,
    plain,
    text_schema,
    with_changes,
)
from agent.planner.base import Proposal, Request
from agent.planner.ground import Ground, fits_roughly, inherited_cites
from agent.planner.words import PARTS, draft_idea, idea_of, improved_texts
from agent.record.state import Node
from agent.repository.family import Draft, Family, Value
from agent.repository.idea import Blueprint, Change, Idea, changes_between

DRAFT_CHANGES = 6
IMPROVE_CHANGES = 2  # more would leave a lesson without a cause
OWN_CODE = "own code"  # among the starting points: every module is written by the model
LOOKS = 2  # modules; to see all of them would cost more than the rest of the question


@dataclass(frozen=True)
class Look:
    """A plan that slots cannot carry out: modules that the model wants to see before it edits them."""

    files: tuple[str, ...]
    title: str
    reason: str


@dataclass(frozen=True)
class Start:
    """A starting point of a family, by the name that answers use."""

    family: Family
    draft: Draft

    @property
    def name(self) -> str:
        return f"{self.family.id}/{self.draft.id}"


@dataclass(frozen=True)
class OwnCode:
    """The wish to write a solution itself instead of a family's."""


def may_write_own(ground: Ground, terse: bool) -> bool:
    """Whether a model may write a solution itself: not a very small one, nor where slots are pinned."""
    return not terse and not ground.wishes.pinned


def draft_form(
    request: Request, ground: Ground, lessons: Sequence[Lesson], terse: bool = False
) -> Form[Proposal | OwnCode] | None:
    """A new structure: a starting point and a few slots that differ from it; None where none fits the time.

    Or the wish to write all modules itself. `terse` asks for no words, and for no code: a very small model
    has none that are worth reading.
    """
    may_write = may_write_own(ground, terse)
    starts = {start.name: start for start in _starts_in_time(request, ground)}
    if not starts:
        return None
    values = _open_values(request, ground, next(iter(starts.values())))
    schema = closed_object(
        {
            "start": {"type": "string", "enum": [*starts, *([OWN_CODE] if may_write else [])]},
            **({"changes": changes_schema(values, DRAFT_CHANGES, least=0)} if values else {}),
            **({} if terse else {name: text_schema(LENGTHS[name]) for name in ("title", *PARTS)}),
            **cites_schema(lessons),
        }
    )

    def read(answer: object) -> Proposal | OwnCode:
        given = parsed(DraftAnswer, answer)
        if given.start == OWN_CODE and may_write:
            return OwnCode()
        if given.start not in starts:
            raise AnswerError(f"start: '{given.start}' is none of {', '.join(starts)}.")
        start = starts[given.start]
        base = ground.wishes.start(start.family, start.draft)
        changed = with_changes(base, given.changes, start.family, DRAFT_CHANGES)
        _require_new(request, ground, start.family, changed, None)
        expected = ground.draft_seconds(request.state, start.family, changed)
        if not fits_roughly(expected, request):
            raise AnswerError(_too_long(expected or 0.0, request.limit_s))
        cites = cited(given.cites, lessons, changed, changes_between(base, changed))
        return Proposal(_told(given, draft_idea(start.family, start.draft, changed, (), cites)), expected)

    return Form("draft", schema, read)


def improve_form(
    request: Request,
    ground: Ground,
    lessons: Sequence[Lesson],
    parent: Node,
    modules: Sequence[str] = (),
    terse: bool = False,
) -> Form[Proposal | Look] | None:
    """One or two slots of the parent changed, or a plan for its modules, if any may be edited.

    None where there is nothing to choose: no single change would be new and fit the time. `terse` as for
    drafts.
    """
    blueprint = parent.blueprint
    if blueprint is None and modules and not terse:
        return _look_form(modules, lessons)
    if blueprint is None or blueprint.family not in ground.families:
        return None
    family = ground.families[blueprint.family]
    possible = _possible(request, ground, family, parent, blueprint)
    may_edit = (
        bool(modules) and not terse and ground.surely_fits(request, family, blueprint.slots, parent.seconds)
    )
    if not possible and not may_edit:
        return None
    least = 0 if may_edit else 1
    schema = closed_object(
        {
            **({"changes": changes_schema(possible, IMPROVE_CHANGES, least)} if possible else {}),
            **({"look": _looks_schema(modules)} if may_edit else {}),
            **({} if terse else {name: text_schema(LENGTHS[name]) for name in ("title", "reason")}),
            **cites_schema(lessons),
        }
    )

    def read(answer: object) -> Proposal | Look:
        given = parsed(ImproveAnswer, answer)
        if given.look and not given.changes:
            return _looked(given, modules)
        changed = with_changes(blueprint.slots, given.changes, family, IMPROVE_CHANGES)
        changes = changes_between(blueprint.slots, changed)
        if not changes:
            raise AnswerError("changes: every slot keeps its parent's value; change at least one.")
        _require_new(request, ground, family, changed, parent)
        expected = parent.seconds * family.relative_cost(changed) / family.relative_cost(blueprint.slots)
        if not ground.surely_fits(request, family, changed, expected):
            raise AnswerError(_too_long(expected, request.limit_s))
        first = [parent, *request.state.ancestors(parent)][-1]
        made = {(change.slot, change.new) for change in changes}
        arms = ground.arms(request, parent, family, blueprint)
        idea = idea_of(
            plain(given.title, TITLE_LENGTH) or _said(changes),
            improved_texts(family, first, changed, plain(given.reason, PART_LENGTH)),
            Blueprint(family=family.id, slots=changed),
            moves=tuple(arm.move.id for arm in arms if {(one.slot, one.new) for one in arm.changes} <= made),
            changes=changes,
            cites=inherited_cites(parent, changed) | cited(given.cites, lessons, changed, changes),
        )
        return Proposal(idea, expected)

    return Form("improve", schema, read)


def _look_form(modules: Sequence[str], lessons: Sequence[Lesson]) -> Form[Proposal | Look]:
    """For code that no blueprint renders: a plan, and the modules that it is about."""
    schema = closed_object(
        {
            "look": {**_looks_schema(modules), "minItems": 1},
            **{name: text_schema(LENGTHS[name]) for name in ("title", "reason")},
            **cites_schema(lessons),
        }
    )
    return Form("improve", schema, lambda answer: _looked(parsed(ImproveAnswer, answer), modules))


def _looks_schema(modules: Sequence[str]) -> Schema:
    return {"type": "array", "maxItems": LOOKS, "items": {"type": "string", "enum": list(modules)}}


def _looked(given: ImproveAnswer, modules: Sequence[str]) -> Look:
    unknown = sorted(set(given.look) - set(modules))
    if unknown or not 0 < len(given.look) <= LOOKS:
        raise AnswerError(f"look: one to {LOOKS} of {', '.join(modules) or 'none'}.")
    return Look(given.look, plain(given.title, TITLE_LENGTH), plain(given.reason, PART_LENGTH))


def _told(given: DraftAnswer, idea: Idea) -> Idea:
    """The idea in the words of the answer, as far as it has any."""
    said = {name: plain(getattr(given, name), limit) for name, limit in LENGTHS.items() if name != "reason"}
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
            if value == blueprint.slots[name] or not ground.may_be(request.state, family, slots, parent):
                continue
            expected = parent.seconds * family.relative_cost(slots) / own_cost
            if ground.surely_fits(request, family, slots, expected):
                found.setdefault(name, []).append(value)
    return found


def _starts_in_time(request: Request, ground: Ground) -> list[Start]:
    """The starting points that fit the time as they are, the lightest first."""
    starts = [Start(*option) for option in ground.drafts()]
    return [start for start in starts if _fits(request, ground, start, {})]


def _fits(request: Request, ground: Ground, start: Start, more: Mapping[str, Value]) -> bool:
    slots = {**ground.wishes.start(start.family, start.draft), **more}
    return fits_roughly(ground.draft_seconds(request.state, start.family, slots), request)


def _open_values(request: Request, ground: Ground, lightest: Start) -> dict[str, list[Value]]:
    """What the user left open, slot by slot, and would fit the time if the lightest start had it.

    A slot that several families have may take what any of them does.
    """
    wishes = ground.wishes
    found: dict[str, dict[tuple[type, Value], None]] = {}
    for family in ground.families.values():
        for name, slot in family.slots.items():
            if name in wishes.pinned:
                continue
            for value in slot.values:
                in_time = family.id != lightest.family.id or _fits(request, ground, lightest, {name: value})
                if in_time and (name, value) not in wishes.ruled_out:
                    found.setdefault(name, {})[type(value), value] = None  # True is not 1 here
    return {name: [value for _, value in values] for name, values in found.items()}


def _require_new(
    request: Request, ground: Ground, family: Family, slots: dict[str, Value], parent: Node | None
) -> None:
    if not ground.wishes.allow(slots):
        raise AnswerError("changes: the user pinned or forbade one of these values; leave it as it is.")
    if not ground.may_be(request.state, family, slots, parent):
        raise AnswerError("This combination of slots was tried already; change something else or more.")


def _too_long(expected_s: float, limit_s: float) -> str:
    return f"It would take about {expected_s:.0f} s, and {limit_s:.0f} s may be used: make it cheaper."
