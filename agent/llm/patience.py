"""Decides when a language model is not asked any more, whoever wants to ask it."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from agent.llm.errors import LeftAlone, LlmRefused, LlmUnavailable, LlmUnusable, Spent
from agent.llm.query import Query, Thinker

T = TypeVar("T")

# Questions in a row without any answer, each of which takes its share of the time, until nobody is asked.
SILENCES = 2


class PatientThinker:
    """Passes questions on until nothing can come of them; from then on the session goes on alone."""

    def __init__(self, thinker: Thinker, gave_up: Callable[[str], None], fresh: bool = False) -> None:
        """
        Args:
            thinker: is asked.
            gave_up: is told why nobody is asked any more, once.
            fresh: nothing is lost yet if the very first question ends the run with what to do.
        """
        self._thinker = thinker
        self._gave_up = gave_up
        self._fresh = fresh
        self._reason = ""
        self._silent = 0  # questions in a row to which no answer came

    def ask(self, query: Query[T]) -> T:
        """The answer to a question.

        Raises:
            LlmRefused: the endpoint refuses the very first question of a fresh run.
            LeftAlone: nobody is asked (any more).
            LlmUnavailable, LlmUnusable: this question has no answer; the next may have one.
        """
        if self._reason:
            raise LeftAlone(self._reason)
        first, self._fresh = self._fresh, False
        try:
            answer = self._thinker.ask(query)
        except LlmUnusable:
            self._silent = 0  # an answer of no use is one all the same
            raise
        except LlmUnavailable as error:
            self._silent += 1
            if self._silent == SILENCES:
                self._give_up(error)
            raise
        except LlmRefused as error:
            if first:
                raise
            self._give_up(error)
        except Spent as error:
            self._give_up(error)
        self._silent = 0
        return answer

    def _give_up(self, error: Exception) -> NoReturn:
        self._reason = str(error)
        self._gave_up(self._reason)
        raise LeftAlone(self._reason) from error
