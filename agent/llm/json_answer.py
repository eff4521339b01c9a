"""Find the JSON object in a model's answer, which may also hold reasoning, prose and code fences.

Libraries that repair JSON guess missing parts. For example, json-repair reads `{"a": tru` as a string, even
in strict mode. This module only removes surplus commas. For any other error the client asks the model again.
"""

import json
import math
import re
from typing import Any

from agent.llm.answer_format import AnswerError

_STRING = r'"(?:[^"\\]|\\.)*+"'
_BRACES = re.compile(rf'{_STRING}|[{{}}"]', re.DOTALL)
_COMMAS = re.compile(rf"({_STRING})|,(\s*[}}\]])", re.DOTALL)
_OPENS_JSON = re.compile(r'\{\s*"')
_REASONING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)
_REASONING_END = "</think>"
_MAX_TOKENS_SCANNED = 300_000  # braces and strings; every brace in prose costs a scan of the following text


class MissingObjectError(AnswerError):
    """The answer holds no JSON object."""


class TruncatedObjectError(AnswerError):
    """The last JSON object of the answer is cut off."""


def parse_object(text: str) -> dict[str, Any]:
    """Return the last complete JSON object of an answer.

    Raises:
        MissingObjectError: The answer holds no JSON object.
        TruncatedObjectError: The last object is cut off. Earlier objects and parts do not count as answers.
        AnswerError: The last object is not valid JSON.
    """
    found: dict[str, Any] | AnswerError | None = None
    body = _strip_reasoning(text)
    at = body.find("{")
    scanned = 0
    while at >= 0:
        (end, more), like_json = _find_end(body, at), _OPENS_JSON.match(body, at)
        scanned += more
        if scanned > _MAX_TOKENS_SCANNED:
            raise MissingObjectError("The answer holds too many braces around the JSON object.")
        step = end or at + 1
        if end is None and like_json:
            raise TruncatedObjectError("The answer is cut off before its JSON object ends.")
        if end is not None:
            value = _parse_block(body[at:end])
            if isinstance(value, dict):
                found = value if value or found is None else found
            elif like_json:
                found = value
            else:  # braces in prose, which may contain an object
                step = at + 1
        at = body.find("{", step)
    if found is None:
        raise MissingObjectError("The answer holds no JSON object.")
    if isinstance(found, AnswerError):
        raise found
    return found


def _strip_reasoning(text: str) -> str:
    """Return the text after a block of reasoning. The opening tag may be missing: some prompts hold it."""
    text = _REASONING.sub("", text, count=1)
    if _REASONING_END in text and "<think>" not in text:
        after = text.rpartition(_REASONING_END)[2]
        return after if "{" in after else text
    return text


def _find_end(text: str, start: int) -> tuple[int | None, int]:
    """Return the end of the braces that open at `start` (None: never closed) and the tokens scanned."""
    depth = scanned = 0
    for match in _BRACES.finditer(text, start):
        scanned += 1
        token = match.group()
        if token == '"':  # a string without an end
            break
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0:
            return match.end(), scanned
    return None, scanned


def _parse_block(block: str) -> dict[str, Any] | AnswerError:
    try:
        value = _load(block)
    except ValueError:
        try:
            value = _load(_COMMAS.sub(lambda match: match.group(1) or match.group(2), block))
        except ValueError as error:
            return AnswerError(f"The answer is not valid JSON: {error}.")
        except RecursionError:
            return AnswerError("The answer's JSON is nested too deeply.")
    except RecursionError:
        return AnswerError("The answer's JSON is nested too deeply.")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return AnswerError("The answer holds a lone surrogate (\\ud800 to \\udfff).")
    return value


def _load(block: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        block, strict=False, parse_constant=_reject_constant, parse_float=_parse_finite
    )  # not strict: accept line breaks within strings
    return value


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _parse_finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits} is too large")
    return value
