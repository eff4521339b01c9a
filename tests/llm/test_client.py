"""Answers in every mode, usable at once or after a repair."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from agent.llm.calls import Prompt, text_id
from agent.llm.client import Client
from agent.llm.errors import UnusableAnswerError
from agent.llm.query import Query
from tests.llm.scripted import FORM, GOOD, MODEL, PROMPT, Choice, Records, Script, completion, events, failure

NO_SCHEMA = failure(400, "response_format type json_schema is unavailable", param="response_format")
NO_FORMAT = failure(400, "unknown field response_format", param="response_format")


def test_a_good_answer_is_typed_and_recorded(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion(GOOD)]
    assert ask() == Choice(size=3, why="small")
    sent = script.asked[0]
    assert sent["messages"] == [
        {"role": "system", "content": PROMPT.stable},
        {"role": "user", "content": PROMPT.asked},
    ]
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["max_tokens"] == 100
    [call] = records.calls
    assert (call.status, call.mode, call.number, call.model) == ("answered", "schema", 1, MODEL)
    assert (call.tokens_in, call.tokens_out, call.estimated) == (100, 10, False)
    assert call.usd == pytest.approx((100 * 1.0 + 10 * 2.0) / 1e6)
    assert [records.texts[each] for each in call.prompt] == [PROMPT.stable, PROMPT.asked]
    assert call.answer == text_id(GOOD)
    assert records.texts[call.answer] == GOOD
    [begun] = records.begun
    assert begun.usd is not None
    assert begun.usd >= 100 * 2.0 / 1e6


def test_cached_tokens_are_counted_and_cheaper(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    answer = completion(GOOD)
    body = answer.get_json()
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": 80}
    answer.set_data(json.dumps(body))
    script.answers = [answer]
    ask()
    assert records.calls[0].tokens_cached == 80
    assert records.calls[0].usd == pytest.approx((20 * 1.0 + 80 * 0.5 + 10 * 2.0) / 1e6)


def test_an_endpoint_without_schemas_is_asked_for_json_and_remembered(
    script: Script, records: Records, make: Callable[..., Client]
) -> None:
    script.answers = [NO_SCHEMA, completion(GOOD), completion(GOOD)]
    client = make()
    for _ in range(2):
        assert client.ask(Query("planner", "draft", [PROMPT], FORM, 100)).size == 3
    assert [asked["response_format"]["type"] for asked in script.asked] == [
        "json_schema",
        "json_object",
        "json_object",
    ]
    assert '"maximum": 9' in script.asked[1]["messages"][1]["content"]
    assert [(call.status, call.mode, call.number) for call in records.calls] == [
        ("failed", "schema", 1),
        ("answered", "json", 2),
        ("answered", "json", 1),
    ]
    assert records.calls[0].usd == 0


def test_an_endpoint_without_formats_streams_until_the_answer_is_complete(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    parts = ("<think>", "hm {", "</think>", "```json\n", GOOD[:9], GOOD[9:], "\n```", "and more" * 50)
    script.answers = [NO_SCHEMA, NO_FORMAT, events(*parts, usage=(90, 9))]
    assert ask().size == 3
    assert "response_format" not in script.asked[2]
    call = records.calls[-1]
    assert (call.mode, call.status, call.estimated) == ("text", "answered", True)
    assert "and more" not in records.texts[call.answer]
    assert call.tokens_out is not None
    assert 0 < call.tokens_out <= 100


def test_a_complete_stream_has_the_usage_of_the_endpoint(
    script: Script, records: Records, make: Callable[..., Client]
) -> None:
    script.answers = [NO_SCHEMA, NO_FORMAT, events("none", usage=(90, 9)), events(GOOD)]
    assert make().ask(Query("coder", "draft", [PROMPT], FORM, 100)).size == 3
    assert (records.calls[2].tokens_in, records.calls[2].tokens_out) == (90, 9)
    assert records.calls[2].estimated is False
    assert records.statuses == ["failed", "failed", "unusable", "answered"]


def test_a_stream_without_end_is_stopped(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    endless = events(*["x" * 100] * 1000)
    script.answers = [NO_SCHEMA, NO_FORMAT, endless, events(GOOD)]
    assert ask().size == 3
    assert len(records.texts[records.calls[2].answer]) < 2000
    assert "cut off after 100 tokens" in script.asked[3]["messages"][-1]["content"]
    assert script.asked[3]["max_tokens"] == 200


def test_a_cut_answer_is_asked_for_again_with_more_room(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion('{"size": 3, "why": "sm', "length"), completion(GOOD)]
    assert ask().size == 3
    assert [asked["max_tokens"] for asked in script.asked] == [100, 200]
    assert [message["role"] for message in script.asked[1]["messages"]] == ["system", "user"]
    assert records.statuses == ["unusable", "answered"]


def test_an_answer_that_was_all_reasoning_counts_as_cut(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion("", "length"), completion(GOOD)]
    assert ask().size == 3
    assert records.calls[0].answer == ""
    assert script.asked[1]["max_tokens"] == 200


def test_an_invalid_answer_is_quoted_with_its_error(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    wrong = '{"size": 30, "why": "large"}'
    script.answers = [completion(wrong), completion(GOOD)]
    assert ask().size == 3
    roles = [message["role"] for message in script.asked[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert script.asked[1]["messages"][2]["content"] == wrong
    assert "size: Input should be less than or equal to 9" in script.asked[1]["messages"][3]["content"]
    assert [(call.status, call.number) for call in records.calls] == [("unusable", 1), ("answered", 2)]
    assert "less than or equal to 9" in records.calls[0].reason


def test_the_client_gives_up_after_three_invalid_answers(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion('{"size": 30, "why": ""}')] * 3
    with pytest.raises(UnusableAnswerError, match=r"no usable answer for 'draft' in 3 tries: size: .* 9"):
        ask()
    assert records.statuses == ["unusable"] * 3


def test_prose_despite_a_schema_puts_the_schema_into_the_prompt(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion("I would take three."), completion(GOOD)]
    assert ask().size == 3
    assert '"maximum": 9' in script.asked[1]["messages"][1]["content"]
    assert [call.mode for call in records.calls] == ["schema", "json"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (completion(None, refusal="I will not."), "I will not."),
        (completion("", "content_filter"), "filter stopped"),
        (failure(400, "flagged by our policy", code="content_filter"), "flagged by our policy"),
    ],
)
def test_a_refusal_is_not_retried(
    script: Script, records: Records, ask: Callable[..., Choice], answer: Any, words: str
) -> None:
    script.answers = [answer]
    with pytest.raises(UnusableAnswerError, match=re.escape(words)):
        ask()
    assert words in records.calls[0].reason
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
        ("seed", 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'),
    ],
)
def test_unsupported_parameters_are_not_sent_again(
    script: Script, make: Callable[..., Client], name: str, message: str
) -> None:
    script.answers = [failure(400, message), completion(GOOD), completion(GOOD)]
    client = make()
    for _ in range(2):
        client.ask(Query("planner", "draft", [PROMPT], FORM, 100, temperature=0.5, seed=1))
    assert [name in asked for asked in script.asked] == [True, False, False]
    other = "seed" if name == "temperature" else "temperature"
    assert all(other in asked for asked in script.asked)


def test_the_other_limit_parameter_is_tried(script: Script, ask: Callable[..., Choice]) -> None:
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    script.answers = [failure(400, message, param="max_tokens"), completion(GOOD)]
    ask()
    assert "max_tokens" not in script.asked[1]
    assert script.asked[1]["max_completion_tokens"] == 100


def test_a_limit_that_is_too_large_is_lowered(script: Script, ask: Callable[..., Choice]) -> None:
    message = "max_tokens is too large: 100. This model supports at most 64 completion tokens"
    script.answers = [failure(400, message, param="max_tokens"), completion(GOOD)]
    ask()
    assert script.asked[1]["max_tokens"] == 64


def test_without_system_messages_the_user_message_holds_everything(
    script: Script, ask: Callable[..., Choice]
) -> None:
    script.answers = [failure(400, "System role not supported"), completion(GOOD)]
    ask()
    assert script.asked[1]["messages"] == [
        {"role": "user", "content": f"{PROMPT.stable}\n\n{PROMPT.asked}"},
    ]


def test_a_prompt_with_a_lone_surrogate_can_be_sent(script: Script, make: Callable[..., Client]) -> None:
    script.answers = [completion(GOOD)]
    make().ask(Query("planner", "draft", [Prompt("You plan.", "a \udcff log")], FORM, 100))
    assert script.asked[0]["messages"][1]["content"] == "a ? log"


def test_tokens_are_estimated_if_the_endpoint_reports_none(
    script: Script, records: Records, ask: Callable[..., Choice]
) -> None:
    script.answers = [completion(GOOD, usage=None)]
    ask()
    [call] = records.calls
    assert call.estimated is True
    assert call.tokens_in is not None
    assert call.tokens_in > len(PROMPT.stable + PROMPT.asked) / 4
    assert call.usd is not None
    assert call.usd > 0
