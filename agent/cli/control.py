"""`mars stop` and `mars gc`: what is done to runs from outside."""

from collections import defaultdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from agent import paths
from agent.cleanup import Spare, clean
from agent.database import open_database
from agent.errors import InfrastructureError
from agent.paths import Home
from agent.record.events import has_ended, is_experiment
from agent.record.stop import latest_at_work, stop_run
from agent.record.store import LATEST, Journal


def register(app: typer.Typer) -> None:
    app.command("stop")(stop_command)
    app.command("gc")(gc_command)


def stop_command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Id of a run, a part of it, or `latest`: the latest that a process is at work on.",
        ),
    ],
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait until its candidates are gone and it has ended.")
    ] = 60.0,
) -> None:
    """Ends a run that is at work in another process, as Ctrl-C there would; its state is saved."""
    home = paths.home()
    engine = open_database(home.database)
    journal = Journal.open(engine, latest_at_work(engine, home.workspaces) if run == LATEST else run)
    if not stop_run(home.workspaces / journal.run, wait):
        raise InfrastructureError(
            f"Run {journal.run} was asked to stop and is still at work after {wait:g} s; look again by "
            "`mars runs`."
        )
    events = journal.events()
    if not events:
        print(f"Run {journal.run} is stopped; it had not begun, so start a new one with `mars run`.")
    elif has_ended(events):
        print(f"Run {journal.run} came to its end by itself meanwhile.")
    elif is_experiment(events):
        print(
            f"Run {journal.run} is stopped; it put a lesson to the test and cannot be resumed: "
            "start it again with `mars lessons verify`."
        )
    else:
        print(f"Run {journal.run} is stopped, its state is saved: `mars resume {journal.run}` goes on.")


def gc_command(
    cache_gb: Annotated[
        float, typer.Option(min=0, help="What the caches of runs that are not at work may keep, in GB.")
    ] = 20.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Removes what nothing needs: raw outputs and scratch of ended runs, old caches, leftovers of the killed.

    A run at work is not touched, and every run can still be resumed, looked at, replayed and exported.
    """
    home = paths.home()
    engine = open_database(home.database)
    spared = list(clean(home, engine, int(cache_gb * 1e9), dry_run=dry_run))
    sums: dict[tuple[str, str], list[int]] = defaultdict(list)
    for item in spared:
        sums[item.kind, _place(item, home)].append(item.size)
    table = Table("what", "where", Column("items", justify="right"), Column("MB", justify="right"), box=None)
    for (kind, place), sizes in sorted(sums.items()):
        table.add_row(kind, place, str(len(sizes)), f"{sum(sizes) / 1e6:,.1f}")
    if spared:
        Console(soft_wrap=True).print(table)
    verb = "would be removed" if dry_run else "removed"
    count = "1 item" if len(spared) == 1 else f"{len(spared)} items"
    print(f"{count}, {sum(item.size for item in spared) / 1e6:,.1f} MB {verb}.")


def _place(item: Spare, home: Home) -> str:
    """The run, or the folder of the home or of temporary files, that holds it."""
    if item.path.is_relative_to(home.workspaces):
        return item.path.relative_to(home.workspaces).parts[0]
    return str(item.path.parent)
