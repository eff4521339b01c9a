"""Chooses a run's solution by validation and audit scores, weighted by inverse variance."""

import heapq
import math
from dataclasses import dataclass

from agent.record.state import Node, RunState

FINALISTS = 5
_TINY = 1e-9


@dataclass(frozen=True)
class Estimate:
    """Estimate of a node's score, with its standard error."""

    value: float
    standard_error: float


def pooled(state: RunState, node: Node, candidates: int = 1) -> Estimate | None:
    """Return the mean of a node's validation and audit scores, weighted by inverse variance.

    The best validation score among k nodes is too good by about se * sqrt(2 ln k), the expected maximum of k
    normal errors. The validation's standard error is widened by that much. The audit score chooses nothing
    during the search, so its standard error stays.

    Args:
        state: the state of the run.
        node: the node.
        candidates: number k of nodes that the validation score was chosen from.
    """
    result = node.result
    score = None if result is None else state.score(node)
    if result is None or score is None:
        return None
    parts = [(score, (result.metric_se or 0.0) * (1 + math.sqrt(2 * math.log(max(candidates, 1)))))]
    if result.audit_metric is not None and result.audit_se is not None:
        parts.append((result.audit_metric, result.audit_se))
    weights = [1.0 / max(error, _TINY) ** 2 for _, error in parts]
    value = sum(weight * score for weight, (score, _) in zip(weights, parts, strict=True)) / sum(weights)
    return Estimate(value, sum(weights) ** -0.5)


def best_by_validation(state: RunState, count: int) -> list[Node]:
    """Return the `count` valid nodes with the best validation scores, best first; ties by age."""
    scored = ((state.rank_key(node), node.id) for node in state.valid if node.metric is not None)
    return [state.nodes[number] for _, number in heapq.nsmallest(count, scored)]


def finalists(state: RunState) -> list[Node]:
    """Return the best few valid nodes, and all within one standard error of the best validation score."""
    ranked = best_by_validation(state, len(state.nodes))
    if not ranked or ranked[0].result is None:
        return ranked
    error, best = ranked[0].result.metric_se or 0.0, state.rank_key(ranked[0])
    close = [node for node in ranked if abs(state.rank_key(node) - best) <= error]
    return ranked[: max(FINALISTS, len(close))]


def choose(state: RunState) -> Node | None:
    """Return the finalist with the best pooled score; on a tie the earlier node."""
    estimates = [(pooled(state, node, len(state.valid)), node) for node in finalists(state)]
    key = state.direction.key
    scored = [(key(estimate.value), node.id, node) for estimate, node in estimates if estimate is not None]
    return min(scored)[2] if scored else None
