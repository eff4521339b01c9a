"""Circuit breaker: stop asking a language model after repeated failures."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

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

# Consecutive questions without an answer after which the model is disabled; each one costs time.
MAX_UNANSWERED = 2


class CircuitBreaker:
    """Circuit breaker: forwards questions to a language model until it must be disabled for the session."""

    def __init__(
        self, language_model: LanguageModel, on_disabled: Callable[[str], None], fail_fast: bool = False
    ) -> None:
        """
        Args:
            language_model: The language model.
            on_disabled: Called once with the reason when the model is disabled.
            fail_fast: Whether the run has no results yet. A refused first question then ends the run
                with advice.
        """
        self._language_model = language_model
        self._on_disabled = on_disabled
        self._fail_fast = fail_fast
        self._reason = ""
        self._unanswered = 0  # consecutive questions without an answer

    def ask(self, query: Query[T]) -> T:
        """Return the answer to a question.

        Raises:
            LlmRejectedError: The endpoint rejects the first question of a fresh run.
            ModelDisabledError: The model is disabled.
            LlmUnavailableError, UnusableAnswerError: This question has no usable answer; the next one may.
        """
        if self._reason:
            raise ModelDisabledError(self._reason)
        is_first, self._fail_fast = self._fail_fast, False
        try:
            answer = self._language_model.ask(query)
        except (UnusableAnswerError, PromptTooLongError):
            self._unanswered = 0  # an unusable answer is still an answer
            raise
        except LlmUnavailableError as error:
            self._unanswered += 1
            if self._unanswered == MAX_UNANSWERED:
                self._disable(error)
            raise
        except LlmRejectedError as error:
            if is_first:
                raise
            self._disable(error)
        except BudgetExceededError as error:
            self._disable(error)
        self._unanswered = 0
        return answer

    def _disable(self, error: Exception) -> NoReturn:
        self._reason = str(error)
        self._on_disabled(self._reason)
        raise ModelDisabledError(self._reason) from error
