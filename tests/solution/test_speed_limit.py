"""What is chosen, and what an ensemble blends, if the user limits the time per row."""

from pathlib import Path

import pytest

from agent.core.contract import OUTPUT_FILES
from agent.record.state import RunState
from agent.solution import ensemble
from agent.solution.choose import choose, speed_sentence
from tests.support.states import finish, propose, started


def _timed(state: RunState, score: float, ms: float | None) -> int:
    node = propose(state)
    finish(state, node, score, metric_se=0.01, predict_ms=ms, predict_rows=None if ms is None else 410)
    return node


def test_the_best_node_within_the_time_is_chosen() -> None:
    state = started(predict_ms=5.0)
    _timed(state, 0.9, 5.1)
    best = _timed(state, 0.8, 5.0)
    _timed(state, 0.7, 0.1)
    _timed(state, 0.99, None)
    assert choose(state) is state.nodes[best]
    assert speed_sentence(state) == ""


def test_a_fast_node_is_found_behind_many_slow_ones() -> None:
    state = started(predict_ms=5.0)
    for number in range(30):
        _timed(state, 0.9 - number / 1000, 9.0)
    fast = _timed(state, 0.6, 1.0)
    assert choose(state) is state.nodes[fast]


def test_without_a_limit_the_time_does_not_count() -> None:
    state = started()
    best = _timed(state, 0.9, 500.0)
    _timed(state, 0.8, 1.0)
    assert choose(state) is state.nodes[best]
    assert speed_sentence(state) == ""


def test_if_no_node_is_fast_enough_the_fastest_is_chosen_and_one_sentence_says_so() -> None:
    state = started(predict_ms=0.5)
    _timed(state, 0.9, 8.0)
    fastest = _timed(state, 0.8, 1.25)
    _timed(state, 0.95, None)
    assert choose(state) is state.nodes[fastest]
    assert speed_sentence(state) == (
        "no node predicts a row within the 0.5 ms of --predict-ms, so the fastest one is chosen, node 002 "
        "with 1.25 ms"
    )


def test_if_nothing_was_measured_the_best_is_chosen_and_one_sentence_says_so() -> None:
    state = started(predict_ms=0.5)
    best = _timed(state, 0.9, None)
    _timed(state, 0.8, None)
    assert choose(state) is state.nodes[best]
    assert speed_sentence(state) == (
        "no node's time per row could be measured, so --predict-ms 0.5 had no effect on the choice"
    )


@pytest.mark.parametrize("limit", [None, 2.0])
def test_only_fast_nodes_are_members(limit: float | None, tmp_path: Path) -> None:
    state = started(predict_ms=limit)
    times = [1.0, 3.0, None, 2.0]
    nodes = [_timed(state, 0.8 + number / 100, ms) for number, ms in enumerate(times)]
    workspaces = {node: tmp_path / str(node) for node in nodes}
    for node in nodes:
        for name in OUTPUT_FILES:
            (workspaces[node] / name).parent.mkdir(parents=True, exist_ok=True)
            (workspaces[node] / name).write_bytes(b"")
    found = {node.id for node in ensemble.members(state, workspaces)}
    assert found == (set(nodes) if limit is None else {nodes[0], nodes[3]})
