"""Why a question to a language model stays without an answer; each kind asks for another reaction."""

# ruff: noqa: N818 (the names say what happened to the question)

from agent.errors import InfrastructureError, MarsError, SetupError


class LlmUnavailable(InfrastructureError):
    """The endpoint does not answer now, or the time is up; the same question may succeed later."""


class LlmRefused(SetupError):
    """The endpoint will never answer as things are set up (key, model, account); says what to do."""


class LlmUnusable(MarsError):
    """The model answered, but with nothing that can be used, or it refused; another idea may fare better."""


class LeftAlone(MarsError):
    """Nobody is asked any more in this session; says why."""


class Spent(MarsError):
    """What a call may cost does not fit in what is left of the allowance; the call was not sent."""
