"""Improvements within a structure: values of its slots, chosen by expected improvement."""

from functools import partial

from agent.planner.base import Proposal, Request
from agent.planner.estimates import ImprovementTimes
from agent.planner.fitting import FittedIdea, fit_improvement
from agent.planner.library.evidence import StructureEvidence
from agent.planner.library.idea_text import improved_idea, values_idea
from agent.planner.library.sampler import Slots, Suggestion
from agent.planner.search_space import SearchSpace, inherited_cites
from agent.record.state import Node
from agent.repository.family import Move, Value
from agent.repository.idea import changes_between

# Cost counts where a node takes more than this share of the time that is left.
COST_FROM = 0.05
OTHER_BASES = 2  # best nodes of the structure besides the parent


def propose_values(search_space: SearchSpace, request: Request, parent: Node) -> Proposal | None:
    """Return the improvement of a node with the most promising values; None if nothing new fits the time."""
    blueprint = parent.blueprint
    if blueprint is None or blueprint.family not in search_space.families:
        return None
    family = search_space.families[blueprint.family]
    slots = search_space.settle(family, blueprint.slots)
    evidence = StructureEvidence(search_space, request.state, family, parent, slots)
    settle = partial(search_space.settle, family)
    expected_s = ImprovementTimes(request.state, family, parent, slots, settle).seconds
    suggestions = evidence.sampler().suggest(
        [slots, *_other_bases(evidence)],
        request.rng,
        extra=evidence.known_variants(),
        cost=lambda point: max(expected_s(point) / (COST_FROM * request.left_s), 1.0),
    )
    for suggestion in suggestions:
        chosen = search_space.settle(family, suggestion.slots)
        changed = [change.slot for change in changes_between(slots, chosen)]
        needed_s = expected_s(chosen)
        fitted = fit_improvement(search_space, request, family, chosen, expected_s=needed_s, changed=changed)
        if fitted is None or not search_space.constraints.allows_change(family, slots, fitted.slots):
            continue
        if search_space.is_new_and_allowed(request.state, family, fitted.slots, parent):
            return _proposal(evidence, request, parent, fitted, suggestion)
    return None


def _proposal(
    evidence: StructureEvidence,
    request: Request,
    parent: Node,
    fitted: FittedIdea,
    suggestion: Suggestion,
) -> Proposal:
    family = evidence.family
    assert parent.blueprint is not None
    slots, expected_s = fitted.slots, fitted.expected_s
    changes = changes_between(parent.blueprint.slots, slots)
    cites = {**inherited_cites(parent, slots), **evidence.citable(changes)}
    first = [parent, *request.state.ancestors(parent)][-1]
    move = _move_of(evidence, slots)
    if move is not None:
        return Proposal(improved_idea(family, first, parent, slots, [move], cites), expected_s, fitted.note)
    return Proposal(
        values_idea(family, first, parent, slots, suggestion.gain, cites), expected_s, fitted.note
    )


def _move_of(evidence: StructureEvidence, slots: dict[str, Value]) -> Move | None:
    """Return the move that makes the same change, if there is one."""
    space = evidence.search_space
    return next(
        (
            move
            for move in space.moves(evidence.family)
            if space.apply(evidence.family, move, evidence.slots) == slots
        ),
        None,
    )


def _other_bases(evidence: StructureEvidence) -> list[Slots]:
    """Return the slots of the structure's best nodes besides the parent."""
    state = evidence.state
    others = [
        node
        for node in state.valid
        if node.id != evidence.parent.id
        and node.blueprint is not None
        and node.blueprint.family == evidence.family.id
        and node.last_edited == evidence.parent.last_edited
        and evidence.family.structure_of(node.blueprint.slots) == evidence.structure
    ]
    others.sort(key=lambda node: (state.rank_key(node), node.id))
    return [
        evidence.search_space.settle(evidence.family, node.blueprint.slots)
        for node in others[:OTHER_BASES]
        if node.blueprint is not None
    ]
