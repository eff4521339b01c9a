"""Questions to language models, and the interface of the models that answer them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent.llm.answer_format import AnswerFormat
from agent.llm.calls import Prompt, Role

T = TypeVar("T")


@dataclass(frozen=True)
class Query(Generic[T]):
    """A question: prompts, the role that answers, and the format of the answer."""

    role: Role
    """Role whose model answers."""

    purpose: str
    """Purpose of the question, for the record, for example "draft"."""

    prompts: Sequence[Prompt]
    """Versions of the prompt from long to short; a shorter version is used if the longer does not fit."""

    form: AnswerFormat[T]
    """Format of the answer."""

    max_tokens: int
    """Token limit of the answer."""

    temperature: float | None = None
    """Sampling temperature; None: the endpoint's default. Not sent to endpoints that do not support it."""

    seed: int | None = None
    """Sampling seed; None: none. Not sent to endpoints that do not support it."""

    has_shorter_form: bool = False
    """Whether another, shorter question can take the place of this one, if no prompt fits the window."""

    node: int = 0
    """Number of the node that the question is about, for the record; 0: none."""


class LanguageModel(Protocol):
    """Language model: `agent.llm.client.Client`, or `RecordedModel` for recorded answers."""

    def ask(self, query: Query[T]) -> T:
        """Return the answer to a question.

        Raises:
            LlmUnavailableError: No answer arrived, the time is up, or even the shortest prompt does not fit.
            UnusableAnswerError: The answer does not have the requested format, or the model refused.
            LlmRejectedError: The key, the model or the account is wrong; the message says what to do.
            BudgetExceededError: The call could exceed the spend limit.
        """
        ...
