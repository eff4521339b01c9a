"""One question: send, record, retry and repair until the answer is usable or a limit is reached."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import tenacity

from agent.llm.answer_format import AnswerError, is_strict
from agent.llm.calls import Call, CallBegun, CallRecorder, Prompt, text_id
from agent.llm.endpoint import Endpoint
from agent.llm.endpoint_errors import (
    ContextTooLongError,
    TransientError,
    UnsupportedParameterError,
    unsupported_request,
)
from agent.llm.errors import LlmRejectedError, LlmUnavailableError, UnusableAnswerError
from agent.llm.exchange import DeadlineReachedError, Exchange, Reply, TokenUsage
from agent.llm.json_answer import MissingObjectError, TruncatedObjectError, parse_object
from agent.llm.messages import (
    BYTES_PER_TOKEN,
    Message,
    estimated_tokens,
    first_messages,
    messages_after_error,
    messages_after_truncation,
    shorten,
    without_system,
)
from agent.llm.prices import Price
from agent.llm.query import Query
from agent.llm.request_capabilities import RequestCapabilities
from agent.llm.spend_limit import SpendLimit

T = TypeVar("T")

MAX_ATTEMPTS = 5
"""Attempts to send one request while the endpoint reports transient errors."""
MAX_REPAIRS = 2
"""Repair requests to the model after unusable answers."""
_MAX_WAIT_S = 60.0
_MAX_GROWTH = 4  # largest multiple of the answer limit after truncated answers


@dataclass(frozen=True)
class QuestionContext:
    """Services and limits shared by all questions of a client."""

    endpoint: Endpoint
    exchange: Exchange
    recorder: CallRecorder
    spend_limit: SpendLimit
    deadline: Callable[[], float]
    """Returns the seconds left."""
    sleep: Callable[[float], None]
    """Waits the given number of seconds."""


@dataclass
class _PendingCall:
    """A call that has been recorded as begun and not yet as ended."""

    begun: CallBegun
    body: dict[str, Any]
    max_tokens: int
    mode: Literal["schema", "json", "text"]
    started: float = field(default_factory=time.monotonic)
    closed: bool = False


@dataclass(frozen=True)
class _Attempt(Generic[T]):
    """Result of one attempt: a value, or the error of an unusable answer."""

    text: str
    max_tokens: int
    value: T | None = None
    error: AnswerError | None = None
    truncated: bool = False


class Question(Generic[T]):
    """One question, asked with one prompt after another; numbers the attempts across all prompts."""

    def __init__(
        self,
        query: Query[T],
        model: str,
        context: QuestionContext,
        capabilities: RequestCapabilities,
        price: Price | None,
    ) -> None:
        self._query = query
        self._model = model
        self._context = context
        self._capabilities = capabilities
        self._price = price
        self._number = 0
        self._note = ""

    def fits(self, prompt: Prompt) -> bool:
        """Return whether the prompt fits in the context; True if the context length is not known."""
        context, refused = self._context.endpoint.context_tokens, self._capabilities.refused_tokens
        needed = self._needed_tokens(prompt)
        return (context is None or needed <= context) and (refused is None or needed < refused)

    def learn_window(self, prompt: Prompt) -> None:
        """Remember that this prompt is too long for the model, so that no prompt of its length is tried."""
        needed, refused = self._needed_tokens(prompt), self._capabilities.refused_tokens
        self._capabilities.refused_tokens = needed if refused is None else min(needed, refused)

    def _needed_tokens(self, prompt: Prompt) -> int:
        messages = first_messages(prompt, self._query.form, self._capabilities.mode)
        return self._tokens(messages) + self._query.max_tokens

    def answer(self, prompt: Prompt, note: str = "") -> T:
        """Ask the question with this prompt and return the answer.

        Args:
            prompt: The prompt.
            note: Recorded as the reason of the answered call.

        Raises:
            ContextTooLongError: The prompt does not fit in the model's context.
            LlmUnavailableError, LlmRejectedError, UnusableAnswerError, BudgetExceededError: See
                `LanguageModel.ask`.
        """
        self._note = note
        form, max_tokens = self._query.form, self._query.max_tokens

        def make_first_messages() -> list[Message]:
            return first_messages(prompt, form, self._capabilities.mode)

        make_messages: Callable[[], list[Message]] = make_first_messages
        for _ in range(1 + MAX_REPAIRS):
            attempt = self._send_with_retries(make_messages, max_tokens)
            if attempt.error is None:
                return attempt.value  # type: ignore[return-value]  # T may itself be None
            if attempt.truncated:
                max_tokens = min(2 * max_tokens, _MAX_GROWTH * self._query.max_tokens)
            elif isinstance(attempt.error, MissingObjectError) and self._capabilities.mode == "schema":
                self._capabilities.downgrade_mode()  # the endpoint ignored the schema: put it into the prompt
            make_messages = self._repair_messages(prompt, attempt)
        raise UnusableAnswerError(
            f"Model '{self._model}' gave no usable answer for '{self._query.purpose}' in "
            f"{1 + MAX_REPAIRS} tries: {self._redact_key(str(attempt.error))}"
        )

    def _repair_messages(self, prompt: Prompt, attempt: "_Attempt[T]") -> Callable[[], list[Message]]:
        form = self._query.form
        if attempt.truncated:
            return lambda: messages_after_truncation(
                prompt, form, self._capabilities.mode, attempt.max_tokens
            )
        return lambda: messages_after_error(
            prompt, form, self._capabilities.mode, attempt.text, str(attempt.error)
        )

    def _send_with_retries(
        self, make_messages: Callable[[], list[Message]], max_tokens: int
    ) -> "_Attempt[T]":
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            wait=self._wait,
            sleep=self._context.sleep,
            retry=tenacity.retry_if_exception_type(TransientError),
            reraise=True,
        )
        try:
            return retrying(self._send_adapting, make_messages, max_tokens)
        except TransientError as error:
            raise LlmUnavailableError(f"No answer after {MAX_ATTEMPTS} attempts: {error}.") from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds until the next attempt: as the endpoint asks, else a growing random time."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, TransientError) else None
        growing = tenacity.wait_random_exponential(multiplier=1, max=_MAX_WAIT_S)
        seconds = growing(state) if asked is None else asked
        left = self._context.deadline()
        if seconds >= left:
            raise LlmUnavailableError(
                f"{error}; the next attempt would have to wait for {seconds:.0f} s, but only "
                f"{max(left, 0):.0f} s are left."
            ) from None
        return seconds

    def _send_adapting(self, make_messages: Callable[[], list[Message]], max_tokens: int) -> "_Attempt[T]":
        """Send the request, adapted to the model. The loop ends, as each rejection drops a capability."""
        while True:
            try:
                return self._send_once(make_messages(), self._capabilities.answer_limit(max_tokens))
            except UnsupportedParameterError as error:
                if not self._capabilities.learn(error):
                    raise unsupported_request(error, self._context.endpoint, self._model) from None

    def _send_once(self, messages: list[Message], max_tokens: int) -> "_Attempt[T]":
        pending = self._begin(messages, max_tokens)
        try:
            return self._send_recorded(pending)
        except BaseException as error:
            if not pending.closed:
                self._end(
                    pending, "cut", f"Ended by {type(error).__name__}.", usage=self._upper_bound(pending)
                )
            raise

    def _begin(self, messages: list[Message], max_tokens: int) -> _PendingCall:
        if self._context.deadline() <= 0:
            raise LlmUnavailableError("The time limit of the question is used up.")
        messages = messages if self._capabilities.supports_system_message else without_system(messages)
        messages = [(role, self._clean(text)) for role, text in messages]
        tokens_in = self._tokens(messages)
        usd = self._price.usd(tokens_in, 0, max_tokens) if self._price else None
        self._context.spend_limit.check(usd, tokens_in + max_tokens)
        query = self._query
        schema = {
            "name": query.form.name,
            "schema": dict(query.form.schema),
            "strict": is_strict(query.form.schema),
        }
        sent_messages = [{"role": role, "content": text} for role, text in messages]
        body = self._capabilities.arguments(
            self._model, sent_messages, schema, max_tokens, query.temperature, query.seed
        )
        self._number += 1
        begun = CallBegun(
            role=query.role,
            purpose=query.purpose,
            model=self._model,
            number=self._number,
            prompt=tuple(text_id(text) for _, text in messages),
            usd=usd,
            tokens=tokens_in + max_tokens,
        )
        self._context.recorder.began(query.node, begun, {text_id(text): text for _, text in messages})
        return _PendingCall(begun, body, max_tokens, self._capabilities.mode)

    def _send_recorded(self, pending: _PendingCall) -> "_Attempt[T]":
        try:
            reply = self._context.exchange.send(pending.body, pending.max_tokens, self._is_complete)
        except TransientError as error:
            self._end(
                pending, "failed", f"{error}.", usage=self._upper_bound(pending) if error.billed else None
            )
            raise
        except DeadlineReachedError:
            reason = "The time was used up before the answer arrived."
            self._end(pending, "cut", reason, usage=self._upper_bound(pending))
            raise LlmUnavailableError(reason) from None
        except (
            ContextTooLongError,
            UnsupportedParameterError,
            LlmRejectedError,
            UnusableAnswerError,
        ) as error:
            self._end(pending, "failed", str(error))
            raise
        if reply.refusal or reply.finish == "content_filter":
            refusal = shorten(reply.refusal or reply.text) or "the provider's filter stopped the answer"
            self._end(pending, "unusable", f"Refused: {refusal}", reply)
            raise UnusableAnswerError(
                f"Model '{self._model}' refused to answer '{self._query.purpose}': {refusal}"
            )
        if not reply.text.strip() and reply.finish != "length":
            empty = TransientError(f"{self._context.endpoint.host} has pending an empty answer")
            self._end(pending, "failed", f"{empty}.", reply)
            raise empty
        answer = self._read(reply, pending.max_tokens)
        status: Literal["answered", "unusable"] = "unusable" if answer.error else "answered"
        self._end(pending, status, str(answer.error) if answer.error else self._note, reply)
        return answer

    def _read(self, reply: Reply, max_tokens: int) -> "_Attempt[T]":
        try:
            return _Attempt(reply.text, max_tokens, value=self._query.form.read(parse_object(reply.text)))
        except AnswerError as error:
            truncated = isinstance(error, TruncatedObjectError) or (
                reply.finish == "length" and isinstance(error, MissingObjectError)
            )
            return _Attempt(reply.text, max_tokens, error=error, truncated=truncated)

    def _is_complete(self, text: str) -> bool:
        try:
            self._query.form.read(parse_object(text))
        except AnswerError:
            return False
        return True

    def _end(
        self,
        pending: _PendingCall,
        status: Literal["answered", "unusable", "failed", "cut"],
        reason: str,
        reply: Reply | None = None,
        usage: TokenUsage | None = None,
    ) -> None:
        """Record the end of a call.

        Args:
            pending: The call.
            status: How the call ended, see `Call.status`.
            reason: Reason for the status.
            reply: The reply, if any; its reported usage takes precedence.
            usage: Estimated usage.
        """
        pending.closed = True
        reported = reply.usage if reply else None
        text = reply.text if reply else ""
        if reply and not reported:
            tokens_in = pending.begun.tokens - pending.max_tokens
            usage = TokenUsage(tokens_in, None, _estimated_out(reply, pending.max_tokens))
        used = reported or usage or TokenUsage(0, None, 0)  # a request without a reply costs nothing
        usd = (
            self._price.usd(used.tokens_in, used.tokens_cached or 0, used.tokens_out) if self._price else None
        )
        call = Call(
            **pending.begun.model_dump(exclude={"usd", "tokens"}),
            mode=pending.mode,
            answer=text_id(text) if text else "",
            status=status,
            reason=self._redact_key(reason),
            tokens_in=used.tokens_in,
            tokens_cached=used.tokens_cached,
            tokens_out=used.tokens_out,
            estimated=reported is None and usage is not None,
            usd=usd,
            seconds=time.monotonic() - pending.started,
        )
        self._context.recorder.ended(self._query.node, call, {text_id(text): text} if text else {})

    def _upper_bound(self, pending: _PendingCall) -> TokenUsage:
        return TokenUsage(pending.begun.tokens - pending.max_tokens, None, pending.max_tokens)

    def _tokens(self, messages: list[Message]) -> int:
        extra = str(self._query.form.schema) if self._capabilities.mode == "schema" else ""
        return sum(estimated_tokens(text) for _, text in messages) + estimated_tokens(extra)

    def _redact_key(self, text: str) -> str:
        return self._context.endpoint.redact_key(text)

    def _clean(self, text: str) -> str:
        return self._redact_key(text.encode("utf-8", "replace").decode("utf-8"))


def _estimated_out(reply: Reply, max_tokens: int) -> int:
    """Estimate the tokens of an answer without reported usage; reasoning is billed, too."""
    if reply.finish == "length":
        return max_tokens
    written = estimated_tokens(reply.text) if reply.text else 0
    return min(written + reply.reasoning_chars // BYTES_PER_TOKEN, max_tokens)
