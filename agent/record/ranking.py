"""Scores of nodes in one order, although some nodes executed fewer folds than others."""

from agent.competition.metrics.direction import Direction
from agent.record.events import NodeResult


def comparable_score(result: NodeResult, reference: NodeResult | None) -> float | None:
    """Return the score of a result as if it covered the folds of the reference.

    A result with fewer folds gets the reference's score plus the difference of the two on the folds that both
    cover. The reference is the best result among those with the most folds.
    """
    if reference is None or result.metric is None or reference.metric is None:
        return result.metric
    theirs = reference.metric_of_folds(result.folds)
    if result.folds >= reference.folds or theirs is None:
        return result.metric
    return reference.metric + (result.metric - theirs)


def estimated_score(result: NodeResult, reference: NodeResult | None) -> float | None:
    """Return the score that a stopped candidate would have reached; None if its folds do not say.

    It gets the reference's score plus the difference of the two on the folds that the candidate finished.
    """
    finished = [point for point in result.curve if point.fold is not None and point.metric is not None]
    if not finished or reference is None or reference.metric is None:
        return None
    fold, metric = finished[-1].fold, finished[-1].metric
    theirs = None if fold is None else reference.metric_of_folds(fold + 1)
    return None if theirs is None or metric is None else reference.metric + (metric - theirs)


def is_reference(direction: Direction, result: NodeResult, reference: NodeResult | None) -> bool:
    """Return whether a scored result takes the place of the reference: more folds, or as many and better."""
    if reference is None or result.folds != reference.folds:
        return reference is None or result.folds > reference.folds
    return direction.key(result.metric) < direction.key(reference.metric)


def scores_on_common_folds(one: NodeResult, other: NodeResult) -> tuple[float | None, float | None]:
    """Return the scores of two results on the folds that both cover."""
    folds = min(one.folds, other.folds)
    return one.metric_of_folds(folds), other.metric_of_folds(folds)
