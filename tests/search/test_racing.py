"""Races over folds: what is stopped after its first folds, and what goes on."""

from typing import Any

import numpy as np
import pytest

from agent.record.events import CurvePoint
from agent.record.state import RunState
from agent.search.pruning import pruning_reason
from tests.support.states import finish, propose, started

RULES: dict[str, Any] = {"rules": 3, "final_node_minutes": 2.0}
FINISHED = ((0.80, 0.81, 0.82, 0.82, 0.82), (0.79, 0.80, 0.80, 0.81, 0.81), (0.78, 0.79, 0.80, 0.80, 0.80))


def raced(
    finished: tuple[tuple[float, ...], ...] = FINISHED, error: float = 0.01, **settings: object
) -> RunState:
    state = started(**{**RULES, **settings})
    for scores in finished:
        node = propose(state)
        finish(state, node, scores[-1], 20.0, metric_se=error, folds=5, fold_metrics=scores)
    return state


def reason(
    state: RunState, score: float, parent: int | None = 1, folds: int = 1, seconds: float = 4.0
) -> str:
    node = state.nodes[propose(state, parent)]
    point = CurvePoint(stage="train", fold=folds - 1, fraction=folds / 5, elapsed_s=seconds, metric=score)
    stop = pruning_reason(state, node, [point])
    return stop.sentence if stop else ""


def test_a_hopeless_improvement_is_stopped_after_its_first_fold() -> None:
    assert reason(raced(), 0.60).startswith(
        "pruned: 0.6000 after 1 of 5 folds, where the best node had 0.8000"
    )


@pytest.mark.parametrize("score", [0.85, 0.80, 0.79, 0.78])
def test_what_is_near_the_leader_goes_on(score: float) -> None:
    assert reason(raced(), score) == ""


def test_noise_between_folds_keeps_a_candidate_in_the_race() -> None:
    assert reason(raced(error=0.0), 0.74)
    assert reason(raced(error=0.05), 0.74) == ""
    moving = ((0.80, 0.81, 0.82, 0.82, 0.82), (0.70, 0.80, 0.80, 0.81, 0.81), (0.90, 0.79, 0.80, 0.80, 0.80))
    assert reason(raced(moving, error=0.0), 0.66) == ""


def test_later_folds_decide_what_the_first_left_open() -> None:
    state = raced(error=0.03)
    assert reason(state, 0.74, folds=1) == ""
    assert reason(state, 0.74, folds=4)


def test_a_draft_of_another_kind_is_stopped_only_behind_all_others() -> None:
    weak = (*FINISHED, (0.60, 0.60, 0.60, 0.60, 0.60))
    assert reason(raced(weak, error=0.0), 0.65, parent=1)
    assert reason(raced(weak, error=0.0), 0.65, parent=None) == ""
    assert reason(raced(error=0.0), 0.65, parent=None)


def test_a_draft_that_takes_little_of_the_run_is_not_stopped() -> None:
    short, long = raced(minutes=3.0), raced(minutes=60.0)
    assert reason(short, 0.60, parent=None, seconds=2.0), "stopping it saves eight seconds of three minutes"
    assert reason(short, 0.60, parent=None, seconds=0.8) == ""
    assert reason(short, 0.60, parent=1, seconds=0.8)
    assert reason(long, 0.60, parent=None, seconds=2.0) == ""


def test_too_few_finished_nodes_a_candidate_about_to_end_and_former_rules_decide_nothing() -> None:
    assert reason(raced(FINISHED[:1]), 0.10) == ""
    assert reason(raced(), 0.10, seconds=0.1) == ""
    assert reason(raced(rules=2), 0.10) == ""


def test_a_candidate_that_would_become_the_best_is_hardly_ever_stopped() -> None:
    rng = np.random.default_rng(0)
    lost = stopped = 0
    for _ in range(300):
        fold_noise = rng.normal(0, 0.03, 5)  # shared by all nodes
        scores = rng.normal(0.8, 0.01, 7)[:, None] + fold_noise + rng.normal(0, 0.01, (7, 5))
        pooled = np.cumsum(scores, axis=1) / np.arange(1, 6)
        state = raced(tuple(tuple(row) for row in pooled[:6].tolist()), error=0.015)
        is_best = pooled[6, -1] > pooled[:6, -1].max()
        is_stopped = bool(reason(state, float(pooled[6, 0])))
        lost += is_best and is_stopped
        stopped += is_stopped
    assert lost <= 1
    hopeless = raced(tuple(tuple(row) for row in pooled[:6].tolist()), error=0.015)
    assert reason(hopeless, float(pooled[:6, 0].min() - 0.15))
