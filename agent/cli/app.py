"""The `mars` command: all subcommands, and the mapping of errors to exit codes."""

import signal
import sys
from types import FrameType

import typer

from agent.cli import competitions, control, doctor, export, inspect, lessons, replay, run, solutions
from agent.core.errors import MarsError, SetupError

EXIT_SETUP = 2

app = typer.Typer(
    name="mars",
    help="Search small training repositories for a competition and keep the best one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (run, control, inspect, replay, export, solutions, competitions, doctor):
    module.register(app)
app.add_typer(lessons.app, name="lessons")


def main() -> None:
    """Run the command line; entry point of the console script."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        app()
    except SetupError as error:
        _fail(error, EXIT_SETUP)
    except MarsError as error:
        _fail(error, run.EXIT_NONE_KEPT)


def _fail(error: MarsError, code: int) -> None:
    print(f"mars: {error}", file=sys.stderr)
    sys.exit(code)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
