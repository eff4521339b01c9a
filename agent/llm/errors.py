"""Errors of questions to language models, one class per reaction."""

# ruff: noqa: N818 (renamed with their users)

from agent.core.errors import InfrastructureError, MarsError, SetupError


class LlmUnavailable(InfrastructureError):
    """The endpoint does not answer, or the time is up. The same question may succeed later."""


class LlmRefused(SetupError):
    """The endpoint rejects the set-up: key, model or account. The message says what to do."""


class LlmUnusable(MarsError):
    """The model gave no usable answer, or refused. Another question may succeed."""


class LeftAlone(MarsError):
    """Language models are disabled for the rest of the session; the message says why."""


class Spent(MarsError):
    """The call could exceed the spend limit and was not sent."""
