"""Executions in worker threads: the order of their ends, free workers, and interruptions."""

import threading
from collections.abc import Callable

import pytest

from agent.engine.executions import NodeExecution, Watch, Workers
from agent.execution.base import StopReason
from agent.record.events import NodeResult
from tests.support.states import propose, started

RESULT = NodeResult(status="failed", reason="It crashed.", commit="c" * 40, seconds=1.0)


def _start(workers: Workers, count: int, work: Callable[[Watch], NodeResult]) -> list[Watch]:
    """Start one execution per node, the last node first."""
    state, watches = started(), [Watch() for _ in range(count)]
    for number in [propose(state) for _ in range(count)][::-1]:
        watch = watches[number - 1]
        future = workers.submit(work, watch)
        workers.under_way.append(NodeExecution(state.nodes[number], watch, future, limit_s=60.0))
    return watches


def test_executions_that_have_ended_come_by_the_ids_of_their_nodes() -> None:
    workers, ticks, release = Workers(2), [], threading.Event()

    def work(watch: Watch) -> NodeResult:
        release.wait(60)
        return RESULT

    def tick() -> None:
        ticks.append(len(workers.under_way))
        release.set()

    with workers.open():
        assert workers.has_room
        _start(workers, 2, work)
        assert not workers.has_room
        ended = workers.wait(tick)
        while workers.under_way:
            ended += workers.wait(tick)
    assert ticks[0] == 2, "the caller is called while both run"
    assert workers.has_room
    assert sorted(execution.node.id for execution in ended) == [1, 2]
    assert all(execution.future.done() for execution in ended)


def test_executions_that_ended_together_are_sorted() -> None:
    workers = Workers(3)
    with workers.open():
        _start(workers, 3, lambda watch: RESULT)
        for execution in workers.under_way:
            execution.future.result(60)
        assert [execution.node.id for execution in workers.wait(lambda: None)] == [1, 2, 3]


def test_an_error_of_the_search_stops_what_runs() -> None:
    workers = Workers(1)

    def work(watch: Watch) -> NodeResult:
        deadline = threading.Event()
        while watch.stop_check(0.0) is None:
            assert not deadline.wait(0.01)
        return RESULT

    watches: list[Watch] = []

    def interrupted() -> None:
        with workers.open():
            watches.extend(_start(workers, 1, work))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [watch.stop for watch in watches] == [StopReason("interrupted", "interrupted")]


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (None, "failed", "It crashed."),
        (StopReason("interrupted", "interrupted"), "failed", "It crashed."),
        (StopReason("pruned", "pruned: far behind"), "pruned", "pruned: far behind"),
    ],
)
def test_a_failure_while_being_pruned_counts_as_pruned(
    stop: StopReason | None, status: str, reason: str
) -> None:
    result = Watch(stop=stop).apply_stop(RESULT)
    assert (result.status, result.reason) == (status, reason)
    valid = NodeResult(status="valid", commit="c" * 40, seconds=1.0, metric=0.5)
    assert Watch(stop=stop).apply_stop(valid) is valid
