"""`mars runs`: the recorded runs."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from agent.core import paths
from agent.core.errors import MarsError

if TYPE_CHECKING:
    from agent.record.opened_run import Run


def runs_command() -> None:
    """List the recorded runs, newest first."""
    from agent.core.database import open_database
    from agent.record.journal import list_runs
    from agent.record.opened_run import open_run

    home = paths.home()
    engine = open_database(home.database)
    rows = list_runs(engine)
    # An id must not be cut off: users copy it.
    name = Column("run", no_wrap=True, min_width=max((len(row.id) for row in rows), default=3))
    best, minutes = Column("best", min_width=7), Column("minutes", min_width=7)
    table = Table(name, "data", "metric", "nodes", "valid", best, minutes, "state", box=None)
    for row in rows:
        try:
            run = open_run(row.id, home, engine)
        except MarsError as error:
            table.add_row(row.id, str(error))
            continue
        state = run.state
        score = f"{state.best.metric:.5f}" if state.best else "-"
        counts = (str(len(state.nodes)), str(len(state.valid)))
        description = (row.id, state.run.data_kind, run.metric.name)
        table.add_row(*description, *counts, score, f"{state.elapsed_s / 60:.1f}", _run_state(run))
    Console().print(table)


def _run_state(run: "Run") -> str:
    """Return why the run ended, or how to continue it."""
    from agent.record.run_lock import is_locked

    if run.state.finished is not None:
        return run.state.finished.reason
    if is_locked(run.folder):
        return "running"
    if run.state.run.experiment:
        return "stopped: start again with `mars lessons verify`"
    return "stopped: continue with `mars resume`"
