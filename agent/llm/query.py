"""A question to a language model, as one value, and whoever answers such questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent.llm.calls import Prompt, Role
from agent.llm.forms import Form

T = TypeVar("T")


@dataclass(frozen=True)
class Query(Generic[T]):
    """What is asked, of whom, and what the answer must look like."""

    role: Role
    """Whose model is asked."""

    purpose: str
    """What for, e.g. "draft"; for the record."""

    prompts: Sequence[Prompt]
    """The same question, from full to short; a shorter one is used where a longer does not fit."""

    form: Form[T]
    max_tokens: int
    """How long the answer may be."""

    temperature: float | None = None
    """None leaves it to the endpoint, as does an endpoint that knows none."""

    seed: int | None = None
    """Likewise."""

    node: int = 0
    """The node that it is about, for the record; 0: none."""


class Thinker(Protocol):
    """Answers questions: `agent.llm.client.Client`, or `RecordedThinker` from a record."""

    def ask(self, query: Query[T]) -> T:
        """The answer to a question.

        Raises:
            LlmUnavailable: no answer came, the time is up, or not even the shortest prompt fits.
            LlmUnusable: what came is in no usable form, or the model refused.
            LlmRefused: key, model or account are wrong; says what to do.
            Spent: the allowance has no room for the call.
        """
        ...
