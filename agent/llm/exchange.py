"""One request to an endpoint, with a heartbeat for the run during the wait, and the run's deadline."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from agent.llm.endpoint import Endpoint
from agent.llm.endpoint_errors import TransientError, classify_error, classify_error_body, not_a_completion

HEARTBEAT_S = 0.25
CONNECT_S = 10.0
_TOTAL_TIMEOUT_FACTOR = 5  # an answer that trickles in may take this many silence timeouts in total
_MAX_CHARS_PER_TOKEN = 8  # a longer text has certainly passed its token limit
_JSON = "application/json"
_NO_KEY = "none"  # the client library requires a key; servers without keys ignore it


class DeadlineReachedError(Exception):
    """The run has no time left; the request was cancelled."""


@dataclass(frozen=True)
class TokenUsage:
    """Token usage of a request, as the endpoint reports it."""

    tokens_in: int
    tokens_cached: int | None
    tokens_out: int


@dataclass(frozen=True)
class Reply:
    """Reply to a request."""

    text: str
    finish: str
    """Why the answer ended: stop, length, content_filter, ...; "complete" if this side ended the stream."""

    refusal: str
    usage: TokenUsage | None
    reasoning_chars: int = 0
    """Characters of reasoning sent apart from the text."""


class Exchange:
    """Sends requests from the calling thread, one at a time."""

    def __init__(
        self, endpoint: Endpoint, keep_alive: Callable[[], None], deadline: Callable[[], float]
    ) -> None:
        self._endpoint = endpoint
        self._keep_alive = keep_alive
        self._deadline = deadline
        self._runner: asyncio.Runner | None = None
        self._client: openai.AsyncOpenAI | None = None

    def send(self, body: dict[str, Any], max_tokens: int, is_complete: Callable[[str], bool]) -> Reply:
        """Send a request and return the reply.

        Args:
            body: Body of a chat completion; with `stream`, the reply is read as a stream.
            max_tokens: Token limit of the answer.
            is_complete: Returns whether the text so far is a complete answer; called while streaming.

        Raises:
            TransientError, ContextTooLongError, UnsupportedParameterError, LlmRejectedError,
                UnusableAnswerError: The request failed, see `endpoint_errors`.
            DeadlineReachedError: The run has no time left; the request is cancelled.
            Exception: Any exception of `pulse`, and KeyboardInterrupt; the request is cancelled.
        """
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(self._send_with_heartbeat(body, max_tokens, is_complete))
        except Exception:
            raise
        except BaseException:  # a signal may have interrupted the event loop anywhere
            self._discard_connections()
            raise

    def close(self) -> None:
        """Close the connections."""
        if self._runner is not None and self._client is not None:
            self._runner.run(self._client.close())
        self._discard_connections()

    def _discard_connections(self) -> None:
        runner, self._runner, self._client = self._runner, None, None
        if runner is not None:
            runner.close()

    async def _send_with_heartbeat(
        self, body: dict[str, Any], max_tokens: int, is_complete: Callable[[str], bool]
    ) -> Reply:
        task = asyncio.ensure_future(self._request(body, max_tokens, is_complete))
        try:
            while not task.done():
                self._keep_alive()
                left = self._deadline()
                if left <= 0:
                    raise DeadlineReachedError
                await asyncio.wait({task}, timeout=min(HEARTBEAT_S, left))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _request(
        self, body: dict[str, Any], max_tokens: int, is_complete: Callable[[str], bool]
    ) -> Reply:
        total_s = _TOTAL_TIMEOUT_FACTOR * self._endpoint.timeout_s
        model = body["model"]
        try:
            async with asyncio.timeout(total_s):
                if body.get("stream"):
                    return await self._read_stream(body, max_tokens, is_complete)
                return self._read_completion(
                    await self._openai_client().chat.completions.create(**body), model
                )
        except TimeoutError:
            reason = f"{self._endpoint.host} has not finished the answer within {total_s:g} s"
            raise TransientError(reason, billed=True) from None
        except (openai.APIError, ValueError) as error:
            raise classify_error(error, self._endpoint, model) from None
        except Exception as error:
            if not _is_transport_error(error):  # the client library does not wrap transport errors of streams
                raise
            raise TransientError(f"{self._endpoint.host} has dropped the connection", billed=True) from None

    def _openai_client(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._endpoint.key.get_secret_value() or _NO_KEY,
                base_url=self._endpoint.base_url,
                max_retries=0,
                timeout=openai.Timeout(self._endpoint.timeout_s, connect=CONNECT_S),
                # Proxies of the environment are for remote hosts; few users exempt loopback addresses.
                http_client=openai.DefaultAsyncHttpxClient(trust_env=False)
                if self._endpoint.is_loopback
                else None,
            )
        return self._client

    def _read_completion(self, completion: Any, model: str) -> Reply:
        if not isinstance(completion, ChatCompletion):
            raise not_a_completion(self._endpoint)
        choices = completion.choices if isinstance(completion.choices, list) else []
        choice = choices[0] if choices else None
        message = getattr(choice, "message", None)
        reported = getattr(completion, "error", None) or getattr(choice, "error", None)
        if reported and not _text_of(getattr(message, "content", None)):
            raise classify_error_body(reported, self._endpoint, model)
        if not isinstance(completion.choices, list):
            raise not_a_completion(self._endpoint)
        return Reply(
            self._clean(_text_of(getattr(message, "content", None))),
            _text_of(getattr(choice, "finish_reason", None)) or "stop",
            self._clean(_text_of(getattr(message, "refusal", None))),
            _usage(completion.usage),
            _reasoning_chars(message),
        )

    async def _read_stream(
        self, body: dict[str, Any], max_tokens: int, is_complete: Callable[[str], bool]
    ) -> Reply:
        """Read a stream until the answer is complete or too long: some servers ignore the token limit."""
        text, refusal, finish, reasoning_chars, usage = "", "", "stop", 0, None
        async with await self._openai_client().chat.completions.create(**body) as stream:
            if _JSON in stream.response.headers.get("content-type", ""):  # the server does not stream
                return self._read_completion(_parse_completion(await stream.response.aread()), body["model"])
            async for chunk in stream:
                usage = _usage(getattr(chunk, "usage", None)) or usage
                choices = getattr(chunk, "choices", None)
                if not choices or not isinstance(choices, list):
                    continue
                delta = getattr(choices[0], "delta", None)
                finish = _text_of(getattr(choices[0], "finish_reason", None)) or finish
                more = _text_of(getattr(delta, "content", None))
                text += more
                refusal += _text_of(getattr(delta, "refusal", None))
                reasoning_chars += _reasoning_chars(delta)
                if "}" in more and is_complete(self._clean(text)):
                    finish = "complete"
                    break
                if len(text) + reasoning_chars > max_tokens * _MAX_CHARS_PER_TOKEN:
                    finish = "length"
                    break
        return Reply(self._clean(text), finish, self._clean(refusal), usage, reasoning_chars)

    def _clean(self, text: str) -> str:
        return self._endpoint.redact_key(text.encode("utf-8", "replace").decode("utf-8"))


def _parse_completion(body: bytes) -> ChatCompletion | None:
    """Parse a body as a completion without validation, like the client library; None: not a JSON object."""
    try:
        reported = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(reported, dict):
        return None
    return ChatCompletion.construct(**{name: part for name, part in reported.items() if name[:1] != "_"})


# The client library does not validate replies, and some servers do not follow the declared types.
def _text_of(reported: object) -> str:
    """Return the text of a content field; some servers send a list of parts, reasoning included."""
    if isinstance(reported, list):
        return "".join(_text_of(part.get("text")) for part in reported if isinstance(part, dict))
    return reported if isinstance(reported, str) else ""


def _reasoning_chars(message: object) -> int:
    """Return the number of reasoning characters; servers use two names for the field."""
    return max(len(_text_of(getattr(message, name, None))) for name in ("reasoning_content", "reasoning"))


def _usage(reported: object) -> TokenUsage | None:
    """Return the reported usage; None if the server sends nothing or zeros."""
    tokens_in, tokens_out = (
        _token_count(getattr(reported, f"{part}_tokens", None)) for part in ("prompt", "completion")
    )
    if not tokens_in or tokens_out is None:
        return None
    details = getattr(reported, "prompt_tokens_details", None)
    cached = _token_count(
        getattr(details, "cached_tokens", None)
        if details
        else getattr(reported, "prompt_cache_hit_tokens", None)
    )
    return TokenUsage(tokens_in, None if cached is None else min(cached, tokens_in), tokens_out)


def _token_count(reported: object) -> int | None:
    """Return a number of tokens; None if the value is not a valid count."""
    if isinstance(reported, bool) or not isinstance(reported, int | float) or not 0 <= reported < math.inf:
        return None
    return math.ceil(reported)


def _is_transport_error(error: Exception) -> bool:
    """Return whether the error comes from the client library's transport, httpx or (newer) httpx2."""
    return any(base.__module__.partition(".")[0] in ("httpx", "httpx2") for base in type(error).__mro__)
