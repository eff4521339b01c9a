"""One question, until its answer can be used: sent, recorded, repeated, repaired, within bounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import tenacity

from agent.llm.allowance import Allowance
from agent.llm.answers import NoObject, Unfinished, read_object
from agent.llm.calls import Call, CallBegun, Prompt, Recorder, text_id
from agent.llm.endpoint import Endpoint
from agent.llm.errors import LlmRefused, LlmUnavailable, LlmUnusable
from agent.llm.exchange import Exchange, Reply, TimeUp, Usage
from agent.llm.failures import Objection, Passing, TooLong, unlearnable
from agent.llm.forms import AnswerError, is_closed
from agent.llm.manner import Manner
from agent.llm.prices import Price
from agent.llm.query import Query
from agent.llm.wording import (
    BYTES_PER_TOKEN,
    Turn,
    estimated_tokens,
    shortened,
    turns,
    turns_after_cut,
    turns_after_error,
    without_system,
)

T = TypeVar("T")

ATTEMPTS = 5
"""How often one request is sent while the endpoint fails in ways that pass."""
REPAIRS = 2
"""How often a model is asked again after an answer that cannot be used."""
_LONGEST_WAIT_S = 60.0
_GROWTH = 4  # an answer that was cut off may become so many times as long as asked for


@dataclass(frozen=True)
class Means:
    """What questions are asked with."""

    endpoint: Endpoint
    exchange: Exchange
    recorder: Recorder
    allowance: Allowance
    deadline: Callable[[], float]
    rest: Callable[[float], None]


@dataclass
class _Sent:
    """An exchange that is under way."""

    begun: CallBegun
    body: dict[str, Any]
    room: int
    mode: Literal["schema", "json", "text"]
    started: float = field(default_factory=time.monotonic)
    closed: bool = False


@dataclass(frozen=True)
class _Answer(Generic[T]):
    """What was made of a reply: a value, or why there is none."""

    text: str
    room: int
    value: T | None = None
    error: AnswerError | None = None
    cut: bool = False


class Question(Generic[T]):
    """Asks with one prompt after the other; counts its attempts over all of them."""

    def __init__(
        self, query: Query[T], model: str, means: Means, manner: Manner, price: Price | None
    ) -> None:
        self._query = query
        self._model = model
        self._means = means
        self._manner = manner
        self._price = price
        self._number = 0
        self._note = ""

    def fits(self, prompt: Prompt) -> bool:
        """Whether the prompt fits into the context as far as its length is known."""
        context = self._means.endpoint.context_tokens
        needed = self._tokens(turns(prompt, self._query.form, self._manner.mode)) + self._query.max_tokens
        return context is None or needed <= context

    def answer(self, prompt: Prompt, note: str = "") -> T:
        """The answer to the question in these words; `note` is recorded with it.

        Raises:
            TooLong: the model's context is too short for them.
            LlmUnavailable, LlmRefused, LlmUnusable, Spent: see `Client.ask`.
        """
        self._note = note
        form, room = self._query.form, self._query.max_tokens
        write: Callable[[], list[Turn]] = lambda: turns(prompt, form, self._manner.mode)  # noqa: E731
        for _ in range(1 + REPAIRS):
            got = self._retried(write, room)
            if got.error is None:
                return got.value  # type: ignore[return-value]  # T may itself be None
            if got.cut:
                room = min(2 * room, _GROWTH * self._query.max_tokens)
            elif isinstance(got.error, NoObject) and self._manner.mode == "schema":
                self._manner.lower()  # an endpoint that takes a schema and forgets it must be told in words
            write = self._repairing(prompt, got)
        raise LlmUnusable(
            f"Model '{self._model}' gave no usable answer for '{self._query.purpose}' in "
            f"{1 + REPAIRS} tries: {self._hidden(str(got.error))}"
        )

    def _repairing(self, prompt: Prompt, got: "_Answer[T]") -> Callable[[], list[Turn]]:
        form = self._query.form
        if got.cut:
            return lambda: turns_after_cut(prompt, form, self._manner.mode, got.room)
        return lambda: turns_after_error(prompt, form, self._manner.mode, got.text, str(got.error))

    def _retried(self, write: Callable[[], list[Turn]], room: int) -> "_Answer[T]":
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            sleep=self._means.rest,
            retry=tenacity.retry_if_exception_type(Passing),
            reraise=True,
        )
        try:
            return retrying(self._adapted, write, room)
        except Passing as error:
            raise LlmUnavailable(f"No answer came in {ATTEMPTS} attempts: {error}.") from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: what the endpoint asks for, else a random time that grows."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, Passing) else None
        growing = tenacity.wait_random_exponential(multiplier=1, max=_LONGEST_WAIT_S)
        seconds = growing(state) if asked is None else asked
        left = self._means.deadline()
        if seconds >= left:
            raise LlmUnavailable(
                f"{error}; before asking again one would have to wait for {seconds:.0f} s, and "
                f"{max(left, 0):.0f} s are left."
            ) from None
        return seconds

    def _adapted(self, write: Callable[[], list[Turn]], room: int) -> "_Answer[T]":
        """Asks as the model accepts it; every objection changes the manner for good, hence this ends."""
        while True:
            try:
                return self._attempt(write(), self._manner.room(room))
            except Objection as objection:
                if not self._manner.learn(objection):
                    raise unlearnable(objection, self._means.endpoint, self._model) from None

    def _attempt(self, messages: list[Turn], room: int) -> "_Answer[T]":
        sent = self._begin(messages, room)
        try:
            return self._exchanged(sent)
        except BaseException as error:
            if not sent.closed:
                self._end(sent, "cut", f"Ended by {type(error).__name__}.", usage=self._most(sent))
            raise

    def _begin(self, messages: list[Turn], room: int) -> _Sent:
        if self._means.deadline() <= 0:
            raise LlmUnavailable("The time for it is used up; nothing more is asked.")
        messages = messages if self._manner.system else without_system(messages)
        messages = [(who, self._clean(text)) for who, text in messages]
        tokens_in = self._tokens(messages)
        usd = self._price.usd(tokens_in, 0, room) if self._price else None
        self._means.allowance.check(usd, tokens_in + room)
        query = self._query
        schema = {
            "name": query.form.name,
            "schema": dict(query.form.schema),
            "strict": is_closed(query.form.schema),
        }
        spoken = [{"role": who, "content": text} for who, text in messages]
        body = self._manner.arguments(self._model, spoken, schema, room, query.temperature, query.seed)
        self._number += 1
        begun = CallBegun(
            role=query.role,
            purpose=query.purpose,
            model=self._model,
            number=self._number,
            prompt=tuple(text_id(text) for _, text in messages),
            usd=usd,
            tokens=tokens_in + room,
        )
        self._means.recorder.began(query.node, begun, {text_id(text): text for _, text in messages})
        return _Sent(begun, body, room, self._manner.mode)

    def _exchanged(self, sent: _Sent) -> "_Answer[T]":
        try:
            reply = self._means.exchange.send(sent.body, sent.room, self._enough)
        except Passing as error:
            self._end(sent, "failed", f"{error}.", usage=self._most(sent) if error.billed else None)
            raise
        except TimeUp:
            reason = "The time was used up before the answer came."
            self._end(sent, "cut", reason, usage=self._most(sent))
            raise LlmUnavailable(reason) from None
        except (TooLong, Objection, LlmRefused, LlmUnusable) as error:
            self._end(sent, "failed", str(error))
            raise
        if reply.refusal or reply.finish == "content_filter":
            words = shortened(reply.refusal or reply.text) or "its provider's filter stopped the answer"
            self._end(sent, "unusable", f"Refused: {words}", reply)
            raise LlmUnusable(f"Model '{self._model}' refuses '{self._query.purpose}': {words}")
        if not reply.text.strip() and reply.finish != "length":
            empty = Passing(f"{self._means.endpoint.host} has sent an empty answer")
            self._end(sent, "failed", f"{empty}.", reply)
            raise empty
        answer = self._read(reply, sent.room)
        status: Literal["answered", "unusable"] = "unusable" if answer.error else "answered"
        self._end(sent, status, str(answer.error) if answer.error else self._note, reply)
        return answer

    def _read(self, reply: Reply, room: int) -> "_Answer[T]":
        try:
            return _Answer(reply.text, room, value=self._query.form.read(read_object(reply.text)))
        except AnswerError as error:
            cut = isinstance(error, Unfinished) or (reply.finish == "length" and isinstance(error, NoObject))
            return _Answer(reply.text, room, error=error, cut=cut)

    def _enough(self, text: str) -> bool:
        try:
            self._query.form.read(read_object(text))
        except AnswerError:
            return False
        return True

    def _end(
        self,
        sent: _Sent,
        status: Literal["answered", "unusable", "failed", "cut"],
        reason: str,
        reply: Reply | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Records how it ended; `usage` is an estimate, one that `reply` brings along goes before it."""
        sent.closed = True
        said = reply.usage if reply else None
        text = reply.text if reply else ""
        if reply and not said:
            tokens_in = sent.begun.tokens - sent.room
            usage = Usage(tokens_in, None, _estimated_out(reply, sent.room))
        used = said or usage or Usage(0, None, 0)  # what was not worked on costs nothing
        usd = (
            self._price.usd(used.tokens_in, used.tokens_cached or 0, used.tokens_out) if self._price else None
        )
        call = Call(
            **sent.begun.model_dump(exclude={"usd", "tokens"}),
            mode=sent.mode,
            answer=text_id(text) if text else "",
            status=status,
            reason=self._hidden(reason),
            tokens_in=used.tokens_in,
            tokens_cached=used.tokens_cached,
            tokens_out=used.tokens_out,
            estimated=said is None and usage is not None,
            usd=usd,
            seconds=time.monotonic() - sent.started,
        )
        self._means.recorder.ended(self._query.node, call, {text_id(text): text} if text else {})

    def _most(self, sent: _Sent) -> Usage:
        return Usage(sent.begun.tokens - sent.room, None, sent.room)

    def _tokens(self, messages: list[Turn]) -> int:
        extra = str(self._query.form.schema) if self._manner.mode == "schema" else ""
        return sum(estimated_tokens(text) for _, text in messages) + estimated_tokens(extra)

    def _hidden(self, text: str) -> str:
        return self._means.endpoint.hide(text)

    def _clean(self, text: str) -> str:
        return self._hidden(text.encode("utf-8", "replace").decode("utf-8"))


def _estimated_out(reply: Reply, room: int) -> int:
    """Tokens of an answer of which the endpoint gave no usage; reasoning is paid for too."""
    if reply.finish == "length":
        return room
    written = estimated_tokens(reply.text) if reply.text else 0
    return min(written + reply.thought // BYTES_PER_TOKEN, room)
