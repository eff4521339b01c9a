"""Classify an endpoint's errors: retry, shorten the prompt, change the request, or give up with advice."""

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
from agent.llm.errors import LlmRejectedError, UnusableAnswerError

_MAX_MESSAGE_CHARS = 300
_CONTEXT_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|prompt is too long|(input|prompt).{0,40}token.{0,40}exceed"
    r"|exceed.{0,40}context|too many (input )?tokens|reduce the length",
    re.I | re.S,
)
_REQUEST_TOO_LARGE = re.compile(r"request too large", re.I)
_KEY_MESSAGE = re.compile(r"\bapi[ _-]?key\b", re.I)
_MODEL_MESSAGE = re.compile(
    r"\bmodel\b.{0,60}(not exist|not found|unknown|invalid)|(unknown|no such|invalid) model", re.I | re.S
)
_FILTER_CODES = ("content_filter", "content_policy_violation")
_NO_CREDIT_CODES = ("insufficient_quota", "billing_hard_limit_reached")
_TRANSIENT_STATUSES = (408, 409, 425, 429)
# HTTP status of errors reported in a reply with status 200, by the codes and types of OpenAI and Anthropic.
_STATUS_BY_CODE = {
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


class TransientError(Exception):
    """The error may go away by itself; the request can be repeated."""

    def __init__(self, reason: str, retry_after_s: float | None = None, billed: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        """Seconds that the endpoint asks to wait; None: not reported."""
        self.billed = billed
        """Whether the endpoint may have worked on the request, and may bill for it."""


class ContextTooLongError(Exception):
    """Prompt and answer do not fit into the model's context."""


class UnsupportedParameterError(Exception):
    """The endpoint does not support a part of the request."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        """The parameter named by the endpoint; "" if it names none."""


@dataclass(frozen=True)
class _ReportedError:
    """An error as the endpoint reports it."""

    status: int | None
    """HTTP status; None for an error within a reply, without a status of its own."""

    message: str
    code: str
    kind: str
    parameter: str
    retry_after_s: float | None = None


def classify_error(error: Exception, endpoint: Endpoint, model: str) -> Exception:
    """Return the exception to raise instead of an exception of the client library.

    Returns:
        TransientError, ContextTooLongError, UnsupportedParameterError, LlmRejectedError or
        UnusableAnswerError, without the key and without the request.
    """
    if isinstance(error, openai.APIStatusError):
        retry_s = retry_after_s(error.response.headers)
        about = (error.code or "", error.type or "", error.param or "")
        return _classify(
            _ReportedError(error.status_code, _message_of(error, endpoint), *about, retry_s), endpoint, model
        )
    if isinstance(error, openai.APITimeoutError):
        limit = "10 s" if _never_connected(error) else f"{endpoint.timeout_s:g} s"
        return TransientError(
            f"{endpoint.host} has not answered within {limit}", billed=not _never_connected(error)
        )
    if isinstance(error, openai.APIConnectionError):
        if _never_connected(error):
            return TransientError(f"{endpoint.host} cannot be reached")
        return TransientError(f"{endpoint.host} has dropped the connection", billed=True)
    if isinstance(error, openai.APIError):  # an error event within a stream
        return classify_error_body(error.body or error.message, endpoint, model, billed=True)
    return not_a_completion(endpoint)


def classify_error_body(reported: object, endpoint: Endpoint, model: str, billed: bool = False) -> Exception:
    """Classify an error reported in a reply with status 200.

    Args:
        reported: The error, as the endpoint sent it.
        endpoint: The endpoint.
        model: Name of the model.
        billed: Whether the error came in the middle of an answer, which may be billed.

    Returns:
        As `classify_error`; TransientError for an error without a known status or code.
    """
    fields = reported if isinstance(reported, dict) else {}
    code, kind, parameter = (str(fields.get(name) or "") for name in ("code", "type", "param"))
    found = (_parse_status(fields.get(name)) for name in ("code", "status", "status_code"))
    named = (_STATUS_BY_CODE.get(name) for name in (code, kind))
    status = next((one for one in (*found, *named) if one is not None), None)
    error = _classify(
        _ReportedError(status, _shorten(reported, endpoint), code, kind, parameter), endpoint, model
    )
    if isinstance(error, TransientError):
        error.billed = billed
    return error


def not_a_completion(endpoint: Endpoint) -> TransientError:
    """Return the error for a reply with status 200 that is not a chat completion."""
    return TransientError(
        f"{endpoint.host} has sent a reply that is not a chat completion "
        "(OPENAI_BASE_URL usually ends in /v1)"
    )


def _classify(error: _ReportedError, endpoint: Endpoint, model: str) -> Exception:
    status, message = error.status, error.message
    reported = f"{endpoint.host} ({message})" if status is None else f"{endpoint.host} ({status}: {message})"
    if error.code in _FILTER_CODES:
        return UnusableAnswerError(f"A content filter refused the prompt: {reported}.")
    if status == 402 or error.code in _NO_CREDIT_CODES or error.kind in _NO_CREDIT_CODES:
        return LlmRejectedError(
            f"The account has no credit left at {reported}; add credit, or export another OPENAI_API_KEY."
        )
    if status == 429 and _REQUEST_TOO_LARGE.search(message):  # larger than the account's limit per minute
        return ContextTooLongError(f"the prompt is too long for {reported}")
    if status is not None and (status in _TRANSIENT_STATUSES or status >= 500):
        return TransientError(reported, error.retry_after_s)
    if status in (401, 403) or (status == 400 and _KEY_MESSAGE.search(message)):
        return LlmRejectedError(f"The key was rejected by {reported}; export a valid key as OPENAI_API_KEY.")
    if status == 413 or _CONTEXT_TOO_LONG.search(message) or "context_length" in error.code:
        return ContextTooLongError(f"the prompt is too long for {reported}")
    if status == 404 or error.code == "model_not_found" or (status == 400 and _MODEL_MESSAGE.search(message)):
        return LlmRejectedError(
            f"Model '{model}' is not known to {reported}; correct --model, MARS_MODEL or the role's own "
            "variable (such as MARS_PLANNER_MODEL), or OPENAI_BASE_URL, which usually ends in /v1."
        )
    if status in (400, 422):
        return UnsupportedParameterError(message, error.parameter)
    if status is None:
        return TransientError(f"{endpoint.host} has failed: {message}")
    return LlmRejectedError(
        f"The request was rejected by {reported}; check OPENAI_BASE_URL and the model's name."
    )


def _parse_status(reported: object) -> int | None:
    """Return an HTTP error status given as a number or as digits; None for any other value."""
    status = (
        int(reported)
        if isinstance(reported, int) or (isinstance(reported, str) and reported.isdecimal())
        else 0
    )
    return status if 400 <= status < 600 else None


def unsupported_request(error: UnsupportedParameterError, endpoint: Endpoint, model: str) -> LlmRejectedError:
    """Return the error for a rejected request that no other form of the request can satisfy."""
    return LlmRejectedError(
        f"{endpoint.host} does not support the request to model '{model}' ({error.message}); choose another "
        "model by --model or MARS_MODEL."
    )


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Parse `Retry-After`, a number of seconds or a date.

    Args:
        headers: Response headers, with lower-case names.
        now: Current time in seconds since the epoch; None: the clock's.

    Returns:
        Seconds to wait; None if the header is absent or unreadable.
    """
    reported = headers.get("retry-after", "")
    try:
        seconds = float(reported)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(reported).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = moment - (time.time() if now is None else now)
    return None if math.isnan(seconds) else max(seconds, 0.0)


def _message_of(error: openai.APIError, endpoint: Endpoint) -> str:
    """Return the endpoint's message on one line, shortened, without the key."""
    return _shorten(error.message if error.body is None else error.body, endpoint)


def _shorten(reported: object, endpoint: Endpoint) -> str:
    text = _find_message(reported) or json.dumps(reported, default=str)
    return endpoint.redact_key(" ".join(text.split()))[:_MAX_MESSAGE_CHARS]


def _find_message(body: Any) -> str:
    """Return the message within an error body; providers nest it differently."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return next((message for part in body if (message := _find_message(part))), "")
    if isinstance(body, dict):
        return next(
            (
                message
                for name in ("message", "error", "detail")
                if (message := _find_message(body.get(name)))
            ),
            "",
        )
    return ""


def _never_connected(error: Exception) -> bool:
    """Return whether the request was never sent; checks class names, for both httpx and its successor."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout")
