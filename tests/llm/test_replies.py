"""Completions that are not what the client library declares: some servers take the form lightly."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Response

from tests.llm.scripted import GOOD, Choice, Records, Script, completion, events, failure

Ask = Callable[..., Choice]


def _odd(**more: Any) -> Response:
    """A completion of which parts are not what they are declared to be."""
    body = json.loads(completion(GOOD).get_data()) | more
    return Response(json.dumps(body), content_type="application/json")


def _saying(message: object) -> Response:
    return _odd(choices=[{"index": 0, "finish_reason": "stop", "message": message}])


@pytest.mark.parametrize(
    "response",
    [
        _saying(None),
        _saying({"role": "assistant", "content": 5}),
        _saying({"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}]}),
        _odd(choices=["x"]),
        _odd(choices=[None]),
        _odd(choices={"0": "x"}),
        _odd(choices=None, error={"message": "overloaded"}),
    ],
)
def test_a_completion_without_an_answer_is_asked_for_again(
    script: Script, records: Records, ask: Ask, response: Response
) -> None:
    script.answers = [response, completion(GOOD)]
    assert ask().size == 3
    assert records.statuses == ["failed", "answered"]


@pytest.mark.parametrize(
    "chunk",
    [
        "x",
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 0, "delta": {"content": None, "reasoning_content": [1]}}], "usage": "none"},
    ],
)
def test_what_a_stream_holds_beside_the_answer_is_passed_over(
    script: Script, ask: Ask, chunk: object
) -> None:
    lines = f"data: {json.dumps(chunk)}\n\n" + events(GOOD).get_data(as_text=True)
    no_formats = failure(400, "response_format is not supported")
    stream = Response(lines, content_type="text/event-stream")
    script.answers = [no_formats, no_formats, stream]
    assert ask().size == 3


def test_an_answer_in_parts_is_joined(script: Script, ask: Ask) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": GOOD[:9]}]
    script.answers = [_saying({"role": "assistant", "content": [*parts, {"type": "text", "text": GOOD[9:]}]})]
    assert ask().size == 3


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        ("none", False),
        ([1], False),
        ({"prompt_tokens": "100", "completion_tokens": "10"}, False),
        ({"prompt_tokens": -100, "completion_tokens": -10}, False),
        ({"prompt_tokens": 100, "completion_tokens": None}, False),
        ({"prompt_tokens": 99.5, "completion_tokens": 10.0}, True),
        ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": [1]}, True),
    ],
)
def test_a_usage_that_is_no_number_of_tokens_is_estimated(
    script: Script, records: Records, ask: Ask, usage: object, known: bool
) -> None:
    script.answers = [_odd(usage=usage)]
    assert ask().size == 3
    [call] = records.calls
    assert call.estimated is not known
    assert call.usd is not None
    assert call.usd > 0
    if known:
        assert (call.tokens_in, call.tokens_out) == (100, 10)


def test_reasoning_that_nobody_counted_is_paid_for(script: Script, records: Records, ask: Ask) -> None:
    message = {"role": "assistant", "content": GOOD, "reasoning_content": "Hm. " * 60}
    thoughtful = [{"index": 0, "finish_reason": "stop", "message": message}]
    cut = completion("", "length", usage=None)
    script.answers = [
        completion(GOOD, usage=None),
        _odd(usage=None, choices=thoughtful),
        cut,
        completion(GOOD),
    ]
    for _ in range(3):
        ask()
    first, second, third, _ = [call.tokens_out or 0 for call in records.calls]
    assert second == first + len("Hm. " * 60) // 3
    assert third == 100, "what was cut off had all its room"
