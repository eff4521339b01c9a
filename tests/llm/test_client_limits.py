"""Limits that end a call on the client's side: the run's time, the spend limit, an interrupt."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from werkzeug import Request, Response

from agent.llm.client import Client
from agent.llm.errors import BudgetExceededError, LlmUnavailableError
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit, UsedBudget
from tests.llm.scripted import (
    FORM,
    GOOD,
    PROMPT,
    Choice,
    Records,
    Script,
    completion,
    failure,
)
from tests.support.waiting import wait_until

Ask = Callable[..., Choice]
BUSY = failure(500, "busy", {"Retry-After": "0"})


def test_the_end_of_the_run_cancels_a_call(script: Script, records: Records, ask: Ask) -> None:
    sent: list[float] = []

    def deadline() -> float:
        return sent[0] + 0.4 - time.monotonic() if sent else 60.0

    script.answers = [script.hang]
    with pytest.raises(LlmUnavailableError, match="time was used up"):
        ask(keep_alive=lambda: sent.append(time.monotonic()), deadline=deadline)
    [call] = records.calls  # a timeout of the endpoint would be "failed", and asked again
    assert (call.status, call.estimated) == ("cut", True)
    assert call.usd == records.begun[0].usd


def test_the_time_limit_of_a_question_is_enforced(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [BUSY, script.hang]
    with pytest.raises(LlmUnavailableError, match="time was used up"):
        ask(question_limit_s=1.0)
    assert records.statuses == ["failed", "cut"]


def test_no_call_is_sent_after_the_end_of_the_run(script: Script, records: Records, ask: Ask) -> None:
    with pytest.raises(LlmUnavailableError, match="used up"):
        ask(deadline=lambda: 0.0)
    assert script.asked == []
    assert records.begun == []


def test_the_heartbeat_continues_during_a_call(script: Script, ask: Ask) -> None:
    beats: list[int] = []

    def after_four_beats(request: Request) -> Response:
        at_first = len(beats)
        wait_until(lambda: len(beats) >= at_first + 4, within_s=4.0)
        return completion(GOOD)

    script.answers = [after_four_beats]
    ask(keep_alive=lambda: beats.append(1))
    assert len(beats) >= 4


def test_an_exception_of_the_heartbeat_ends_the_call(
    script: Script, records: Records, make: Callable[..., Client]
) -> None:
    class StopError(Exception):
        pass

    beats = []

    def keep_alive() -> None:
        beats.append(1)
        if len(beats) == 2:
            raise StopError

    script.answers = [script.hang, completion(GOOD)]
    client = make(keep_alive=keep_alive)
    with pytest.raises(StopError):
        client.ask(Query("planner", "draft", [PROMPT], FORM, 100))
    assert records.statuses == ["cut"]
    assert client.ask(Query("planner", "draft", [PROMPT], FORM, 100)).size == 3


@contextlib.contextmanager
def handled(number: int, handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("number", "handler"), [(signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, _interrupt)]
)
def test_an_interrupt_is_recorded_and_propagates(
    script: Script,
    records: Records,
    make: Callable[..., Client],
    number: int,
    handler: Callable[[int, FrameType | None], object],
) -> None:
    tasks: list[object] = []

    def after_two_beats(request: Request) -> Response:
        wait_until(lambda: len(tasks) >= 2, within_s=4.0)
        return completion(GOOD)

    def interrupted(request: Request) -> Response:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        return script.hang(request)

    script.answers = [interrupted, after_two_beats]
    client = make(keep_alive=lambda: tasks.append(asyncio.current_task()))
    with handled(number, handler), pytest.raises(KeyboardInterrupt):
        client.ask(Query("planner", "draft", [PROMPT], FORM, 100))
    assert records.statuses == ["cut"]
    assert "KeyboardInterrupt" in records.calls[0].reason
    tasks.clear()
    assert client.ask(Query("planner", "draft", [PROMPT], FORM, 100)).size == 3
    assert len(tasks) >= 2
    assert len(set(tasks)) == 1, "the interrupted exchange goes on"


def test_the_cost_of_other_calls_counts(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [completion(GOOD)]
    ask(spend_limit=SpendLimit(max_usd=1.0, used=lambda: UsedBudget(usd=0.5)))
    with pytest.raises(BudgetExceededError, match=r"may cost up to \$0\.000\d; \$0\.0001 of \$1 are left"):
        ask(spend_limit=SpendLimit(max_usd=1.0, used=lambda: UsedBudget(usd=0.9999)))
    assert len(script.asked) == len(records.begun) == 1


def test_tokens_without_a_known_price_are_limited(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [completion(GOOD)]
    ask(rows=(), spend_limit=SpendLimit(max_usd=1.0))
    assert records.calls[0].usd is None
    assert records.begun[0].usd is None
    with pytest.raises(BudgetExceededError, match=r"price is not known.* a dollar counts as [\d,]+ tokens"):
        ask(rows=(), spend_limit=SpendLimit(max_usd=0.001))
    assert len(script.asked) == 1
