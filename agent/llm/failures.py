"""What an endpoint's failure means: come again, shorten, ask otherwise, or give up and say what to do."""

import email.utils
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

from agent.llm.endpoint import Endpoint
from agent.llm.errors import LlmRefused, LlmUnusable

_SHOWN = 300
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|prompt is too long|(input|prompt).{0,40}token.{0,40}exceed"
    r"|exceed.{0,40}context|too many (input )?tokens|reduce the length",
    re.I | re.S,
)
_TOO_LARGE = re.compile(r"request too large", re.I)
_KEY = re.compile(r"\bapi[ _-]?key\b", re.I)
_MODEL = re.compile(
    r"\bmodel\b.{0,60}(not exist|not found|unknown|invalid)|(unknown|no such|invalid) model", re.I | re.S
)
_FILTERED = ("content_filter", "content_policy_violation")
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")
_PASSING = (408, 409, 425, 429)
# Of errors within an answer, by code or type, in the words of OpenAI's and Anthropic's interfaces.
_STATUS_OF = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 503,
    "server_error": 500,
    "api_error": 500,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "invalid_request_error": 400,
}


class Passing(Exception):  # noqa: N818 (what happened, not what is wrong)
    """May go away by itself; the request can be repeated."""

    def __init__(self, reason: str, retry_after_s: float | None = None, billed: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        """What the endpoint asks to wait, in seconds; None: nothing said."""
        self.billed = billed
        """Whether the endpoint may have worked on it, and may want money for that."""


class TooLong(Exception):  # noqa: N818
    """Prompt and answer do not fit into the model's context."""


class Objection(Exception):  # noqa: N818
    """The endpoint does not like something in the request."""

    def __init__(self, words: str, parameter: str) -> None:
        super().__init__(words)
        self.words = words
        self.parameter = parameter
        """The parameter that it names; "" if it names none."""


@dataclass(frozen=True)
class _Said:
    """What an endpoint says of an error."""

    status: int | None
    """None: it is within an answer, and has none of its own."""

    words: str
    code: str
    kind: str
    parameter: str
    retry_after_s: float | None = None


def meaning(error: Exception, endpoint: Endpoint, model: str) -> Exception:
    """What to raise instead of what the client library raised.

    Returns:
        Passing, TooLong, Objection, LlmRefused or LlmUnusable; none of them holds the key, nor the request.
    """
    if isinstance(error, openai.APIStatusError):
        waits = retry_after_s(error.response.headers)
        about = (error.code or "", error.type or "", error.param or "")
        return _judged(_Said(error.status_code, _words(error, endpoint), *about, waits), endpoint, model)
    if isinstance(error, openai.APITimeoutError):
        waited = "10 s" if _unconnected(error) else f"{endpoint.timeout_s:g} s"
        return Passing(f"{endpoint.host} has not answered within {waited}", billed=not _unconnected(error))
    if isinstance(error, openai.APIConnectionError):
        if _unconnected(error):
            return Passing(f"{endpoint.host} cannot be reached")
        return Passing(f"{endpoint.host} has dropped the connection", billed=True)
    if isinstance(error, openai.APIError):  # an event of a stream that says so
        return within_answer(error.body or error.message, endpoint, model, billed=True)
    return not_a_completion(endpoint)


def within_answer(said: object, endpoint: Endpoint, model: str, billed: bool = False) -> Exception:
    """What an error means that comes with status 200: in a body, or, `billed`, in the middle of an answer.

    Returns:
        As `meaning`. What has neither a status nor a code that is known may pass.
    """
    fields = said if isinstance(said, dict) else {}
    code, kind, parameter = (str(fields.get(name) or "") for name in ("code", "type", "param"))
    found = (_as_status(fields.get(name)) for name in ("code", "status", "status_code"))
    named = (_STATUS_OF.get(name) for name in (code, kind))
    status = next((one for one in (*found, *named) if one is not None), None)
    error = _judged(_Said(status, _short(said, endpoint), code, kind, parameter), endpoint, model)
    if isinstance(error, Passing):
        error.billed = billed
    return error


def not_a_completion(endpoint: Endpoint) -> Passing:
    """For an answer with status 200 that is something else."""
    return Passing(
        f"{endpoint.host} has sent something that is no chat completion (OPENAI_BASE_URL usually ends in /v1)"
    )


def _judged(error: _Said, endpoint: Endpoint, model: str) -> Exception:
    status, words = error.status, error.words
    said = f"{endpoint.host} ({words})" if status is None else f"{endpoint.host} ({status}: {words})"
    if error.code in _FILTERED:
        return LlmUnusable(f"The prompt was refused by {said}.")
    if status == 402 or error.code in _NO_CREDIT or error.kind in _NO_CREDIT:
        return LlmRefused(
            f"The account has no credit left at {said}; top it up, or use another OPENAI_API_KEY."
        )
    if status == 429 and _TOO_LARGE.search(words):  # more than the account may ever send in a minute
        return TooLong(f"the prompt is too long for {said}")
    if status is not None and (status in _PASSING or status >= 500):
        return Passing(said, error.retry_after_s)
    if status in (401, 403) or (status == 400 and _KEY.search(words)):
        return LlmRefused(f"The key is not accepted by {said}; export the right one as OPENAI_API_KEY.")
    if status == 413 or _TOO_LONG.search(words) or "context_length" in error.code:
        return TooLong(f"the prompt is too long for {said}")
    if status == 404 or error.code == "model_not_found" or (status == 400 and _MODEL.search(words)):
        return LlmRefused(
            f"Model '{model}' is not known to {said}; correct --model, MARS_MODEL or the role's own "
            "variable, or OPENAI_BASE_URL, which usually ends in /v1."
        )
    if status in (400, 422):
        return Objection(words, error.parameter)
    if status is None:
        return Passing(f"{endpoint.host} has failed: {words}")
    return LlmRefused(f"The request is refused by {said}; check OPENAI_BASE_URL and the model's name.")


def _as_status(said: object) -> int | None:
    """An HTTP status of an error, be it a number or its digits; None: it is none."""
    status = int(said) if isinstance(said, int) or (isinstance(said, str) and said.isdecimal()) else 0
    return status if 400 <= status < 600 else None


def unlearnable(objection: Objection, endpoint: Endpoint, model: str) -> LlmRefused:
    """For an objection that no other way of asking answers."""
    return LlmRefused(
        f"{endpoint.host} refuses how model '{model}' is asked ({objection.words}); choose another model by "
        "--model or MARS_MODEL."
    )


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """What `Retry-After` asks to wait, in seconds, be it a number or a date; None: nothing readable."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(said).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = moment - (time.time() if now is None else now)
    return None if math.isnan(seconds) else max(seconds, 0.0)


def _words(error: openai.APIError, endpoint: Endpoint) -> str:
    """What the endpoint said, on one line, short, without the key."""
    return _short(error.message if error.body is None else error.body, endpoint)


def _short(said: object, endpoint: Endpoint) -> str:
    text = _message(said) or json.dumps(said, default=str)
    return endpoint.hide(" ".join(text.split()))[:_SHOWN]


def _message(body: Any) -> str:
    """The message within the body, which every provider wraps otherwise."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return next((words for part in body if (words := _message(part))), "")
    if isinstance(body, dict):
        return next(
            (words for name in ("message", "error", "detail") if (words := _message(body.get(name)))), ""
        )
    return ""


def _unconnected(error: Exception) -> bool:
    """Whether the request was never sent. The transport is httpx or its successor, told by names."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout")
