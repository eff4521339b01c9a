"""`mars stop`: what is done to a run from outside."""

from typing import Annotated

import typer

from agent import paths
from agent.cli.inspect import RunName
from agent.database import open_database
from agent.errors import InfrastructureError
from agent.record.events import RunFinished
from agent.record.stop import stop_run
from agent.record.store import Journal


def register(app: typer.Typer) -> None:
    app.command("stop")(stop_command)


def stop_command(
    run: RunName,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait until its candidates are gone and it has ended.")
    ] = 60.0,
) -> None:
    """Ends a run that is at work in another process, as Ctrl-C there would; its state is saved."""
    home = paths.home()
    journal = Journal.open(open_database(home.database), run)
    if not stop_run(home.workspaces / journal.run, wait):
        raise InfrastructureError(
            f"Run {journal.run} was asked to stop and is still at work after {wait:g} s; look again by "
            "`mars runs`."
        )
    events = journal.events()
    if not events:
        print(f"Run {journal.run} is stopped; it had not begun, so start a new one with `mars run`.")
    elif isinstance(events[-1], RunFinished):
        print(f"Run {journal.run} came to its end by itself meanwhile.")
    else:
        print(f"Run {journal.run} is stopped, its state is saved: `mars resume {journal.run}` goes on.")
