"""Chooses a run's solution by validation and audit scores, weighted by inverse variance."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.record.state import Node, RunState

FINALISTS = 5
# Standard errors of the validation score by which a single node must be better than an ensemble: the best of
# many nodes owes more to chance. `benchmarks/quality ablations` compares both on private rows.
ENSEMBLE_SLACK = 3.0
RULES_WITHOUT_WIDENING = 3  # rules of decisions since which validation and audit are weighed as they are
MIN_COMPARABLE = 5  # nodes that the estimate of a chosen node's score needs
COMPARABLE_ERRORS = 10.0  # standard errors within which nodes are comparable
_TINY = 1e-9


@dataclass(frozen=True)
class Rival:
    """One of the nodes that a choice is made among."""

    key: float  # of its score; lower is better
    node: int
    is_blend: bool
    error: float  # standard error of its validation score


def preferred(rivals: Sequence[Rival]) -> Rival:
    """Return the rival with the best score, on a tie the earlier node.

    An ensemble is preferred unless a single node is better by `ENSEMBLE_SLACK`. The weights of an ensemble
    are fitted on other rows than those that score it, whereas the best of many single nodes looks too good.
    """
    best = min(rivals, key=lambda rival: (rival.key, rival.node))
    slack = ENSEMBLE_SLACK * best.error
    close = [rival for rival in rivals if rival.is_blend and rival.key - best.key <= slack]
    return min(close, key=lambda rival: (rival.key, rival.node)) if close else best


@dataclass(frozen=True)
class Estimate:
    """Estimate of a node's score, with its standard error."""

    value: float
    standard_error: float


def pooled(state: RunState, node: Node, candidates: int = 1) -> Estimate | None:
    """Return the mean of a node's validation and audit scores, weighted by inverse variance.

    This mean has the smallest error of all weighted means of the two. The best mean of many nodes is too
    good, but that is so for every rule of choice.

    Runs of earlier rules widened the validation's standard error by the expected maximum of k normal errors,
    se * sqrt(2 ln k). In simulations that costs more than it gains (`tests/solution/test_choose.py`).

    Args:
        state: the state of the run.
        node: the node.
        candidates: number k of nodes for the rule of earlier runs.
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
    """Return the `count` valid nodes with the best validation scores, best first; ties by age.

    Duplicates of earlier nodes, and ensembles that a shorter one replaces, are left out.
    """
    replaced = state.replaced_blends
    scored = (
        (state.rank_key(node), node.id)
        for node in state.valid
        if node.id not in replaced
        and node.metric is not None
        and node.result is not None
        and node.result.duplicate_of is None
    )
    return [state.nodes[number] for _, number in heapq.nsmallest(count, scored)]


def is_fast(state: RunState, node: Node) -> bool:
    """Return whether a node predicts a row within the time that the user asked for, as measured."""
    limit, result = state.run.predict_ms, node.result
    if limit is None:
        return True
    return result is not None and result.predict_ms is not None and result.predict_ms <= limit


def fastest(state: RunState) -> Node | None:
    """Return the valid node with the least measured time per row; None if no time was measured."""
    timed = [
        (node.result.predict_ms, node.id)
        for node in state.valid
        if node.result is not None and node.result.predict_ms is not None
    ]
    return state.nodes[min(timed)[1]] if timed else None


def speed_sentence(state: RunState) -> str:
    """Return that no node met the user's time per row, and what is chosen instead; "" if one did."""
    limit = state.run.predict_ms
    if limit is None or not state.valid or any(is_fast(state, node) for node in state.valid):
        return ""
    node = fastest(state)
    if node is None or node.result is None or node.result.predict_ms is None:
        return (
            f"no node's time per row could be measured, so --predict-ms {limit:g} had no effect on the choice"
        )
    return (
        f"no node predicts a row within the {limit:g} ms of --predict-ms, so the fastest one is chosen, node "
        f"{node.name} with {node.result.predict_ms:.3g} ms"
    )


def finalists(state: RunState) -> list[Node]:
    """Return the best few valid nodes, and all within one standard error of the best validation score.

    With --predict-ms, only nodes that meet it count; if none does, the fastest one.
    A node whose time limit cut its folds counts only if it is ahead of all others by more than a standard
    error of its score: more time would have told its real score.
    """
    nodes = best_by_validation(state, len(state.nodes))
    if any(is_fast(state, node) for node in nodes):
        nodes = [node for node in nodes if is_fast(state, node)]
    elif (node := fastest(state)) is not None:
        return [node]
    ranked = [node for node in nodes if state.has_most_folds(node) or not _is_cut(node)]
    if not ranked or ranked[0].result is None:
        return ranked
    if state.run.rules >= RULES_WITHOUT_WIDENING:
        least = state.rank_key(ranked[0])
        ahead = [node for node in nodes if state.rank_key(node) < least - validation_error(node)]
        if ahead:
            return ahead[:FINALISTS]
    error, best = ranked[0].result.metric_se or 0.0, state.rank_key(ranked[0])
    close = [node for node in ranked if abs(state.rank_key(node) - best) <= error]
    return ranked[: max(FINALISTS, len(close))]


def _is_cut(node: Node) -> bool:
    return node.result is not None and node.result.cut is not None


def choose(state: RunState) -> Node | None:
    """Return the finalist with the best pooled score, an ensemble if one is close; see `preferred`."""
    candidates = 1 if state.run.rules >= RULES_WITHOUT_WIDENING else len(state.valid)
    estimates = [(pooled(state, node, candidates), node) for node in finalists(state)]
    rivals = [
        Rival(
            state.direction.key(estimate.value), node.id, node.operator == "ensemble", validation_error(node)
        )
        for estimate, node in estimates
        if estimate is not None
    ]
    if not rivals:
        return None
    if state.run.rules < RULES_WITHOUT_WIDENING:
        return state.nodes[min(rivals, key=lambda rival: (rival.key, rival.node)).node]
    return state.nodes[preferred(rivals).node]


def validation_error(node: Node) -> float:
    """Return the standard error of a node's validation score; 0 if unknown."""
    return 0.0 if node.result is None else node.result.metric_se or 0.0


def expected_score(state: RunState, node: Node) -> Estimate | None:
    """Return an estimate of a chosen node's score that the choice does not bias.

    The best of many noisy scores is too good. This estimate shrinks the node's advantage over the other
    nodes by the share of their differences that is noise. Validation and audit rows have independent noise,
    so the covariance of both scores over the nodes is the variance of the true scores (empirical Bayes;
    Efron, Morris, "Stein's estimation rule and its competitors", 1973).

    Returns:
        None with fewer than five comparable nodes, or without audit rows.
    """
    scored = [(state.score(one), one.result) for one in _comparable(state, node)]
    pairs = [
        (score, result.audit_metric)
        for score, result in scored
        if score is not None and result is not None and result.audit_metric is not None
    ]
    result, own = node.result, state.score(node)
    if result is None or own is None or result.audit_metric is None or len(pairs) < MIN_COMPARABLE:
        return None
    count = len(pairs)
    means = [sum(pair[part] for pair in pairs) / count for part in (0, 1)]
    (val, both), (_, audit) = (
        [sum((pair[a] - means[a]) * (pair[b] - means[b]) for pair in pairs) / (count - 1) for b in (0, 1)]
        for a in (0, 1)
    )
    true = min(max(both, _TINY**2), val, audit)
    noise = [max(val - true, _TINY**2), max(audit - true, _TINY**2)]
    precision = sum(1 / variance for variance in noise) + 1 / true
    advantage = ((own - means[0]) / noise[0] + (result.audit_metric - means[1]) / noise[1]) / precision
    level_weights = [1 / max(error or 0.0, _TINY) ** 2 for error in (result.metric_se, result.audit_se)]
    level = sum(w * mean for w, mean in zip(level_weights, means, strict=True)) / sum(level_weights)
    error = math.sqrt(1 / sum(level_weights) + 1 / precision)
    return Estimate(level + advantage, error)


def _comparable(state: RunState, node: Node) -> list[Node]:
    """Return the valid nodes of about the node's quality; broken ones say nothing about its advantage."""
    best = pooled(state, node)
    if best is None:
        return []
    estimates = ((one, pooled(state, one)) for one in state.valid)
    reach = COMPARABLE_ERRORS * best.standard_error
    return [one for one, estimate in estimates if estimate and abs(estimate.value - best.value) <= reach]
