"""What the refit at the end of a run trains, the seconds that it needs, and what is reserved for it."""

from agent.record.events import RunSettings
from agent.record.state import Node, RunState

# The refit's stated limit is lower than its real limit, and its clocks keep reserves.
REFIT_MARGIN = 1.4
REFIT_START_S = 3.0
QUICK_START_S = 1.0  # of a node that was expected to be so quick that it had no smoke run (rules 3)
# Largest share of the budget reserved for the refit; the search needs the rest.
REFIT_MOST_SHARE = 0.5
# Largest share of the budget reserved for the refit of the leader. For a longer one nothing is reserved.
REFIT_LEADER_SHARE = 0.3
# Share of the budget that may be reserved for the refits of several members of an ensemble.
REFIT_SHARE = 0.2
# Rules of decisions since which the members of an ensemble are refitted as far as the time allows.
RULES_OF_PARTIAL_REFITS = 3
# Seconds that an ensemble needs to blend its refitted members.
BLEND_S = 5.0


def is_refit_idle(state: RunState, node: Node) -> bool:
    """Return whether a node's refit would change nothing; of an ensemble, that of all its members.

    Without audit rows, the models of the folds have learned from all labelled rows together. A family that
    trains the same folds again in a refit would get the same models.
    """
    return not _refitted(state, node)


def refit_s(state: RunState, node: Node) -> float:
    """Return the expected seconds of a node's refit; 0 if the run has none, or if it would change nothing."""
    if state.run.refit_rows is None:
        return 0.0
    return sum(refit_parts_s(state, node).values())


def refit_parts_s(state: RunState, node: Node) -> dict[int, float]:
    """Return the expected seconds of a node's refit; of an ensemble, by member that it trains."""
    return {part.id: _refit_of(state.run, part) for part in _refitted(state, node)}


def least_refit_s(state: RunState, node: Node) -> float:
    """Return the seconds that a refit needs at least; a part of an ensemble's members is enough."""
    if node.operator != "ensemble" or state.run.rules < RULES_OF_PARTIAL_REFITS:
        return refit_s(state, node)
    return min(refit_parts_s(state, node).values(), default=0.0) + BLEND_S


def refit_limit_s(state: RunState, node: Node) -> float:
    """Return the limit of a refit that starts now: the rest of the budget, at least what a refit needs."""
    return max(state.run.budget_s - state.elapsed_s, least_refit_s(state, node))


def _refitted(state: RunState, node: Node) -> list[Node]:
    """Return the nodes that the refit of a node trains: the members of an ensemble, or the node itself."""
    is_blend = node.operator == "ensemble"
    nodes = [state.nodes[member] for member in node.weighted_members] if is_blend else [node]
    return [one for one in nodes if not _has_learned_all(state, one)]


def _has_learned_all(state: RunState, node: Node) -> bool:
    """Whether a node's models have learned from all labelled rows, as the models of its refit would."""
    result, folds = node.result, state.run.folds_of_all_rows
    if result is None or not folds or result.cut is not None or not state.is_rendered(node):
        return False
    return result.folds == folds and state.refits_folds(node)


def _refit_of(run: RunSettings, node: Node) -> float:
    """Return the expected seconds of the refit of a node that is no ensemble."""
    return REFIT_MARGIN * (run.refit_rows or 1.0) * node.refit_seconds + _start_s(run, node)


def _start_s(run: RunSettings, node: Node) -> float:
    """Return the seconds that a refit needs besides its training; the smoke run of the node had them too."""
    smoke_s = 0.0 if node.result is None or run.rules < 3 else node.result.smoke_seconds
    if smoke_s > 0:
        return min(smoke_s, REFIT_START_S)
    return REFIT_START_S if run.rules < 3 else QUICK_START_S


def refit_reserve_s(state: RunState) -> float:
    """Return the seconds to reserve for a refit of the leaders; an ensemble's refit refits all members."""
    run = state.run
    if run.refit_rows is None:
        return 0.0
    if run.blueprint and not state.leaders:  # the only node must leave time for its refit
        needed = REFIT_MARGIN * run.refit_rows
        return needed / (1 + needed) * run.budget_s
    if run.rules >= RULES_OF_PARTIAL_REFITS:
        leaders_s = [_refit_of(run, node) for node in _leaders_to_refit(state)]
        if run.refit_is_needed:
            return min(sum(leaders_s), REFIT_MOST_SHARE * run.budget_s)
        # For a longer refit, a part of the time would be reserved for nothing.
        best_s = sum(seconds for seconds in leaders_s[:1] if seconds <= REFIT_LEADER_SHARE * run.budget_s)
        most_s = REFIT_SHARE * run.budget_s
        several_s = 0.0 if run.blueprint else sum(seconds for seconds in leaders_s if seconds <= most_s)
        return max(best_s, min(several_s, most_s))
    nodes = state.leaders[:1] if run.blueprint else state.leaders
    return min(sum(_refit_of(run, node) for node in nodes), REFIT_MOST_SHARE * run.budget_s)


def _leaders_to_refit(state: RunState) -> list[Node]:
    """Return the nodes that a refit at the end of the run may train, as far as that is known.

    These are the leaders. Once there is an ensemble, these are its members, and leaders that came after it.
    """
    blend = state.blend
    if blend is None or not blend.is_valid:
        members, since = [], 0
    else:
        members, since = _refitted(state, blend), blend.id
    return [*members, *(node for node in state.leaders if node.id > since and _refitted(state, node))]
