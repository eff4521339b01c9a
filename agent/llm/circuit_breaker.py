"""Circuit breaker: stop asking a language model after repeated failures."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from agent.llm.errors import LeftAlone, LlmRefused, LlmUnavailable, LlmUnusable, Spent
from agent.llm.query import Query, Thinker

T = TypeVar("T")

# Consecutive questions without an answer after which the model is disabled; each one costs time.
MAX_UNANSWERED = 2


class PatientThinker:
    """Circuit breaker: forwards questions to a language model until it must be disabled for the session."""

    def __init__(self, thinker: Thinker, on_disabled: Callable[[str], None], fresh: bool = False) -> None:
        """
        Args:
            thinker: The language model.
            on_disabled: Called once with the reason when the model is disabled.
            fresh: Whether the run has no results yet. A refused first question then ends the run with advice.
        """
        self._thinker = thinker
        self._on_disabled = on_disabled
        self._fresh = fresh
        self._reason = ""
        self._unanswered = 0  # consecutive questions without an answer

    def ask(self, query: Query[T]) -> T:
        """Return the answer to a question.

        Raises:
            LlmRefused: The endpoint rejects the first question of a fresh run.
            LeftAlone: The model is disabled.
            LlmUnavailable, LlmUnusable: This question has no usable answer; the next question may have one.
        """
        if self._reason:
            raise LeftAlone(self._reason)
        is_first, self._fresh = self._fresh, False
        try:
            answer = self._thinker.ask(query)
        except LlmUnusable:
            self._unanswered = 0  # an unusable answer is still an answer
            raise
        except LlmUnavailable as error:
            self._unanswered += 1
            if self._unanswered == MAX_UNANSWERED:
                self._disable(error)
            raise
        except LlmRefused as error:
            if is_first:
                raise
            self._disable(error)
        except Spent as error:
            self._disable(error)
        self._unanswered = 0
        return answer

    def _disable(self, error: Exception) -> NoReturn:
        self._reason = str(error)
        self._on_disabled(self._reason)
        raise LeftAlone(self._reason) from error
