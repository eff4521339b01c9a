"""`mars runs`: the recorded runs."""

from typing import TYPE_CHECKING

from agent.core import paths
from agent.core.errors import MarsError

if TYPE_CHECKING:
    from agent.record.opened_run import Run


def runs_command() -> None:
    """List the recorded runs, newest first."""
    from agent.core.database import open_database
    from agent.record.journal import list_runs
    from agent.record.opened_run import open_run
    from agent.report.fitted_table import FittedColumn, fitted_table, table_console

    columns = (
        FittedColumn("run", 0),
        FittedColumn("data", 2),
        FittedColumn("metric", 4),
        FittedColumn("nodes", 3, justify="right"),
        FittedColumn("valid", 6, justify="right"),
        FittedColumn("best", 1, justify="right"),
        FittedColumn("minutes", 5, justify="right"),
        FittedColumn("state", 0, wraps_at=20),
    )
    home = paths.home()
    engine = open_database(home.database)
    rows = []
    for row in list_runs(engine):
        try:
            rows.append(_cells(open_run(row.id, home, engine)))
        except MarsError as error:
            rows.append({"run": row.id, "state": str(error)})
    console = table_console()
    console.print(fitted_table(columns, rows, console.width))


def _cells(run: "Run") -> dict[str, str]:
    """Return the cells of a run by column."""
    state = run.state
    return {
        "run": run.id,
        "data": state.run.data_kind,
        "metric": run.metric.name,
        "nodes": str(len(state.nodes)),
        "valid": str(len(state.valid)),
        "best": f"{state.best.metric:.5f}" if state.best else "-",
        "minutes": f"{state.elapsed_s / 60:.1f}",
        "state": _run_state(run),
    }


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
