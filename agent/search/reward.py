"""What a node is worth to the search: its score against the others', discounted by its time."""

from agent.record.state import Node, RunState

TIME_WEIGHT = -0.07  # MARS (arXiv 2602.02660), after MnasNet; 0 and -0.15 are both worse there
TIME_FLOOR = 0.02  # below this share of the limit a faster run earns nothing more


def goodness(state: RunState) -> dict[int, float]:
    """How good the valid nodes' metrics are, 1 the best; 0.5 for all while they are equal.

    The paper's is min-max. Here 0 begins at the first quartile of four scores or more: else one broken
    solution makes all others look alike (measured by `benchmarks/performance/search_policies.py`).
    """
    sign = 1.0 if state.higher_is_better else -1.0
    scores = {node.id: sign * metric for node in state.valid if (metric := node.metric) is not None}
    if not scores:
        return {}
    ranked = sorted(scores.values())
    best, worst = ranked[-1], ranked[len(ranked) // 4]
    if worst == best:
        worst = ranked[0]
    if worst == best:
        return dict.fromkeys(scores, 0.5)
    return {node: max((score - worst) / (best - worst), 0.0) for node, score in scores.items()}


def reward(node: Node, goodness_of: dict[int, float], limit_s: float, weight: float = TIME_WEIGHT) -> float:
    """R = G * (t / L) ** w for a valid node, 0 for any other (MARS, budget-aware reward)."""
    if node.id not in goodness_of:
        return 0.0
    share = min(max(node.own_seconds / limit_s, TIME_FLOOR), 1.0)
    return float(goodness_of[node.id] * share**weight)


def values(state: RunState, weight: float = TIME_WEIGHT) -> dict[int, tuple[float, int]]:
    """(mean reward, visits) of the subtree below each node, itself included.

    A node that is still running counts as a visit without reward (virtual loss), so that parallel
    workers spread out. An ensemble is the end of the search and counts nowhere.
    """
    goodness_of = goodness(state)
    totals = dict.fromkeys(state.nodes, 0.0)
    visits = dict.fromkeys(state.nodes, 0)
    for node in reversed(state.nodes.values()):  # children come after their parents
        if node.operator == "ensemble":
            continue
        totals[node.id] += reward(node, goodness_of, state.run.node_limit_s, weight)
        visits[node.id] += 1
        if node.parent is not None:
            totals[node.parent] += totals[node.id]
            visits[node.parent] += visits[node.id]
    return {node: (totals[node] / max(visits[node], 1), visits[node]) for node in state.nodes}
