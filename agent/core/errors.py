"""Errors that reach a user. A failed candidate is an Outcome, not an error."""


class MarsError(Exception):
    """An error whose message is one clear sentence for the user."""


class SetupError(MarsError):
    """The command or the set-up is wrong; the message says what to do (exit code 2)."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM during a run that can be resumed."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


class InfrastructureError(MarsError):
    """The machine failed, not the candidate (e.g. disk full, sandbox gone); the run can be resumed."""
