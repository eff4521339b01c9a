"""`mars stop` and `mars gc`: stop runs and free disk space."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from agent.cli.options import finite
from agent.core import paths
from agent.core.errors import InfrastructureError
from agent.core.paths import Home

if TYPE_CHECKING:
    from agent.record.gc import RemovableFile


def stop_command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Id of a run, a part of the id, or `latest`: the newest run that is running.",
        ),
    ],
    wait: Annotated[
        float, typer.Option(min=0, max=1e6, callback=finite, help="Seconds to wait for the run to end.")
    ] = 60.0,
) -> None:
    """Stop a run in another process, like Ctrl-C in its terminal. The state is saved."""
    from agent.core.database import open_database
    from agent.record.events import has_ended, is_experiment
    from agent.record.journal import LATEST, Journal
    from agent.record.stop import latest_active_run, stop_run

    home = paths.home()
    engine = open_database(home.database)
    journal = Journal.open(engine, latest_active_run(engine, home.workspaces) if run == LATEST else run)
    if not stop_run(home.workspaces / journal.run, wait):
        raise InfrastructureError(
            f"Run {journal.run} is still running {wait:g} s after the stop request. Check with `mars runs`."
        )
    events = journal.events()
    if not events:
        print(f"Run {journal.run} is stopped. It had recorded nothing yet: start a new run with `mars run`.")
    elif has_ended(events):
        print(f"Run {journal.run} ended before it was stopped.")
    elif is_experiment(events):
        print(
            f"Run {journal.run} is stopped. A run that verifies a lesson cannot be resumed: "
            "start it again with `mars lessons verify`."
        )
    else:
        print(
            f"Run {journal.run} is stopped and its state is saved. Continue with `mars resume {journal.run}`."
        )


def gc_command(
    cache_gb: Annotated[
        float,
        typer.Option(
            min=0,
            max=1e6,
            callback=finite,
            help="Size that the caches of all inactive runs may keep, in GB.",
        ),
    ] = 20.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed; remove nothing.")
    ] = False,
) -> None:
    """Free disk space: remove raw outputs and scratch files of ended runs, old caches, and leftovers.

    Active runs are not touched. Every run can still be resumed, inspected, replayed and exported.
    """
    from agent.core.database import open_database
    from agent.record.gc import collect_garbage

    home = paths.home()
    engine = open_database(home.database)
    removable = list(collect_garbage(home, engine, int(cache_gb * 1e9), dry_run=dry_run))
    sizes_by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    for item in removable:
        sizes_by_place[item.kind, _place(item, home)].append(item.size)
    table = Table("what", "where", Column("items", justify="right"), Column("MB", justify="right"), box=None)
    for (kind, place), sizes in sorted(sizes_by_place.items()):
        table.add_row(kind, place, str(len(sizes)), f"{sum(sizes) / 1e6:,.1f}")
    if removable:
        Console(soft_wrap=True).print(table)
    verb = "would be removed" if dry_run else "removed"
    count = "1 item" if len(removable) == 1 else f"{len(removable)} items"
    print(f"{count}, {sum(item.size for item in removable) / 1e6:,.1f} MB {verb}.")


def _place(item: "RemovableFile", home: Home) -> str:
    """Return the run that contains the item, else the folder that contains it."""
    if item.path.is_relative_to(home.workspaces):
        return item.path.relative_to(home.workspaces).parts[0]
    return str(item.path.parent)
