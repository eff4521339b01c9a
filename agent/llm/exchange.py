"""One exchange with an endpoint, in a loop that keeps the run alive meanwhile and ends when its time does."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from agent.llm.endpoint import Endpoint
from agent.llm.failures import Passing, meaning, not_a_completion, within_answer

PULSE_S = 0.25
CONNECT_S = 10.0
_TRICKLE = 5  # an endpoint that always sends something before its timeout may take so many of them
_LONGEST_TOKEN = 8  # characters: what is longer than so many for every token is past its limit
_JSON = "application/json"
_NO_KEY = "none"  # the library wants one; servers without keys read none


class TimeUp(Exception):  # noqa: N818
    """The run has no time left; the request was cancelled."""


@dataclass(frozen=True)
class Usage:
    """What the endpoint says an exchange took."""

    tokens_in: int
    tokens_cached: int | None
    tokens_out: int


@dataclass(frozen=True)
class Reply:
    """What came back."""

    text: str
    finish: str
    """Why it ended: stop, length, content_filter, ... or "enough" if this side ended it."""

    refusal: str
    usage: Usage | None
    thought: int = 0
    """Characters of reasoning that came apart from the text."""


class Exchange:
    """Sends requests from the calling thread, one at a time."""

    def __init__(self, endpoint: Endpoint, pulse: Callable[[], None], deadline: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._pulse = pulse
        self._deadline = deadline
        self._runner: asyncio.Runner | None = None
        self._client: openai.AsyncOpenAI | None = None

    def send(self, body: dict[str, Any], room: int, enough: Callable[[str], bool]) -> Reply:
        """The reply to a request.

        Args:
            body: of a chat completion; with `stream` it is read as it comes.
            room: tokens that the answer may have.
            enough: whether what has come so far is all that is wanted; asked while a stream comes.

        Raises:
            Passing, TooLong, Objection, LlmRefused, LlmUnusable: what went wrong, see `failures`.
            TimeUp: the run's time is used up; the request is cancelled.
            Anything that `pulse` raises, and KeyboardInterrupt: likewise.
        """
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(self._watched(body, room, enough))
        except Exception:
            raise
        except BaseException:  # a signal may have left the loop in the middle of anything
            self._forget()
            raise

    def close(self) -> None:
        """Ends the connections."""
        if self._runner is not None and self._client is not None:
            self._runner.run(self._client.close())
        self._forget()

    def _forget(self) -> None:
        runner, self._runner, self._client = self._runner, None, None
        if runner is not None:
            runner.close()

    async def _watched(self, body: dict[str, Any], room: int, enough: Callable[[str], bool]) -> Reply:
        task = asyncio.ensure_future(self._sent(body, room, enough))
        try:
            while not task.done():
                self._pulse()
                left = self._deadline()
                if left <= 0:
                    raise TimeUp
                await asyncio.wait({task}, timeout=min(PULSE_S, left))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _sent(self, body: dict[str, Any], room: int, enough: Callable[[str], bool]) -> Reply:
        whole_s = _TRICKLE * self._endpoint.timeout_s
        model = body["model"]
        try:
            async with asyncio.timeout(whole_s):
                if body.get("stream"):
                    return await self._streamed(body, room, enough)
                return self._reply(await self._library().chat.completions.create(**body), model)
        except TimeoutError:
            reason = f"{self._endpoint.host} has not finished its answer within {whole_s:g} s"
            raise Passing(reason, billed=True) from None
        except (openai.APIError, ValueError) as error:
            raise meaning(error, self._endpoint, model) from None
        except Exception as error:
            if not _of_transport(error):  # the library lets those of a stream through as they are
                raise
            raise Passing(f"{self._endpoint.host} has dropped the connection", billed=True) from None

    def _library(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._endpoint.key.get_secret_value() or _NO_KEY,
                base_url=self._endpoint.base_url,
                max_retries=0,
                timeout=openai.Timeout(self._endpoint.timeout_s, connect=CONNECT_S),
                # The environment's proxies are for what is elsewhere; few that set one exempt loopback.
                http_client=openai.DefaultAsyncHttpxClient(trust_env=False)
                if self._endpoint.is_loopback
                else None,
            )
        return self._client

    def _reply(self, completion: Any, model: str) -> Reply:
        if not isinstance(completion, ChatCompletion):
            raise not_a_completion(self._endpoint)
        choices = completion.choices if isinstance(completion.choices, list) else []
        choice = choices[0] if choices else None
        message = getattr(choice, "message", None)
        said = getattr(completion, "error", None) or getattr(choice, "error", None)
        if said and not _words(getattr(message, "content", None)):
            raise within_answer(said, self._endpoint, model)
        if not isinstance(completion.choices, list):
            raise not_a_completion(self._endpoint)
        return Reply(
            self._clean(_words(getattr(message, "content", None))),
            _words(getattr(choice, "finish_reason", None)) or "stop",
            self._clean(_words(getattr(message, "refusal", None))),
            _usage(completion.usage),
            _thought(message),
        )

    async def _streamed(self, body: dict[str, Any], room: int, enough: Callable[[str], bool]) -> Reply:
        """Reads until the answer is whole, or longer than it may be, for there are servers without limits."""
        text, refusal, finish, thought, usage = "", "", "stop", 0, None
        async with await self._library().chat.completions.create(**body) as stream:
            if _JSON in stream.response.headers.get("content-type", ""):  # it does not know streams
                return self._reply(_whole(await stream.response.aread()), body["model"])
            async for chunk in stream:
                usage = _usage(getattr(chunk, "usage", None)) or usage
                choices = getattr(chunk, "choices", None)
                if not choices or not isinstance(choices, list):
                    continue
                delta = getattr(choices[0], "delta", None)
                finish = _words(getattr(choices[0], "finish_reason", None)) or finish
                more = _words(getattr(delta, "content", None))
                text += more
                refusal += _words(getattr(delta, "refusal", None))
                thought += _thought(delta)
                if "}" in more and enough(self._clean(text)):
                    finish = "enough"
                    break
                if len(text) + thought > room * _LONGEST_TOKEN:
                    finish = "length"
                    break
        return Reply(self._clean(text), finish, self._clean(refusal), usage, thought)

    def _clean(self, text: str) -> str:
        return self._endpoint.hide(text.encode("utf-8", "replace").decode("utf-8"))


def _whole(body: bytes) -> ChatCompletion | None:
    """The completion of a body, taken as lightly as the library takes it; None: it is no object of JSON."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    return ChatCompletion.construct(**{name: part for name, part in said.items() if name[:1] != "_"})


# The library takes what comes for what is declared; not every server keeps to that.
def _words(said: object) -> str:
    """A text; some servers send it in parts, beside parts of reasoning."""
    if isinstance(said, list):
        return "".join(_words(part.get("text")) for part in said if isinstance(part, dict))
    return said if isinstance(said, str) else ""


def _thought(message: object) -> int:
    """Characters of reasoning, under either of the names that servers have for it."""
    return max(len(_words(getattr(message, name, None))) for name in ("reasoning_content", "reasoning"))


def _usage(said: object) -> Usage | None:
    """The usage if there is any; servers that do not count send nothing or zeros."""
    tokens_in, tokens_out = (
        _count(getattr(said, f"{part}_tokens", None)) for part in ("prompt", "completion")
    )
    if not tokens_in or tokens_out is None:
        return None
    details = getattr(said, "prompt_tokens_details", None)
    cached = _count(
        getattr(details, "cached_tokens", None) if details else getattr(said, "prompt_cache_hit_tokens", None)
    )
    return Usage(tokens_in, None if cached is None else min(cached, tokens_in), tokens_out)


def _count(said: object) -> int | None:
    """A number of tokens; None: it is none."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < math.inf:
        return None
    return math.ceil(said)


def _of_transport(error: Exception) -> bool:
    """Whether it is from the library's transport: httpx, in newer versions its successor httpx2."""
    return any(base.__module__.partition(".")[0] in ("httpx", "httpx2") for base in type(error).__mro__)
