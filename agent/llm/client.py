"""Asks a language model one question and gives back a typed answer, whatever the endpoint is like."""

import importlib
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agent.errors import SetupError
from agent.llm.allowance import Allowance
from agent.llm.calls import Recorder
from agent.llm.endpoint import Endpoint
from agent.llm.errors import LlmUnavailable
from agent.llm.prices import Prices, load_prices
from agent.llm.query import Query
from agent.paths import home

if TYPE_CHECKING:  # these load the packages of the extra `llm`, which take half a second
    from agent.llm.manner import Manner

T = TypeVar("T")
_PULSE_S = 0.25
_EXTRA = ("openai", "tenacity")


def require_packages() -> None:
    """SetupError where a package of the extra `llm` is missing; the packages are imported."""
    for name in _EXTRA:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRA:
                raise
            raise SetupError(
                f"Language models are asked through the package {error.name}, which is not installed; "
                "install it by `pip install 'mars-search[llm]'`."
            ) from None


class Client:
    """Asks questions, one at a time, from one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        recorder: Recorder,
        allowance: Allowance,
        pulse: Callable[[], None],
        deadline: Callable[[], float],
        *,
        question_s: float = math.inf,
        prices: Prices | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            endpoint: whom to ask.
            recorder: is told of every exchange before it begins and when it has ended.
            allowance: what the calls may cost.
            pulse: called about every 0.25 s while a call is under way; what it raises ends the call.
            deadline: seconds that are left of the run.
            question_s: how long one question may take, with all its retries and repairs.
            prices: what models cost; the bundled table and the user's own if None.
            sleep: waits so many seconds between attempts.

        Raises:
            SetupError: the packages of the extra `llm` are missing, or the user's prices cannot be read.
        """
        require_packages()
        from agent.llm.exchange import Exchange
        from agent.llm.question import Means

        self._pulse = pulse
        self._deadline = deadline
        self._question_s = question_s
        self._asked_at = 0.0
        self._sleep = sleep
        self._prices = prices or load_prices(home().prices)
        self._exchange = Exchange(endpoint, pulse, self._left_s)
        self._means = Means(endpoint, self._exchange, recorder, allowance, self._left_s, self._rest)
        self._manners: dict[str, Manner] = {}

    def ask(self, query: Query[T]) -> T:
        """The answer to a question; raises what `Thinker.ask` says."""
        from agent.llm.failures import TooLong
        from agent.llm.manner import Manner
        from agent.llm.question import Question

        self._asked_at = time.monotonic()
        endpoint = self._means.endpoint
        model = endpoint.models[query.role]
        manner = self._manners.setdefault(model, Manner.towards(endpoint))
        question = Question(query, model, self._means, manner, self._prices.of(endpoint, model))
        reason = "no prompt was given"
        for number, prompt in enumerate(query.prompts, start=1):
            last = number == len(query.prompts)
            if not last and not question.fits(prompt):  # of the last one the endpoint decides
                reason = f"it holds {endpoint.context_tokens} tokens"
                continue
            shorter = f"Asked with the shorter prompt {number} of {len(query.prompts)}: {reason}."
            try:
                return question.answer(prompt, shorter if number > 1 else "")
            except TooLong as error:
                reason = str(error)
        raise LlmUnavailable(
            f"No prompt for '{query.purpose}' is short enough for the context of model '{model}': {reason}."
        )

    def close(self) -> None:
        """Ends the connections; asking again opens new ones."""
        self._exchange.close()

    def _left_s(self) -> float:
        """Of the run, and of what the question may take."""
        return min(self._deadline(), self._asked_at + self._question_s - time.monotonic())

    def _rest(self, seconds: float) -> None:
        """Waits, and keeps the run alive meanwhile."""
        slept = 0.0
        while slept < seconds:
            self._pulse()
            if self._left_s() <= 0:
                raise LlmUnavailable("The time for it is used up; nothing more is asked.")
            slice_s = min(_PULSE_S, seconds - slept)
            self._sleep(slice_s)
            slept += slice_s
