"""Replies that violate the declared types, as some servers send them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Response

from agent.llm.calls import Prompt
from agent.llm.errors import LlmRejectedError
from tests.llm.scripted import GOOD, PROMPT, Choice, Records, Script, completion, events, failure

Ask = Callable[..., Choice]


def _odd(**more: Any) -> Response:
    """Return a completion in which some parts have wrong types."""
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
def test_a_completion_without_an_answer_is_retried(
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
def test_other_parts_of_a_stream_are_skipped(script: Script, ask: Ask, chunk: object) -> None:
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
def test_an_invalid_usage_is_replaced_by_an_estimate(
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


def test_uncounted_reasoning_is_billed(script: Script, records: Records, ask: Ask) -> None:
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


# -- errors that come as answers ---------------------------------------------------------------------------

NO_FORMATS = failure(400, "response_format is not supported")


def _error(said: object) -> Response:
    """Return an error with status 200, as proxies of several providers send it."""
    return Response(json.dumps({"error": said}), content_type="application/json")


def _in_choice(said: object) -> Response:
    message = {"role": "assistant", "content": ""}
    return _odd(choices=[{"index": 0, "finish_reason": "error", "message": message, "error": said}])


def _in_stream(said: object) -> Response:
    return Response(f"data: {json.dumps({'error': said})}\n\n", content_type="text/event-stream")


@pytest.mark.parametrize("wrapped", [_error, _in_choice, _in_stream])
@pytest.mark.parametrize(
    "said",
    [
        {"message": "slow down", "code": 429},
        {"message": "slow down", "code": "429"},
        {"message": "slow down", "status": 503},
        {"message": "slow down", "type": "rate_limit_error"},
        {"message": "slow down"},
        "slow down",
    ],
)
def test_a_transient_error_within_a_reply_is_recorded_and_retried(
    script: Script, records: Records, ask: Ask, wrapped: Callable[[object], Response], said: object
) -> None:
    before = [NO_FORMATS, NO_FORMATS] if wrapped is _in_stream else []
    script.answers = [*before, wrapped(said), events(GOOD) if before else completion(GOOD)]
    assert ask().size == 3
    assert records.statuses[len(before) :] == ["failed", "answered"]
    assert "slow down" in records.calls[-2].reason
    assert "not a chat completion" not in records.calls[-2].reason


@pytest.mark.parametrize("wrapped", [_error, _in_choice, _in_stream])
@pytest.mark.parametrize(
    ("said", "reaction"),
    [
        ({"message": "No auth credentials found", "code": 401}, "OPENAI_API_KEY"),
        ({"message": "Who is that?", "code": "model_not_found"}, "is not known to"),
        ({"message": "Add some.", "code": 402}, "no credit left"),
        ({"message": "Quota.", "code": "insufficient_quota"}, "no credit left"),
    ],
)
def test_a_permanent_error_within_a_reply_is_not_retried(
    script: Script, ask: Ask, wrapped: Callable[[object], Response], said: object, reaction: str
) -> None:
    before = [NO_FORMATS, NO_FORMATS] if wrapped is _in_stream else []
    script.answers = [*before, wrapped(said)]
    with pytest.raises(LlmRejectedError, match=reaction):
        ask()
    assert len(script.asked) == len(before) + 1


def test_an_unsupported_parameter_within_a_reply_is_dropped(
    script: Script, records: Records, ask: Ask
) -> None:
    objection = {"message": "response_format json_schema is not supported", "code": 400}
    script.answers = [_error(objection), completion(GOOD)]
    assert ask().size == 3
    assert records.calls[-1].mode == "json"


def test_a_context_error_within_a_reply_gets_the_shorter_prompt(script: Script, ask: Ask) -> None:
    too_long = {"message": "maximum context length is 10 tokens", "code": 400}
    script.answers = [_error(too_long), completion(GOOD)]
    assert ask(PROMPT, Prompt("You plan.", "Size?")).size == 3
    assert script.asked[1]["messages"][1]["content"] == "Size?"


# -- streams that are none ---------------------------------------------------------------------------------


def test_a_complete_body_instead_of_a_stream_is_read(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [NO_FORMATS, NO_FORMATS, completion(f"Here:\n```json\n{GOOD}\n```")]
    assert ask().size == 3
    assert script.asked[2]["stream"] is True
    assert records.statuses == ["failed", "failed", "answered"]
    assert (records.calls[2].tokens_in, records.calls[2].tokens_out) == (100, 10)


@pytest.mark.parametrize(
    "body", ["", "[1, 2]", "{", '"x"', "[" * 100_000, '{"error": {"message": "busy", "code": 503}}']
)
def test_an_invalid_body_instead_of_a_stream_is_retried(
    script: Script, records: Records, ask: Ask, body: str
) -> None:
    odd = Response(body, content_type="application/json; charset=utf-8")
    script.answers = [NO_FORMATS, NO_FORMATS, odd, events(GOOD)]
    assert ask().size == 3
    assert records.statuses == ["failed", "failed", "failed", "answered"]
    assert ("busy" if "busy" in body else "not a chat completion") in records.calls[2].reason
