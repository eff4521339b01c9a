"""Asks the process that works on a run to end as an interrupt would have it end."""

import os
import signal
import time
from pathlib import Path

from sqlalchemy import Engine

from agent.errors import SetupError
from agent.record.lock import Holder, holder, is_locked
from agent.record.store import list_runs

_POLL_S = 0.05


def latest_at_work(engine: Engine, workspaces: Path) -> str:
    """The newest run that a process is at work on: what `mars stop latest` ends.

    Raises:
        SetupError: there is none.
    """
    for row in list_runs(engine):
        if is_locked(workspaces / row.id):
            return row.id
    raise SetupError("No run is at work, so there is nothing to stop.")


def stop_run(folder: Path, wait_s: float) -> bool:
    """Signals the run's process and waits for its end; False when it is still at work after `wait_s` seconds.

    Raises:
        SetupError: no process is at work on the run, or this user or machine cannot signal it.
    """
    name = folder.name
    if not is_locked(folder):
        raise SetupError(f"Run {name} is not at work, so there is nothing to stop.")
    process = holder(folder)
    if process is None or Holder.of(process.pid) != process:
        raise SetupError(
            f"Run {name} is at work in a process that cannot be seen from here (another container or "
            "machine); stop it there."
        )
    try:
        # A shell lets its background jobs ignore SIGINT; `mars` takes SIGTERM for the same.
        os.kill(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise SetupError(
            f"Run {name} belongs to another user (process {process.pid}); stop it as that user."
        ) from error
    deadline = time.monotonic() + wait_s
    while is_locked(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
