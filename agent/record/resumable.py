"""What can be resumed: which one of several runs, and what an interrupted one says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from agent.errors import Interrupted, SetupError
from agent.record.events import has_ended, is_experiment
from agent.record.lock import is_locked
from agent.record.store import FORMAT, Journal, list_runs


def latest_resumable(engine: Engine, workspaces: Path, *, ended_too: bool) -> tuple[str, list[str]]:
    """The newest run that waits to go on, and the newer ones that are passed over as they are at work.

    A run that has ended waits only for more time (`ended_too`).

    Raises:
        SetupError: there is none; it says which runs are at work, and which has ended.
    """
    at_work: list[str] = []
    ended: list[str] = []
    for row in list_runs(engine):
        if is_locked(workspaces / row.id):
            at_work.append(row.id)
            continue
        events = Journal.open(engine, row.id).events() if row.format == FORMAT else []
        if not events or is_experiment(events):
            continue
        if ended_too or not has_ended(events):
            return row.id, at_work
        ended.append(row.id)
    reasons = [said_at_work(at_work)] if at_work else []
    if ended:
        reasons.append(f"Run {ended[0]} has ended: `mars resume {ended[0]} --minutes M` gives it more time.")
    what_else = " ".join(reasons) or "Start one with `mars run`."
    raise SetupError(f"No run waits to be resumed. {what_else}")


@contextmanager
def naming_itself(journal: Journal) -> Iterator[None]:
    """Lets an interrupt name the run, once it has begun; before that there is nothing to go on with.

    Raises:
        Interrupted: instead of the KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if journal.events():
            raise Interrupted(journal.run) from error
        raise


def said_at_work(runs: list[str]) -> str:
    """A sentence that names runs of other processes."""
    one = len(runs) == 1
    return f"At work in {'another process' if one else 'other processes'}: {', '.join(runs)}."
