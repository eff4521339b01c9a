"""Which node that its time limit cut short goes on with more time (rules 3)."""

from agent.planner.estimates import whole_seconds
from agent.record.state import Node, RunState
from agent.repository.idea import Idea
from agent.search.limits import CONTINUED_SHARE, LEAST_BUDGET_SHARE

LEAST_GROWTH = 1.4  # a continuation that does not come to its end has so many times the work at least


def node_to_continue(state: RunState, left_s: float, *, only_first: bool = False) -> Node | None:
    """Return the cut node that promises the most, if it promises more than the best node has; else None.

    Args:
        state: The state of the run.
        left_s: Seconds left to the search.
        only_first: Whether only the first draft, and its continuations, may go on.
    """
    run = state.run
    if run.rules < 3 or run.caps_nodes or run.blueprint is not None or run.replay_source is not None:
        return None
    continued = {node.continues for node in state.nodes.values()}
    limit_s = max(CONTINUED_SHARE * left_s, min(LEAST_BUDGET_SHARE * run.budget_s, left_s))
    waiting = [
        node
        for node in state.valid
        if node.result is not None
        and node.result.cut is not None
        and node.id not in continued
        and (not only_first or _first_of_line(state, node) is state.roots[0])
        and _may_gain(state, node)
        and min(_least_seconds(node), continued_seconds(node)) <= limit_s
    ]
    promising = [node for node in waiting if _promise(state, node) > 0.0]
    return max(promising, key=lambda node: (_promise(state, node), -node.id), default=None)


def continued_idea(node: Node) -> Idea:
    """Return the idea of a node's continuation: the same, without what the node's code holds already."""
    kept = {"moves": (), "changes": (), "edits": (), "plan": (), "scouted": ()}
    return node.idea.model_copy(update={"blueprint": node.blueprint, **kept})


def continued_seconds(node: Node) -> float:
    """Return the seconds that a cut node takes to come to its end, with the caches that it has built."""
    return whole_seconds(node) - _done_seconds(node)


def _least_seconds(node: Node) -> float:
    """Return the seconds in which a continuation does clearly more work; the caches are done already."""
    return LEAST_GROWTH * node.seconds - _done_seconds(node)


def _done_seconds(node: Node) -> float:
    """Return the seconds of a node's caches that its continuation finds."""
    cut = node.result.cut if node.result else None
    return 0.0 if cut is not None and cut.anew else node.seconds - node.own_seconds


def _promise(state: RunState, node: Node) -> float:
    """Return by how much a cut node may get better than the best node, in units of the metric."""
    best = state.best_single
    cut = node.result.cut if node.result else None
    score = state.score(node)
    if best is None or best.metric is None or score is None or cut is None:
        return 0.0
    gain = state.direction.gain(score, best.metric)
    return gain + (1 - cut.share) * state.cut_gain(node) * _error(state, best.metric)


def _first_of_line(state: RunState, node: Node) -> Node:
    """Return the node that a line of continuations began with."""
    while node.continues is not None:
        node = state.nodes[node.continues]
    return node


def _error(state: RunState, score: float) -> float:
    """Return the distance of a score from 1 if more is better and at most 1, else from 0."""
    return 1 - score if state.higher_is_better and 0 <= score <= 1 else abs(score)


def _may_gain(state: RunState, node: Node) -> bool:
    """Return whether a node that is a continuation itself used a larger part than the node before it."""
    if node.continues is None:
        return True
    before, now = state.nodes[node.continues].result, node.result
    if before is None or before.cut is None or now is None or now.cut is None:
        return True
    return now.cut.share > before.cut.share
