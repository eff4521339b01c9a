"""Budget-aware reward of a node: its normalised score, discounted by its run time."""

from agent.record.state import Node, RunState

TIME_WEIGHT = -0.07  # MARS (arXiv 2602.02660), after MnasNet; 0 and -0.15 are both worse there
TIME_FLOOR = 0.02  # below this share of the limit, a faster run earns no further reward


def normalised_scores(state: RunState) -> dict[int, float]:
    """Return the valid nodes' scores scaled to [0, 1], where 1 is the best; 0.5 for all if they are equal.

    The paper uses min-max scaling. Here, with four scores or more, the first quartile maps to 0. Otherwise
    one broken solution makes all others look equal (see `benchmarks/performance/search_policies.py`).
    """
    # ascending keys are worse
    scores = {node.id: -state.rank_key(node) for node in state.valid if node.metric is not None}
    if not scores:
        return {}
    ranked = sorted(scores.values())
    best, worst = ranked[-1], ranked[len(ranked) // 4]
    if worst == best:
        worst = ranked[0]
    if worst == best:
        return dict.fromkeys(scores, 0.5)
    return {node: max((score - worst) / (best - worst), 0.0) for node, score in scores.items()}


def reward(node: Node, normalised: dict[int, float], limit_s: float, weight: float = TIME_WEIGHT) -> float:
    """Return R = G * (t / L) ** w for a valid node, 0 for any other (arXiv 2602.02660, budget-aware reward).

    Args:
        node: The node with run time t.
        normalised: Normalised scores G by node.
        limit_s: Time limit L of a node, in seconds.
        weight: Exponent w.
    """
    if node.id not in normalised:
        return 0.0
    share = min(max(node.own_seconds / limit_s, TIME_FLOOR), 1.0)
    return float(normalised[node.id] * share**weight)


def node_values(state: RunState, weight: float = TIME_WEIGHT) -> dict[int, tuple[float, int]]:
    """Return (mean reward, visits) of the subtree of each node, including the node.

    A running node counts as a visit without reward (virtual loss), so that parallel workers spread out.
    Ensembles do not count, because they end the search.
    """
    normalised = normalised_scores(state)
    totals = dict.fromkeys(state.nodes, 0.0)
    visits = dict.fromkeys(state.nodes, 0)
    for node in reversed(state.nodes.values()):  # children come after their parents
        if node.operator == "ensemble":
            continue
        totals[node.id] += reward(node, normalised, state.run.node_limit_s, weight)
        visits[node.id] += 1
        if node.parent is not None:
            totals[node.parent] += totals[node.id]
            visits[node.parent] += visits[node.id]
    return {node: (totals[node] / max(visits[node], 1), visits[node]) for node in state.nodes}
