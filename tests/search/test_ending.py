"""Reasons for the end of a search: when each holds, and its sentence."""

from typing import get_args

from agent.record.events import EndReason, ReplaySource, RunFinished
from agent.search.ending import MAX_FAILURES, end_reason, end_sentence, reached_limit
from tests.support.states import add, idea, started


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


def test_failures_in_a_row_are_named() -> None:
    state = started()
    for _ in range(MAX_FAILURES):
        assert reached_limit(state) is None
        add(state, None, None)
    assert end_reason(state) == "too_many_failures"
    assert end_sentence("too_many_failures", state.run) == "the last 8 nodes all failed"


def test_a_replay_names_its_source() -> None:
    state = started(replay_source=ReplaySource(run="toy-1", ideas=3))
    assert end_reason(state) == "replay_done"
    assert end_sentence("replay_done", state.run) == (
        "all ideas of run toy-1 that can be reproduced were executed"
    )


def test_every_reason_has_its_own_sentence() -> None:
    reasons: tuple[EndReason, ...] = get_args(EndReason)
    sentences = {end_sentence(reason, started().run) for reason in reasons}
    assert len(sentences) == len(reasons) >= 6


def test_a_record_without_a_typed_reason_is_read() -> None:
    old = {"kind": "run_finished", "elapsed_s": 1.0, "reason": "the time is over", "chosen": None}
    assert RunFinished.model_validate(old).end_reason is None
