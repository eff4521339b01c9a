"""The kinds of failure that reach a user; a failed candidate is no error but an Outcome."""


class MarsError(Exception):
    """An error whose message is one clear sentence for the user."""


class SetupError(MarsError):
    """The call or the set-up is wrong; the message says what to do (exit code 2)."""


class InfrastructureError(MarsError):
    """The machine failed, not the candidate (disk full, sandbox gone); the run can be resumed."""
