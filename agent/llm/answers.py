"""Finds the JSON object in what a model wrote, around which there may be reasoning, prose and fences.

Libraries that repair JSON (json-repair was looked at, its strict mode too) guess what is missing: `{"a": tru`
becomes a string. Here nothing is guessed but commas that are too many; the model is asked again instead.
"""

import json
import math
import re
from typing import Any

from agent.llm.forms import AnswerError

_STRING = r'"(?:[^"\\]|\\.)*+"'
_BRACES = re.compile(rf'{_STRING}|[{{}}"]', re.DOTALL)
_COMMAS = re.compile(rf"({_STRING})|,(\s*[}}\]])", re.DOTALL)
_OPENS_JSON = re.compile(r'\{\s*"')
_REASONING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)
_REASONED = "</think>"
_MOST_LOOKS = 300_000  # at braces and strings: every brace of prose costs a scan of what follows it


class NoObject(AnswerError):  # noqa: N818 (what was found, for the client to act on)
    """There is nothing like a JSON object in the answer."""


class Unfinished(AnswerError):  # noqa: N818
    """The last JSON object of the answer is cut off."""


def read_object(text: str) -> dict[str, Any]:
    """The last whole JSON object of an answer.

    Raises:
        NoObject: there is none.
        Unfinished: the last one has no end; an earlier one is no answer then, nor is a part of it.
        AnswerError: the last one is no valid JSON.
    """
    found: dict[str, Any] | AnswerError | None = None
    body = _without_reasoning(text)
    at = body.find("{")
    looks = 0
    while at >= 0:
        (end, more), like_json = _end(body, at), _OPENS_JSON.match(body, at)
        looks += more
        if looks > _MOST_LOOKS:
            raise NoObject("There are too many braces around the JSON object.")
        step = end or at + 1
        if end is None and like_json:
            raise Unfinished("The answer is cut off before its JSON object ends.")
        if end is not None:
            value = _parsed(body[at:end])
            if isinstance(value, dict):
                found = value if value or found is None else found
            elif like_json:
                found = value
            else:  # braces of prose, which may hold an object
                step = at + 1
        at = body.find("{", step)
    if found is None:
        raise NoObject("There is no JSON object in the answer.")
    if isinstance(found, AnswerError):
        raise found
    return found


def _without_reasoning(text: str) -> str:
    """What follows a block of reasoning; its opening tag may be part of the prompt, hence not be here."""
    text = _REASONING.sub("", text, count=1)
    if _REASONED in text and "<think>" not in text:
        after = text.rpartition(_REASONED)[2]
        return after if "{" in after else text
    return text


def _end(text: str, start: int) -> tuple[int | None, int]:
    """Where the braces that open at `start` are closed (None: nowhere), and how many tokens that took."""
    depth = looks = 0
    for match in _BRACES.finditer(text, start):
        looks += 1
        token = match.group()
        if token == '"':  # a string without an end
            break
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0:
            return match.end(), looks
    return None, looks


def _parsed(block: str) -> dict[str, Any] | AnswerError:
    try:
        value = _loaded(block)
    except ValueError:
        try:
            value = _loaded(_COMMAS.sub(lambda match: match.group(1) or match.group(2), block))
        except ValueError as error:
            return AnswerError(f"The answer is no valid JSON: {error}.")
        except RecursionError:
            return AnswerError("The answer's JSON is nested too deeply.")
    except RecursionError:
        return AnswerError("The answer's JSON is nested too deeply.")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return AnswerError("The answer holds half a character (a lone \\ud800 to \\udfff).")
    return value


def _loaded(block: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        block, strict=False, parse_constant=_refused, parse_float=_finite
    )  # not strict: line breaks within strings are clear enough
    return value


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is too large a number")
    return value
