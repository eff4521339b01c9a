"""Ask a language model one question and return a typed answer, for any OpenAI-compatible endpoint."""

import importlib
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agent.core.errors import SetupError
from agent.core.paths import home
from agent.llm.calls import CallRecorder
from agent.llm.endpoint import Endpoint
from agent.llm.errors import LlmUnavailableError, PromptTooLongError
from agent.llm.prices import Prices, load_prices
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit

if TYPE_CHECKING:  # this module imports the packages of the extra `llm`, which takes half a second
    from agent.llm.request_capabilities import RequestCapabilities

T = TypeVar("T")
_HEARTBEAT_S = 0.25
_EXTRA = ("openai", "tenacity")


def require_packages() -> None:
    """Import the packages of the extra `llm`.

    Raises:
        SetupError: A package is missing.
    """
    for name in _EXTRA:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRA:
                raise
            raise SetupError(
                f"Language models need the package {error.name}, which is not installed; "
                "run `pip install 'mars-search[llm]'`."
            ) from None


class Client:
    """Language model behind an endpoint. Asks one question at a time, from one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        recorder: CallRecorder,
        spend_limit: SpendLimit,
        keep_alive: Callable[[], None],
        deadline: Callable[[], float],
        *,
        question_limit_s: float = math.inf,
        prices: Prices | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            endpoint: The endpoint and its models.
            recorder: Records every call before it is sent and after it has ended.
            spend_limit: Spend limit of the calls.
            keep_alive: Called about every 0.25 s during a call; an exception from it ends the call.
            deadline: Returns the seconds left in the run.
            question_limit_s: Time limit in seconds for one question, retries and repairs included.
            prices: Prices of models; None: the user's table, then the bundled table.
            sleep: Waits the given number of seconds between attempts.

        Raises:
            SetupError: A package of the extra `llm` is missing, or the user's prices cannot be read.
        """
        require_packages()
        from agent.llm.exchange import Exchange
        from agent.llm.question import QuestionContext

        self._keep_alive = keep_alive
        self._deadline = deadline
        self._question_limit_s = question_limit_s
        self._asked_at = 0.0
        self._sleep = sleep
        self._prices = prices or load_prices(home().prices)
        self._exchange = Exchange(endpoint, keep_alive, self._remaining_s)
        self._context = QuestionContext(
            endpoint, self._exchange, recorder, spend_limit, self._remaining_s, self._sleep_with_heartbeat
        )
        self._capabilities: dict[str, RequestCapabilities] = {}

    def ask(self, query: Query[T]) -> T:
        """Return the answer to a question; raises the errors of `LanguageModel.ask`."""
        from agent.llm.endpoint_errors import ContextTooLongError
        from agent.llm.question import Question
        from agent.llm.request_capabilities import RequestCapabilities

        self._asked_at = time.monotonic()
        endpoint = self._context.endpoint
        model = endpoint.models[query.role]
        capabilities = self._capabilities.setdefault(model, RequestCapabilities.for_endpoint(endpoint))
        question = Question(query, model, self._context, capabilities, self._prices.of(endpoint, model))
        reason = "the question has no prompt"
        for number, prompt in enumerate(query.prompts, start=1):
            last = number == len(query.prompts)
            # The endpoint judges the last prompt, unless the question may be asked in another way.
            if (not last or query.has_shorter_form) and not question.fits(prompt):
                limit, refused = endpoint.context_tokens, capabilities.refused_tokens
                reason = f"the context holds {limit} tokens" if limit else f"{refused} tokens were too many"
                continue
            shorter = f"Asked with the shorter prompt {number} of {len(query.prompts)}: {reason}."
            try:
                return question.answer(prompt, shorter if number > 1 else "")
            except ContextTooLongError as error:
                question.learn_window(prompt)
                reason = str(error)
        raise PromptTooLongError(
            f"No prompt for '{query.purpose}' is short enough for the context of model '{model}': {reason}."
        )

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        self._exchange.close()

    def _remaining_s(self) -> float:
        """Return the seconds left for the current question, limited by the run and by `question_limit_s`."""
        return min(self._deadline(), self._asked_at + self._question_limit_s - time.monotonic())

    def _sleep_with_heartbeat(self, seconds: float) -> None:
        """Sleep in slices and call the heartbeat between them."""
        slept = 0.0
        while slept < seconds:
            self._keep_alive()
            if self._remaining_s() <= 0:
                raise LlmUnavailableError("The time limit of the question is used up.")
            slice_s = min(_HEARTBEAT_S, seconds - slept)
            self._sleep(slice_s)
            slept += slice_s
