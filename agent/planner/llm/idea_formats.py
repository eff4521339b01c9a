"""Forms of the planner's questions: JSON schemas, and conversion of answers into proposals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.memory.lesson import Lesson
from agent.planner.base import Proposal, Request
from agent.planner.library.idea_text import PARTS, draft_idea, idea_of, improved_texts
from agent.planner.llm.answers import (
    LENGTHS,
    PART_LENGTH,
    TITLE_LENGTH,
    DraftAnswer,
    ImproveAnswer,
    Schema,
    changes_schema,
    cites_by_slot,
    cites_schema,
    closed_object,
    one_line,
    parse_answer,
    text_schema,
    with_changes,
)
from agent.planner.search_space import SearchSpace, draft_fits, inherited_cites
from agent.record.state import Node
from agent.repository.family import Draft, Family, Value
from agent.repository.idea import Blueprint, Change, Idea, changes_between

DRAFT_CHANGES = 6
IMPROVE_CHANGES = 2  # with more changes, a lesson could not name the cause
OWN_CODE = "own code"  # the starting point for which the model writes every module
LOOKS = 2  # modules; showing all of them would cost more tokens than the rest of the prompt


@dataclass(frozen=True)
class EditPlan:
    """A plan that needs edits: the modules that the model asks to see before it edits them."""

    files: tuple[str, ...]
    title: str
    reason: str


@dataclass(frozen=True)
class StartingPoint:
    """A draft of a family, with the name that answers use."""

    family: Family
    draft: Draft

    @property
    def name(self) -> str:
        return f"{self.family.id}/{self.draft.id}"


@dataclass(frozen=True)
class OwnCode:
    """The answer that the model will write all modules itself."""


def may_write_own(search_space: SearchSpace, small_model: bool) -> bool:
    """Return whether the model may write all modules: it is not a small model, and no slot is pinned."""
    return not small_model and not search_space.constraints.pinned


def draft_form(
    request: Request, search_space: SearchSpace, lessons: Sequence[Lesson], small_model: bool = False
) -> AnswerFormat[Proposal | OwnCode] | None:
    """Return the form of a draft, or None if no starting point fits the time.

    The answer is a starting point with a few changed slots, or `OWN_CODE`.

    Args:
        request: The search's request.
        search_space: The search space.
        lessons: The lessons that the answer may cite.
        small_model: Ask a small model for choices only, without prose or code.
    """
    may_write = may_write_own(search_space, small_model)
    starts = {start.name: start for start in _starts_in_time(request, search_space)}
    if not starts:
        return None
    values = _open_values(request, search_space, next(iter(starts.values())))
    schema = closed_object(
        {
            "start": {"type": "string", "enum": [*starts, *([OWN_CODE] if may_write else [])]},
            **({"changes": changes_schema(values, DRAFT_CHANGES, least=0)} if values else {}),
            **({} if small_model else {name: text_schema(LENGTHS[name]) for name in ("title", *PARTS)}),
            **cites_schema(lessons),
        }
    )

    def read(answer: object) -> Proposal | OwnCode:
        draft = parse_answer(DraftAnswer, answer)
        if draft.start == OWN_CODE and may_write:
            return OwnCode()
        if draft.start not in starts:
            raise AnswerError(f"start: '{draft.start}' is unknown; choose one of {', '.join(starts)}.")
        start = starts[draft.start]
        base = search_space.draft_slots(start.family, start.draft)
        changed = search_space.settle(
            start.family, with_changes(base, draft.changes, start.family, DRAFT_CHANGES)
        )
        _require_new(request, search_space, start.family, changed, None)
        expected = search_space.draft_seconds(request.state, start.family, changed)
        if not draft_fits(expected, request):
            raise AnswerError(_too_long(expected or 0.0, request.limit_s))
        cites = cites_by_slot(draft.cites, lessons, changed, changes_between(base, changed))
        idea = draft_idea(start.family, start.draft, changed, (), cites)
        return Proposal(_with_answer_texts(draft, idea), expected)

    return AnswerFormat("draft", schema, read)


def improve_form(
    request: Request,
    search_space: SearchSpace,
    lessons: Sequence[Lesson],
    parent: Node,
    modules: Sequence[str] = (),
    small_model: bool = False,
) -> AnswerFormat[Proposal | EditPlan] | None:
    """Return the form of an improvement, or None if no single change is new and fits the time.

    The answer changes one or two slots of the parent, or asks to see modules before it edits them.

    Args:
        request: The search's request.
        search_space: The search space.
        lessons: The lessons that the answer may cite.
        parent: The node to improve.
        modules: The modules that may be edited.
        small_model: Ask a small model for choices only, without prose or code.
    """
    blueprint = parent.blueprint
    if blueprint is None and modules and not small_model:
        return _edit_plan_form(modules, lessons)
    if blueprint is None or blueprint.family not in search_space.families:
        return None
    family = search_space.families[blueprint.family]
    possible = _possible(request, search_space, family, parent, blueprint)
    may_edit = (
        bool(modules)
        and not small_model
        and search_space.improvement_fits(request, family, blueprint.slots, parent.seconds)
    )
    if not possible and not may_edit:
        return None
    schema = _improve_schema(possible, modules if may_edit else (), lessons, small_model)

    def read(answer: object) -> Proposal | EditPlan:
        improvement = parse_answer(ImproveAnswer, answer)
        if improvement.look and not improvement.changes:
            return _read_edit_plan(improvement, modules)
        changed = search_space.settle(
            family, with_changes(blueprint.slots, improvement.changes, family, IMPROVE_CHANGES)
        )
        changes = changes_between(blueprint.slots, changed)
        if not changes:
            raise AnswerError("changes: every slot keeps the parent's value; change at least one slot.")
        _require_new(request, search_space, family, changed, parent)
        expected = parent.seconds * family.relative_cost(changed) / family.relative_cost(blueprint.slots)
        if not search_space.improvement_fits(request, family, changed, expected):
            raise AnswerError(_too_long(expected, request.limit_s))
        first = [parent, *request.state.ancestors(parent)][-1]
        made = {(change.slot, change.new) for change in changes}
        arms = search_space.arms(request, parent, family, blueprint)
        idea = idea_of(
            one_line(improvement.title, TITLE_LENGTH) or _title_of(changes),
            improved_texts(family, first, changed, one_line(improvement.reason, PART_LENGTH)),
            Blueprint(family=family.id, slots=changed),
            moves=tuple(arm.move.id for arm in arms if {(one.slot, one.new) for one in arm.changes} <= made),
            changes=changes,
            cites=inherited_cites(parent, changed)
            | cites_by_slot(improvement.cites, lessons, changed, changes),
        )
        return Proposal(idea, expected)

    return AnswerFormat("improve", schema, read)


def _improve_schema(
    possible: Mapping[str, Sequence[Value]],
    modules: Sequence[str],
    lessons: Sequence[Lesson],
    small_model: bool,
) -> Schema:
    """Return the schema of an improvement; without modules to edit, at least one slot has to change."""
    changes = changes_schema(possible, IMPROVE_CHANGES, least=0 if modules else 1) if possible else None
    return closed_object(
        {
            **({"changes": changes} if changes else {}),
            **({"look": _modules_schema(modules)} if modules else {}),
            **({} if small_model else {name: text_schema(LENGTHS[name]) for name in ("title", "reason")}),
            **cites_schema(lessons),
        }
    )


def _edit_plan_form(modules: Sequence[str], lessons: Sequence[Lesson]) -> AnswerFormat[Proposal | EditPlan]:
    """Return the form for code without a blueprint: a plan, and the modules to see before the edit."""
    schema = closed_object(
        {
            "look": {**_modules_schema(modules), "minItems": 1},
            **{name: text_schema(LENGTHS[name]) for name in ("title", "reason")},
            **cites_schema(lessons),
        }
    )
    return AnswerFormat(
        "improve", schema, lambda answer: _read_edit_plan(parse_answer(ImproveAnswer, answer), modules)
    )


def _modules_schema(modules: Sequence[str]) -> Schema:
    return {"type": "array", "maxItems": LOOKS, "items": {"type": "string", "enum": list(modules)}}


def _read_edit_plan(answer: ImproveAnswer, modules: Sequence[str]) -> EditPlan:
    unknown = sorted(set(answer.look) - set(modules))
    if unknown or not 0 < len(answer.look) <= LOOKS:
        raise AnswerError(f"look: name one to {LOOKS} modules among {', '.join(modules) or 'none'}.")
    return EditPlan(answer.look, one_line(answer.title, TITLE_LENGTH), one_line(answer.reason, PART_LENGTH))


def _with_answer_texts(answer: DraftAnswer, idea: Idea) -> Idea:
    """Return the idea with its texts replaced by those that the answer gives."""
    texts = {
        name: one_line(getattr(answer, name), limit) for name, limit in LENGTHS.items() if name != "reason"
    }
    return idea.model_copy(update={name: text for name, text in texts.items() if text})


def _title_of(changes: Sequence[Change]) -> str:
    return "; ".join(f"{change.slot.replace('_', ' ')} {change.new}, not {change.old}" for change in changes)


def _possible(
    request: Request, search_space: SearchSpace, family: Family, parent: Node, blueprint: Blueprint
) -> dict[str, list[Value]]:
    """Return, by slot, the values whose change alone would be new, allowed and fit the time."""
    own_cost = family.relative_cost(blueprint.slots)
    found: dict[str, list[Value]] = {}
    for name, slot in family.slots.items():
        for value in slot.values:
            slots = {**blueprint.slots, name: value}
            if value == blueprint.slots[name] or not search_space.is_new_and_allowed(
                request.state, family, slots, parent
            ):
                continue
            expected = parent.seconds * family.relative_cost(slots) / own_cost
            if search_space.improvement_fits(request, family, slots, expected):
                found.setdefault(name, []).append(value)
    return found


def _starts_in_time(request: Request, search_space: SearchSpace) -> list[StartingPoint]:
    """Return the unchanged starting points that fit the time, the cheapest first."""
    starts = [StartingPoint(*option) for option in search_space.drafts()]
    return [start for start in starts if _fits(request, search_space, start, {})]


def _fits(
    request: Request, search_space: SearchSpace, start: StartingPoint, more: Mapping[str, Value]
) -> bool:
    slots = search_space.settle(start.family, {**search_space.draft_slots(start.family, start.draft), **more})
    return draft_fits(search_space.draft_seconds(request.state, start.family, slots), request)


def _open_values(
    request: Request, search_space: SearchSpace, cheapest: StartingPoint
) -> dict[str, list[Value]]:
    """Return, by slot, the values that the user left open and that fit the time with the cheapest start.

    If several families have a slot, the values of all of them are returned.
    """
    constraints = search_space.constraints
    found: dict[str, dict[tuple[type, Value], None]] = {}
    for family in search_space.families.values():
        for name, slot in family.slots.items():
            if name in constraints.pinned:
                continue
            for value in slot.values:
                in_time = family.id != cheapest.family.id or _fits(
                    request, search_space, cheapest, {name: value}
                )
                if in_time and (name, value) not in constraints.forbidden_values:
                    found.setdefault(name, {})[type(value), value] = None  # True and 1 are different values
    return {name: [value for _, value in values] for name, values in found.items()}


def _require_new(
    request: Request, search_space: SearchSpace, family: Family, slots: dict[str, Value], parent: Node | None
) -> None:
    if not search_space.allows(family, slots):
        raise AnswerError("changes: the user pinned or forbade one of these values; change other slots.")
    if not search_space.is_new_and_allowed(request.state, family, slots, parent):
        raise AnswerError("This combination of slots was tried before; change other slots or more of them.")


def _too_long(expected_s: float, limit_s: float) -> str:
    return (
        f"The expected run time of about {expected_s:.0f} s is too long for the limit of {limit_s:.0f} s; "
        "choose cheaper values."
    )
