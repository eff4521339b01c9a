"""Nodes with fewer folds are ranked by what they have in common with the best node of all folds."""

import pytest

from agent.competition.metrics.direction import Direction
from agent.record.events import NodeResult
from agent.record.ranking import comparable_score, is_reference, scores_on_common_folds
from agent.record.state import RunState
from agent.search.reward import normalised_scores
from agent.solution.choose import best_by_validation, choose, finalists
from agent.solution.ensemble import candidates
from tests.support.states import add, finish, propose, started


def scored(state: RunState, *fold_metrics: float, **more: object) -> int:
    """A finished draft with these scores of folds 0 to j together."""
    number = propose(state)
    finish(
        state,
        number,
        fold_metrics[-1],
        folds=len(fold_metrics),
        fold_metrics=fold_metrics,
        metric_se=0.01,
        **more,
    )
    return number


def names(state: RunState) -> list[int]:
    return [node.id for node in best_by_validation(state, 10)]


def test_a_node_with_fewer_folds_gets_the_difference_on_common_folds() -> None:
    state = started()
    full = scored(state, 0.90, 0.80, 0.70)
    luckier, worse = scored(state, 0.92), scored(state, 0.89, 0.79)
    assert state.score(state.nodes[full]) == 0.70
    assert state.score(state.nodes[luckier]) == pytest.approx(0.72)
    assert state.score(state.nodes[worse]) == pytest.approx(0.69)
    assert names(state) == [luckier, full, worse]
    assert state.best is state.nodes[luckier]
    assert [node.id for node in state.leaders] == [luckier, full, worse]
    assert choose(state) is state.nodes[luckier]


def test_a_high_score_on_one_easy_fold_does_not_lead() -> None:
    state = started()
    easy = scored(state, 0.95)
    assert state.best is state.nodes[easy]
    full = scored(state, 0.97, 0.80)
    assert state.best is state.nodes[full]
    assert state.valid_since_best == 0
    assert [node for _, node in state.best_history] == [easy, full]


def test_a_better_full_node_moves_the_scores_of_the_others() -> None:
    state = started()
    scored(state, 0.60, 0.50)
    one = scored(state, 0.62)
    assert state.score(state.nodes[one]) == pytest.approx(0.52)
    best = scored(state, 0.58, 0.70)
    assert state.score(state.nodes[one]) == pytest.approx(0.74)
    assert names(state) == [one, best, 1]
    assert [node.id for node in finalists(state)] == [one, best, 1]
    values = normalised_scores(state)
    assert values[one] > values[best] > values[1]


def test_only_nodes_with_the_most_folds_may_be_blended() -> None:
    state = started()
    first, one, second = scored(state, 0.6, 0.5), scored(state, 0.9), scored(state, 0.7, 0.55)
    assert [node.id for node in candidates(state)] == [second, first]
    assert not state.has_most_folds(state.nodes[one])


def test_equal_folds_rank_by_the_metric_alone() -> None:
    state = started()
    numbers = [add(state, None, metric) for metric in (0.5, 0.7, 0.7, 0.6)]
    assert names(state) == [numbers[1], numbers[2], numbers[3], numbers[0]]
    assert [state.score(state.nodes[number]) for number in numbers] == [0.5, 0.7, 0.7, 0.6]


def test_lower_is_better_and_undefined_folds_count_as_unknown() -> None:
    def result(*fold_metrics: float | None) -> NodeResult:
        return NodeResult(
            status="valid",
            commit="0" * 40,
            seconds=1.0,
            metric=fold_metrics[-1],
            folds=len(fold_metrics),
            fold_metrics=fold_metrics,
        )

    full = result(None, 2.0, 3.0)
    assert comparable_score(result(1.5), full) == 1.5  # fold 0 alone has no score in the reference
    assert comparable_score(result(None, 1.9), full) == pytest.approx(2.9)
    assert is_reference(Direction(False), result(9.0, 9.0, 2.9), full)
    assert not is_reference(Direction(False), result(1.0, 1.0), full)
    assert scores_on_common_folds(result(1.0, 1.8), full) == (1.8, 2.0)
    older = NodeResult(status="valid", commit="0" * 40, seconds=1.0, metric=1.0)
    assert (older.folds, older.metric_of_folds(1), older.metric_of_folds(2)) == (1, 1.0, None)
