"""Reasons for the end of a search: when each holds, and its sentence."""

from typing import get_args

from agent.record.events import EndReason, Failure, ReplaySource, RunFinished
from agent.record.state import RunState
from agent.search.ending import (
    MAX_FAILURES,
    MAX_VARIED_FAILURES,
    end_reason,
    end_sentence,
    reached_limit,
    unused_time,
)
from tests.support.states import add, finish, idea, propose, started


def test_a_search_says_why_it_ends() -> None:
    state = started()
    assert (reached_limit(state), end_reason(state)) == (None, "nothing_new")
    state.elapsed_s = 500.0
    assert (reached_limit(state), end_reason(state)) == (None, "nothing_fits")
    state.elapsed_s = 600.0
    assert (reached_limit(state), end_reason(state)) == ("budget_used", "budget_used")


def test_the_number_of_nodes_is_a_limit() -> None:
    state = started(max_nodes=1)
    assert reached_limit(state) is None
    add(state, None, 0.5)
    assert reached_limit(state) == "budget_used"


def test_a_given_blueprint_is_tried_once() -> None:
    state = started(blueprint=idea().blueprint)
    assert reached_limit(state) is None
    add(state, None, 0.5)
    assert end_reason(state) == "blueprint_tried"


def test_failures_in_a_row_end_a_run_of_the_former_rule_whatever_they_are() -> None:
    state = started(rules=1)
    for _ in range(MAX_FAILURES):
        assert reached_limit(state) is None
        add(state, None, None)
    assert end_reason(state) == "too_many_failures"
    assert end_sentence("too_many_failures", state) == "the last 8 nodes all failed"


def _fail(state: RunState, message: str, **failure: object) -> None:
    failed = Failure.model_validate({"stage": "run", "redacted_message": message, **failure})
    finish(state, propose(state), failure=failed, reason=f"{message}.", seconds=1.0)


def test_one_error_in_a_row_ends_the_search_and_is_named() -> None:
    state = started(rules=2)
    for _ in range(MAX_FAILURES):
        assert reached_limit(state) is None
        _fail(state, "OSError: no device")
    assert end_reason(state) == "too_many_failures"
    assert end_sentence("too_many_failures", state) == (
        "the last 8 nodes failed with the same error: OSError: no device"
    )


def test_failures_of_many_kinds_do_not_end_the_search_early() -> None:
    state = started(rules=2)
    for number in range(MAX_VARIED_FAILURES):
        assert reached_limit(state) is None
        _fail(state, f"KeyError: {number}")
    assert end_reason(state) == "too_many_failures"
    assert end_sentence("too_many_failures", state) == ("the last 24 nodes that had time to run all failed")


def test_a_node_that_ran_ends_the_row() -> None:
    state = started(rules=2)
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            _fail(state, "OSError: no device")
        add(state, None, 0.5, seconds=1.0)
        assert reached_limit(state) is None


def test_pruned_nodes_and_time_limits_do_not_count_as_failures_of_the_machine() -> None:
    state = started(rules=2)
    for _ in range(MAX_VARIED_FAILURES):
        _fail(state, "The candidate was killed at its time limit", out_of_time=True)
        finish(state, propose(state), status="pruned", seconds=1.0)
        assert reached_limit(state) is None
    for _ in range(MAX_FAILURES):
        _fail(state, "Late", out_of_time=True)
        assert reached_limit(state) is None
        _fail(state, "OSError: no device")
    assert reached_limit(state) == "too_many_failures", "time limits in between do not end the row"


def test_the_sentence_names_the_limit_that_was_used_up() -> None:
    state = started(max_nodes=2)
    add(state, None, 0.5)
    add(state, None, 0.5)
    assert end_sentence("budget_used", state) == "the 2 nodes of --max-nodes were tried"
    assert unused_time(state, 20.0) == "9:40 of 10:00 were not used"
    assert unused_time(state, 560.0) == ""
    assert end_sentence("budget_used", started()) == "the time budget is used up"


def test_a_replay_names_its_source() -> None:
    state = started(replay_source=ReplaySource(run="toy-1", ideas=3))
    assert end_reason(state) == "replay_done"
    assert end_sentence("replay_done", state) == (
        "all ideas of run toy-1 that can be reproduced were executed"
    )


def test_every_reason_has_its_own_sentence() -> None:
    reasons: tuple[EndReason, ...] = get_args(EndReason)
    sentences = {end_sentence(reason, started()) for reason in reasons}
    assert len(sentences) == len(reasons) >= 6


def test_a_record_without_a_typed_reason_is_read() -> None:
    old = {"kind": "run_finished", "elapsed_s": 1.0, "reason": "the time is over", "chosen": None}
    assert RunFinished.model_validate(old).end_reason is None
