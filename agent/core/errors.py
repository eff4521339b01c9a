"""Errors that reach a user. A failed candidate is an Outcome, not an error."""

from collections.abc import Iterator
from contextlib import contextmanager


class MarsError(Exception):
    """An error whose message is one clear sentence for the user."""

    redacted = ""
    """The fault in a few words without values of the data, for a language model; "" if nobody named it."""


@contextmanager
def redacted_as(summary: str) -> Iterator[None]:
    """Name the fault of errors that leave the block, or the decorated function, without values of the data.

    The innermost name stays. The message of the error may quote cells, for the user alone.
    """
    try:
        yield
    except MarsError as error:
        error.redacted = error.redacted or summary
        raise


class SetupError(MarsError):
    """The command or the set-up is wrong; the message says what to do (exit code 2)."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM during a run that can be resumed."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


class InfrastructureError(MarsError):
    """The machine failed, not the candidate (e.g. disk full, sandbox gone); the run can be resumed."""


class PreparedDataError(InfrastructureError):
    """The prepared files differ from what was split and written."""
