"""The time limit of a node: a share of the time left that depends on what the node promises (rules 3)."""

from agent.record.state import Node, RunState
from agent.search.reward import normalised_scores

# Shares of the time left to the search.
# Before the first valid node: a strong baseline is worth more than anything after it. In a short run it gets
# as many seconds, up to nearly all of them, because nothing else would fit.
FIRST_SHARE = 0.5
FIRST_S = 60.0
FIRST_MOST_SHARE = 0.9
BASELINE_SHARE = 0.4  # the next drafts: the strong baselines of a family whose first one is the fastest
BASELINES = 4
DRAFT_SHARE = 0.2
BEST_SHARE = 0.4  # an improvement of the best node
WORST_SHARE = 0.1  # an improvement of a node far behind the best
CONTINUED_SHARE = 0.85  # a node that its limit cut short: it needs clearly more than it had
REPLAYED_SHARE = 0.5  # any idea of a recorded run, whatever its parent
FINAL_SHARE = 0.6  # near the end of the run
# An improvement of a node near the best gets so many times that node's time, up to a share of the time left.
AS_LONG_AS_PARENT = 1.5
LONGEST_SHARE = 0.6
NEAR_BEST = 0.7  # scores from 0, the worst, to 1, the best
LEAST_BUDGET_SHARE = 0.08  # of the whole budget: with less, a network learns nothing


def node_limit_s(
    state: RunState, parent: Node | None, *, left_s: float, finishing: bool, continued: bool = False
) -> float:
    """Return the limit of a node that starts now, in seconds.

    Args:
        state: The state of the run.
        parent: The node to improve; None: a draft.
        left_s: Seconds left to the search.
        finishing: Whether the rest of the time goes to the best nodes.
        continued: Whether the node goes on with a node that its limit cut short.
    """
    run = state.run
    if run.blueprint is not None:  # the only node
        return left_s
    share = CONTINUED_SHARE if continued else _share(state, parent, left_s)
    if finishing:
        share = max(share, FINAL_SHARE)
    limit_s = max(share * left_s, LEAST_BUDGET_SHARE * run.budget_s)
    if parent is not None and _promise(state, parent) > NEAR_BEST:
        limit_s = max(limit_s, min(AS_LONG_AS_PARENT * parent.seconds, LONGEST_SHARE * left_s))
    if run.caps_nodes:
        limit_s = run.node_limit_s
    return min(limit_s, left_s)


def _share(state: RunState, parent: Node | None, left_s: float) -> float:
    if state.run.replay_source is not None:
        return REPLAYED_SHARE
    if not state.valid:
        return max(FIRST_SHARE, min(FIRST_S / max(left_s, 1.0), FIRST_MOST_SHARE))
    if parent is None:
        return BASELINE_SHARE if len(state.valid) < BASELINES else DRAFT_SHARE
    return WORST_SHARE + (BEST_SHARE - WORST_SHARE) * _promise(state, parent)


def _promise(state: RunState, node: Node) -> float:
    """Return where the score of a node stands: 1 for the best node, 0 for the worst."""
    return normalised_scores(state).get(node.id, 0.0)
