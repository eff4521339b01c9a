"""Makes ideas fit the time: smaller pictures, fewer epochs, rounds or folds instead of no idea (rules 3)."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agent.planner.base import Request
from agent.planner.search_space import SAFE_SHARE, SearchSpace
from agent.repository.family import Family, Value
from agent.repository.idea import changes_between

# Estimates across structures are rough, and candidates fit their training to their time limit.
DRAFT_SLACK = 2.0
# Candidates end their training so much earlier than their limit, to write their results.
WRITING_S = 2.0


@dataclass(frozen=True)
class FittedIdea:
    """The slots of an idea that fits the time."""

    slots: dict[str, Value]
    expected_s: float | None  # None: no estimate yet
    note: str = ""  # what was lowered, in a sentence; "" if nothing was


def fit_draft(
    search_space: SearchSpace, request: Request, family: Family, slots: dict[str, Value]
) -> FittedIdea | None:
    """Return a draft that fits the time; None if even its cheapest form does not."""
    expected_s = search_space.draft_seconds(request.state, family, slots)
    if expected_s is None:
        return FittedIdea(slots, None)
    most_s = (SAFE_SHARE if request.finishing else DRAFT_SLACK) * request.limit_s
    return _lowered(search_space, family, slots, expected_s, most_s)


def fit_improvement(
    search_space: SearchSpace,
    request: Request,
    family: Family,
    slots: dict[str, Value],
    *,
    expected_s: float,
    changed: Collection[str],
) -> FittedIdea | None:
    """Return an improvement that fits the time; None if even its cheapest form does not.

    Args:
        search_space: The families and the user's constraints.
        request: The request with the limit.
        family: The family of the slots.
        slots: The slots after the change.
        expected_s: Expected run time in seconds.
        changed: The slots that the improvement changes, which stay as they are.
    """
    most_s = SAFE_SHARE * request.limit_s - WRITING_S
    return _lowered(search_space, family, slots, expected_s, most_s, changed)


def _lowered(
    search_space: SearchSpace,
    family: Family,
    slots: dict[str, Value],
    expected_s: float,
    most_s: float,
    kept: Collection[str] = (),
) -> FittedIdea | None:
    """Return the slots, lowered by one rung of one slot after the other until they fit; None if none fit."""
    fitted = dict(slots)
    cost = family.relative_cost(slots)
    names = deque(name for name in family.shrink if name not in kept)
    while (now_s := expected_s * family.relative_cost(fitted) / cost) > most_s:
        if not names:
            return None
        name = names.popleft()
        value = _lower_value(search_space, family, fitted, name)
        if value is not None:
            fitted[name] = value
            names.append(name)  # the other slots come first again
    changes = changes_between(slots, fitted)
    told = ", ".join(f"{change.slot} {change.old} → {change.new}" for change in changes)
    return FittedIdea(fitted, now_s, f"Made to fit the time: {told}." if told else "")


def _lower_value(
    search_space: SearchSpace, family: Family, slots: Mapping[str, Value], name: str
) -> Value | None:
    """Return the next value down the ladder of a slot with an effect; None if it is too low or no cheaper."""
    if not search_space.is_active(family, name, slots):
        return None
    slot = family.slots[name]
    value = slot.neighbour(slots[name], -1)
    if value is None or isinstance(value, str) or value < family.shrink[name]:
        return None
    is_cheaper = slot.cost_of(value) < slot.cost_of(slots[name])
    return value if is_cheaper and search_space.constraints.allows({**slots, name: value}) else None
