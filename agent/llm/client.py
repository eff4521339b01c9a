"""Asks a language model one question and gives back a typed answer, whatever the endpoint is like."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from agent.llm.allowance import Allowance
from agent.llm.calls import Prompt, Recorder, Role
from agent.llm.endpoint import Endpoint
from agent.llm.forms import Form

T = TypeVar("T")


class Client:
    """Asks questions, one at a time, from one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        recorder: Recorder,
        allowance: Allowance,
        pulse: Callable[[], None],
        deadline: Callable[[], float],
    ) -> None:
        """
        Args:
            endpoint: whom to ask.
            recorder: is told of every exchange before it begins and when it has ended.
            allowance: what the calls may cost.
            pulse: called about every 0.25 s while a call is under way; what it raises ends the call.
            deadline: seconds that are left of the run.

        Raises:
            SetupError: the packages of the extra `llm` are missing.
        """
        self._endpoint = endpoint
        self._recorder = recorder
        self._allowance = allowance
        self._pulse = pulse
        self._deadline = deadline

    def ask(
        self,
        role: Role,
        purpose: str,
        prompts: Sequence[Prompt],
        form: Form[T],
        max_tokens: int,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> T:
        """The answer to a question.

        Args:
            role: whose model is asked.
            purpose: what for, e.g. "draft"; for the record.
            prompts: the same question, from full to short; a shorter one is used where a longer does not
                fit in the model's context.
            form: what the answer must look like.
            max_tokens: how long the answer may be.
            temperature: None leaves it to the endpoint, as does an endpoint that knows none.
            seed: likewise.

        Raises:
            LlmUnavailable: no answer came, the time is up, or not even the shortest prompt fits.
            LlmUnusable: what came is in no usable form, or the model refused.
            LlmRefused: key, model or account are wrong; says what to do.
            Spent: the allowance has no room for the call.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Ends the connections; asking again opens new ones."""
