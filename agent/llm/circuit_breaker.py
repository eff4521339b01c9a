"""Circuit breaker: pause between questions to a silent language model; give up only what cannot come back."""

import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

from agent.core.format import duration
from agent.llm.errors import (
    BudgetExceededError,
    LlmRejectedError,
    LlmUnavailableError,
    ModelDisabledError,
    PromptTooLongError,
    UnusableAnswerError,
)
from agent.llm.query import LanguageModel, Query

T = TypeVar("T")

# Consecutive questions without an answer after which the model is left alone for a while; each costs time.
MAX_UNANSWERED = 2
# The first pause in seconds; each further question without an answer doubles it, up to the longest.
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 300.0


class CircuitBreaker:
    """Circuit breaker: forwards questions to a language model.

    A model that does not answer is asked again after growing pauses, for as long as the run lasts. A rejected
    key, account or model, and the spend limit, disable it for the session.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        on_change: Callable[[str], None],
        fail_fast: bool = False,
        wait: Callable[[float], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            language_model: The language model.
            on_change: Called with a sentence when the model is paused, answers again, or is disabled.
            fail_fast: Whether the run has no results yet. A refused first question then ends the run
                with advice.
            wait: Waits the given number of seconds and returns whether the run still has time. Given where
                nothing can be done without the model: questions then wait for the end of a pause. None:
                questions fail during a pause.
            clock: Returns seconds that only grow.
        """
        self._language_model = language_model
        self._on_change = on_change
        self._fail_fast = fail_fast
        self._wait = wait
        self._clock = clock
        self._reason = ""
        self._unanswered = 0  # consecutive questions without an answer
        self._paused_until = 0.0
        self._fault = ""  # why the model is paused

    def ask(self, query: Query[T]) -> T:
        """Return the answer to a question.

        Raises:
            LlmRejectedError: The endpoint rejects the first question of a fresh run.
            ModelDisabledError: The model is disabled.
            LlmUnavailableError, UnusableAnswerError: This question has no usable answer; the next one may.
        """
        while True:
            self._end_pause()
            try:
                return self._ask_once(query)
            except PromptTooLongError:
                raise
            except LlmUnavailableError as error:
                self._note_silence(error)
                if self._wait is None or not self._wait(0.0):
                    raise

    def _end_pause(self) -> None:
        """Wait for the end of a pause; raise LlmUnavailableError where questions do not wait."""
        left_s = self._paused_until - self._clock()
        if self._reason or left_s <= 0:
            return
        if self._wait is None:
            raise LlmUnavailableError(f"{self._fault} It is asked again in {duration(left_s)}.")
        if not self._wait(left_s):
            raise LlmUnavailableError(self._fault)

    def _ask_once(self, query: Query[T]) -> T:
        if self._reason:
            raise ModelDisabledError(self._reason)
        is_first, self._fail_fast = self._fail_fast, False
        try:
            answer = self._language_model.ask(query)
        except (UnusableAnswerError, PromptTooLongError):
            self._note_answer()  # an unusable answer is still an answer
            raise
        except LlmRejectedError as error:
            if is_first:
                raise
            self._disable(error)
        except BudgetExceededError as error:
            self._disable(error)
        self._note_answer()
        return answer

    def _note_silence(self, error: LlmUnavailableError) -> None:
        self._unanswered += 1
        if self._unanswered < MAX_UNANSWERED:
            return
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._unanswered - MAX_UNANSWERED), LONGEST_PAUSE_S)
        self._paused_until = self._clock() + pause_s
        self._fault = f"The language model does not answer: {error}"
        if self._unanswered == MAX_UNANSWERED:
            meanwhile = (
                "The library planner stands in meanwhile."
                if self._wait is None
                else "The run waits for it; an interrupt ends the wait, and `mars resume` goes on later."
            )
            self._on_change(f"{self._fault} It is asked again after growing pauses. {meanwhile}")

    def _note_answer(self) -> None:
        if self._unanswered >= MAX_UNANSWERED:
            self._on_change("The language model answers again.")
        self._unanswered = 0

    def _disable(self, error: Exception) -> NoReturn:
        self._reason = str(error)
        self._on_change(f"The run goes on without the language model: {self._reason}")
        raise ModelDisabledError(self._reason) from error
