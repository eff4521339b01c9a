"""Errors of questions to language models, one class per reaction."""

from agent.core.errors import InfrastructureError, MarsError, SetupError


class LlmUnavailableError(InfrastructureError):
    """The endpoint does not answer, or the time is up. The same question may succeed later."""


class PromptTooLongError(LlmUnavailableError):
    """Even the shortest prompt of a question does not fit the model's window. A shorter question may."""


class LlmRejectedError(SetupError):
    """The endpoint rejects the set-up: key, model or account. The message says what to do."""


class UnusableAnswerError(MarsError):
    """The model gave no usable answer, or refused. Another question may succeed."""


class ModelDisabledError(MarsError):
    """Language models are disabled for the rest of the session; the message says why."""


class BudgetExceededError(MarsError):
    """The call could exceed the spend limit and was not sent."""
