"""The order of drafts: one of each structure first, those that lost on the same data last."""

from agent.planner.base import Request
from agent.planner.search_space import SearchSpace
from agent.record.state import RunState
from agent.repository.family import Draft, Family, Value

# While the search looks at structures, those that take no more than this share of the time left come first.
CHEAP_SHARE = 0.04


def drafts_to_look_at(search_space: SearchSpace, request: Request) -> list[tuple[Family, Draft]]:
    """Return the drafts that the run has not proposed, in the order in which they are tried.

    In its first look, the search leaves out drafts of an earlier run, and does not let the cheap structures
    wait for the others. Where `request.most_expected_s` is set, only a family's first baselines and drafts
    expected to be faster remain.
    """
    state, looking = request.state, request.looking
    open_drafts = [option for option in _in_order(search_space) if not is_drafted(state, *option)]
    if looking:
        open_drafts = _cheap_first(search_space, request, open_drafts)
    warm = state.run.warm_start
    if warm is None:
        return open_drafts
    scores = {(known.family, known.title): known.metric for known in warm.drafts}
    new = [(family, draft) for family, draft in open_drafts if (family.id, draft.title) not in scores]
    if looking:
        return new
    known = [(family, draft) for family, draft in open_drafts if (family.id, draft.title) in scores]
    known.sort(key=lambda option: state.direction.key(scores[option[0].id, option[1].title]))
    return [*new, *known]


def _cheap_first(
    search_space: SearchSpace, request: Request, drafts: list[tuple[Family, Draft]]
) -> list[tuple[Family, Draft]]:
    """Return the baselines and the cheap drafts, then the others that are fast enough for the request."""
    first: list[tuple[Family, Draft]] = []
    later: list[tuple[Family, Draft]] = []
    for family, draft in drafts:
        slots = search_space.draft_slots(family, draft)
        expected_s = search_space.draft_seconds(request.state, family, slots) or 0.0
        if draft.first or expected_s <= request.most_expected_s:
            is_first = draft.first or expected_s <= CHEAP_SHARE * request.left_s
            (first if is_first else later).append((family, draft))
    return [*first, *later]


def is_drafted(state: RunState, family: Family, draft: Draft) -> bool:
    """Return whether the run has this draft, with or without values from lessons."""
    return any(
        node.idea.blueprint is not None
        and node.idea.blueprint.family == family.id
        and node.idea.title == draft.title
        for node in state.roots
    )


def proven_values(
    search_space: SearchSpace, family: Family, draft: Draft, state: RunState
) -> tuple[dict[str, Value], dict[str, tuple[str, ...]]]:
    """Return the draft's slots and citations; lessons' proven values fill slots the draft leaves open.

    From rules 3 on, a lesson must come from the draft's own structure.
    """
    constraints = search_space.constraints
    slots = search_space.draft_slots(family, draft)
    cites: dict[str, tuple[str, ...]] = {}
    scope = search_space.scope(state, family, slots)
    for lesson in sorted(state.helpful_lessons, key=lambda lesson: lesson.confidence):
        (change,) = lesson.changes
        if lesson.scope != scope or change.slot not in family.slots or change.slot in draft.set:
            continue
        if not search_space.is_active(family, change.slot, slots):
            continue
        wanted = constraints.allows({**slots, change.slot: change.new})
        if slots[change.slot] == change.old and family.slots[change.slot].accepts(change.new) and wanted:
            slots[change.slot] = change.new
            cites[change.slot] = (lesson.id,)
    return slots, cites


def _in_order(search_space: SearchSpace) -> list[tuple[Family, Draft]]:
    """Return the drafts in their order of trial: baselines, the first of each structure, then the others."""
    first: list[tuple[Family, Draft]] = []
    later: list[tuple[Family, Draft]] = []
    seen: set[tuple[str, str]] = set()
    for family, draft in search_space.drafts():
        structure = (family.id, family.structure_of(search_space.draft_slots(family, draft)))
        is_first = draft.first or not family.structure or structure not in seen
        (first if is_first else later).append((family, draft))
        seen.add(structure)
    return [*first, *later]
