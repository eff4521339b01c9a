"""Texts of ideas: titles, the four parts, and the sentences that describe changed slots."""

from collections.abc import Mapping, Sequence

from agent.core.format import counted
from agent.record.state import Node
from agent.repository.family import Draft, Family, Move, Value
from agent.repository.idea import Blueprint, Change, Idea, changes_between

MOST_NAMED = 4  # changed slots in a title
PARTS = ("model", "data", "training", "evaluation")
# The part of an idea that describes a library module.
_PART_OF_MODULE = {
    "models": "model",
    "dataset": "data",
    "loss": "training",
    "train": "training",
    "inference": "evaluation",
}


def draft_idea(
    family: Family,
    draft: Draft,
    slots: dict[str, Value],
    moves: Sequence[Move],
    cites: dict[str, tuple[str, ...]],
) -> Idea:
    """Return the idea of a draft; slots changed by lessons or extra moves follow the draft's own text."""
    base = {**family.defaults, **draft.set}
    texts = _with_changes(
        family, {part: getattr(draft, part) for part in PARTS}, changes_between(base, slots)
    )
    title = "; ".join([draft.title, *(move.title for move in moves)])
    blueprint = Blueprint(family=family.id, slots=slots)
    return idea_of(title, texts, blueprint, moves=tuple(move.id for move in moves), cites=cites)


def improved_idea(
    family: Family,
    first: Node,
    parent: Node,
    slots: dict[str, Value],
    moves: Sequence[Move],
    cites: dict[str, tuple[str, ...]],
) -> Idea:
    """Return the idea of the parent with changed slots.

    The texts are those of `first`, the draft at the root of the branch, plus all changes since.
    """
    assert parent.blueprint is not None
    reasons = " ".join(f"Why {move.title}: {move.reason}" for move in moves)
    return idea_of(
        "; ".join(move.title for move in moves),
        improved_texts(family, first, slots, reasons),
        Blueprint(family=family.id, slots=slots),
        moves=tuple(move.id for move in moves),
        changes=changes_between(parent.blueprint.slots, slots),
        cites=cites,
    )


def values_idea(
    family: Family,
    first: Node,
    parent: Node,
    slots: dict[str, Value],
    gain: float,
    cites: dict[str, tuple[str, ...]],
) -> Idea:
    """Return the idea of the parent with other values.

    `gain` is the expected reduction of the error against the best values so far.
    """
    assert parent.blueprint is not None
    changes = changes_between(parent.blueprint.slots, slots)
    reason = f"Why: the scores so far predict {100 * -gain:+.1f} % error against the best of this structure."
    return idea_of(
        _title_of(changes),
        improved_texts(family, first, slots, reason),
        Blueprint(family=family.id, slots=slots),
        changes=changes,
        cites=cites,
    )


def _title_of(changes: Sequence[Change]) -> str:
    """Return a title with the changed slots, such as `Change learning rate and l2`."""
    named = [change.slot.replace("_", " ") for change in changes[:MOST_NAMED]]
    more = len(changes) - len(named)
    named += [counted(more, "other slot")] if more else []
    *first, last = named
    return f"Change {', '.join(first)} and {last}" if first else f"Change {last}"


def improved_texts(family: Family, first: Node, slots: dict[str, Value], reasons: str) -> dict[str, str]:
    """Return the parts of the branch's first idea, with all slots changed since and the latest reasons."""
    assert first.blueprint is not None
    parts = {part: getattr(first.idea, part) for part in PARTS}
    texts = _with_changes(family, parts, changes_between(first.blueprint.slots, slots))
    texts["evaluation"] = f"{texts['evaluation']} {reasons}".strip()
    return texts


def idea_of(
    title: str,
    texts: Mapping[str, str],
    blueprint: Blueprint | None,
    *,
    moves: tuple[str, ...] = (),
    changes: tuple[Change, ...] = (),
    cites: dict[str, tuple[str, ...]],
) -> Idea:
    """Return an idea from its parts by name (`PARTS`)."""
    return Idea(
        title=title,
        model=texts["model"],
        data=texts["data"],
        training=texts["training"],
        evaluation=texts["evaluation"],
        blueprint=blueprint,
        moves=moves,
        changes=changes,
        cites=cites,
    )


def _with_changes(family: Family, texts: dict[str, str], changes: Sequence[Change]) -> dict[str, str]:
    result = dict(texts)
    for change in changes:
        module = next(
            (name for name in family.slots[change.slot].modules if name in _PART_OF_MODULE), "train"
        )
        part = _PART_OF_MODULE[module]
        name = change.slot.replace("_", " ")
        result[part] = f"{result[part]} {name.capitalize()}: {change.new} instead of {change.old}."
    return result
