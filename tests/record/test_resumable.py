"""Which of several runs is resumed, and which run an interrupt names."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from agent.core.errors import Interrupted, SetupError
from agent.record.events import RunFinished, RunResumed, RunStarted
from agent.record.journal import Journal, events_table, runs_table
from agent.record.resumable import latest_resumable, name_run_in_interrupt
from agent.record.run_lock import run_lock
from tests.support.states import SETTINGS


def _run(engine: Engine, name: str, day: int, *, ended: bool = False) -> Journal:
    journal = Journal.create(engine, name, "toy", datetime(2026, 1, day, tzinfo=UTC))
    journal.append(RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=(), lessons=()))
    if ended:
        journal.append(RunFinished(elapsed_s=1.0, reason="done", chosen=None))
    return journal


def test_latest_is_the_newest_resumable_run(engine: Engine, tmp_path: Path) -> None:
    for day, name in enumerate(("older", "interrupted", "first-at-work", "second-at-work"), start=1):
        _run(engine, name, day)
    _run(engine, "ended", 5, ended=True)
    Journal.create(engine, "never-began", "toy", datetime(2026, 1, 6, tzinfo=UTC))
    with run_lock(tmp_path / "first-at-work"), run_lock(tmp_path / "second-at-work"):
        found = latest_resumable(engine, tmp_path, ended_too=False)
        assert found == ("interrupted", ["second-at-work", "first-at-work"], [])
        assert latest_resumable(engine, tmp_path, ended_too=True) == ("ended", [], [])
    assert latest_resumable(engine, tmp_path, ended_too=False) == ("second-at-work", [], [])


def test_an_experiment_is_passed_over(engine: Engine, tmp_path: Path) -> None:
    _run(engine, "interrupted", 1)
    journal = Journal.create(engine, "verify", "toy", datetime(2026, 1, 2, tzinfo=UTC))
    settings = SETTINGS.model_copy(update={"experiment": True})
    journal.append(RunStarted(elapsed_s=0.0, settings=settings, missing_guarantees=(), lessons=()))
    assert latest_resumable(engine, tmp_path, ended_too=True) == ("interrupted", [], [])


def test_an_ended_run_that_was_resumed_and_interrupted_is_resumable(engine: Engine, tmp_path: Path) -> None:
    journal = _run(engine, "again", 1, ended=True)
    journal.append(RunResumed(elapsed_s=1.0, minutes=9.0))
    assert latest_resumable(engine, tmp_path, ended_too=False) == ("again", [], [])


def test_no_resumable_run_is_reported_with_the_others(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^No run can be resumed\. Start a run with `mars run`\.$"):
        latest_resumable(engine, tmp_path, ended_too=False)
    _run(engine, "ended", 1, ended=True)
    _run(engine, "busy", 2)
    said = (
        r"Active in another process: busy\. Run ended has ended: `mars resume ended --minutes M` gives it "
        r"more time\.$"
    )
    with run_lock(tmp_path / "busy"), pytest.raises(SetupError, match=said):
        latest_resumable(engine, tmp_path, ended_too=False)


def test_an_interrupt_names_the_run_that_it_ended_once_that_can_be_resumed(engine: Engine) -> None:
    journal = Journal.create(engine, "never-began", "toy", datetime(2026, 1, 1, tzinfo=UTC))
    assert _interrupted(journal) is None
    assert _interrupted(_run(engine, "begun", 2)) == "begun"


def _interrupted(journal: Journal) -> str | None:
    """Return the run that an interrupt names."""
    with pytest.raises(KeyboardInterrupt) as caught, name_run_in_interrupt(journal):
        raise KeyboardInterrupt
    return caught.value.run if isinstance(caught.value, Interrupted) else None


@pytest.mark.parametrize(
    "payload", ['{"kind": "run_started"', "[]", '{"kind": "run_started", "elapsed_s": null}']
)
def test_a_damaged_run_is_passed_over_and_named(engine: Engine, tmp_path: Path, payload: str) -> None:
    _run(engine, "sound", 1)
    _run(engine, "damaged", 2)
    with engine.begin() as connection:
        connection.execute(
            update(events_table).where(events_table.c.run == "damaged").values(payload=payload)
        )
    assert latest_resumable(engine, tmp_path, ended_too=False) == ("sound", [], ["damaged"])
    with engine.begin() as connection:
        connection.execute(delete(runs_table).where(runs_table.c.id == "sound"))
    with pytest.raises(SetupError, match=r"The record of damaged is damaged and is passed over\."):
        latest_resumable(engine, tmp_path, ended_too=False)
