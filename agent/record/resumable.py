"""Finds the run to resume, and names the run in an interrupt."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from agent.core.errors import InfrastructureError, Interrupted, SetupError
from agent.record.events import has_ended, is_experiment
from agent.record.journal import FORMAT, Journal, list_runs
from agent.record.run_lock import is_locked


class Resumable(NamedTuple):
    """The newest run that can be resumed, and the newer runs that are passed over."""

    run: str
    active: list[str]
    damaged: list[str]


def latest_resumable(engine: Engine, workspaces: Path, *, ended_too: bool) -> Resumable:
    """Return the newest run that can be resumed. Active and damaged runs are passed over.

    Args:
        engine: the database.
        workspaces: the folder with one subfolder per run.
        ended_too: whether ended runs count, which need more minutes.

    Raises:
        SetupError: no run can be resumed; the message names active and damaged runs, and the newest ended
            run.
    """
    at_work: list[str] = []
    ended: list[str] = []
    damaged: list[str] = []
    for row in list_runs(engine):
        if is_locked(workspaces / row.id):
            at_work.append(row.id)
            continue
        try:
            events = Journal.open(engine, row.id).events() if row.format == FORMAT else []
        except InfrastructureError:
            damaged.append(row.id)
            continue
        if not events or is_experiment(events):
            continue
        if ended_too or not has_ended(events):
            return Resumable(row.id, at_work, damaged)
        ended.append(row.id)
    reasons = [active_runs_sentence(at_work)] if at_work else []
    reasons += [damaged_runs_sentence(damaged)] if damaged else []
    if ended:
        reasons.append(f"Run {ended[0]} has ended: `mars resume {ended[0]} --minutes M` gives it more time.")
    advice = " ".join(reasons) or "Start a run with `mars run`."
    raise SetupError(f"No run can be resumed. {advice}")


@contextmanager
def name_run_in_interrupt(journal: Journal) -> Iterator[None]:
    """Turn a KeyboardInterrupt into one that names the run, once the run has an event to resume from.

    Raises:
        Interrupted: replaces the KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if journal.events():
            raise Interrupted(journal.run) from error
        raise


def active_runs_sentence(runs: list[str]) -> str:
    """Return a sentence that names the runs of other processes."""
    one = len(runs) == 1
    return f"Active in {'another process' if one else 'other processes'}: {', '.join(runs)}."


def damaged_runs_sentence(runs: list[str]) -> str:
    """Return a sentence that names the runs whose records cannot be read."""
    return f"The record of {', '.join(runs)} is damaged and is passed over."
