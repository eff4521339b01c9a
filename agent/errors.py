"""The kinds of failure that reach a user; a failed candidate is no error but an Outcome."""


class MarsError(Exception):
    """An error whose message is one clear sentence for the user."""


class SetupError(MarsError):
    """The call or the set-up is wrong; the message says what to do (exit code 2)."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM, while a process was at work on a run that can be resumed."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


class InfrastructureError(MarsError):
    """The machine failed, not the candidate (disk full, sandbox gone); the run can be resumed."""
