"""Stops the process that works on a run, as an interrupt would."""

import os
import signal
import time
from pathlib import Path

from sqlalchemy import Engine

from agent.core.errors import SetupError
from agent.record.journal import list_runs
from agent.record.run_lock import RunProcess, holder, is_locked

_POLL_S = 0.05


def latest_active_run(engine: Engine, workspaces: Path) -> str:
    """Return the newest active run, which `mars stop latest` stops.

    Raises:
        SetupError: no run is active.
    """
    for row in list_runs(engine):
        if is_locked(workspaces / row.id):
            return row.id
    raise SetupError("No run is active, so there is nothing to stop.")


def stop_run(folder: Path, wait_s: float) -> bool:
    """Signal the run's process and wait for its end.

    Args:
        folder: the run's folder.
        wait_s: longest wait in seconds.

    Returns:
        False if the process still works after `wait_s` seconds.

    Raises:
        SetupError: no process works on the run, or this user or machine cannot signal the process.
    """
    name = folder.name
    if not is_locked(folder):
        raise SetupError(f"Run {name} is not active, so there is nothing to stop.")
    process = holder(folder)
    if process is None or RunProcess.of(process.pid) != process:
        raise SetupError(
            f"Run {name} is active in a process of another container or machine, which cannot be signalled "
            "from here; stop the run there."
        )
    try:
        # Background jobs of a shell ignore SIGINT; `mars` handles SIGTERM in the same way.
        os.kill(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise SetupError(
            f"Run {name} belongs to another user (process {process.pid}); stop the run as that user."
        ) from error
    deadline = time.monotonic() + wait_s
    while is_locked(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
