"""What a command prints when the user interrupts it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from agent.cli.exit_codes import EXIT_INTERRUPTED
from agent.core.errors import Interrupted


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM: print how to continue and exit with code 130. The record is complete."""
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, Interrupted):
            advice = f"The state is saved. Continue with `mars resume {error.run}`."
        else:
            advice = "There is nothing to resume: start the command again."
        print(f"Interrupted. {advice}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
