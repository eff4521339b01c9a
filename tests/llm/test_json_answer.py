"""Parsing of JSON answers: text around the object, truncated and invalid objects."""

import time
from typing import Any

import pytest

from agent.llm.answer_format import AnswerError
from agent.llm.json_answer import MissingObjectError, TruncatedObjectError, parse_object


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Sure! Here it is:\n```\n{"a": 1}\n```\nHope {that} helps.', {"a": 1}),
        ('<think>maybe {"a": 0}?</think>\n{"a": 1}', {"a": 1}),
        ('<think>an open {"a": [</think>{"a": 1}', {"a": 1}),
        ('the tag before was in the prompt {"a": </think> {"a": 1}', {"a": 1}),
        ('<think>it never ends, but {"a": 1}', {"a": 1}),
        ('{"a": 0} or rather {"a": 1}', {"a": 1}),
        ('{"a": 1} where {} is a placeholder', {"a": 1}),
        ('{"a": [1, 2, ], "b": {"c": ",}", }, }', {"a": [1, 2], "b": {"c": ",}"}}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "} {", "b": "\\"}"}', {"a": "} {", "b": '"}'}),
        ('{"code": "a </think> b"}', {"code": "a </think> b"}),
        ('a set {x, {"a": 1}}', {"a": 1}),
        ("{}", {}),
    ],
)
def test_an_object_is_found(text: str, value: dict[str, Any]) -> None:
    assert parse_object(text) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", MissingObjectError),
        ("no", MissingObjectError),
        ("[1, 2]", MissingObjectError),
        ('<think>{"a": 1}</think>', MissingObjectError),
        ('{"a": {"b": 1}, "c": "tru', TruncatedObjectError),
        ('{"a": 0} or rather {"a": ', TruncatedObjectError),
        ('{"a": tru}', AnswerError),
        ('{"a": NaN}', AnswerError),
        ('{"a": 1e999}', AnswerError),
        ('{"a": , "b": 1}', AnswerError),
        ('{"a": 0} or rather {"a" 1}', AnswerError),
        ('{"a": "\\ud800"}', AnswerError),
        ('{"a":' * 5000 + "1" + "}" * 5000, AnswerError),
        ('{"a": ' + "9" * 5000 + "}", AnswerError),
    ],
)
def test_missing_parts_are_never_guessed(text: str, kind: type[AnswerError]) -> None:
    with pytest.raises(AnswerError) as caught:
        parse_object(text)
    assert type(caught.value) is kind


@pytest.mark.parametrize("text", ["{" * 100_000, '{"' * 50_000, '"' * 100_000 + "{", "{ " * 50_000 + "}" * 9])
def test_many_braces_are_scanned_quickly(text: str) -> None:
    started = time.process_time()
    with pytest.raises(AnswerError):
        parse_object(text)
    assert time.process_time() - started < 2
