"""`mars stop latest` with several runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agent.core.errors import SetupError
from agent.record.journal import Journal
from agent.record.run_lock import run_lock
from agent.record.stop import latest_active_run


def _run(engine: Engine, name: str, day: int) -> None:
    Journal.create(engine, name, "toy", datetime(2026, 1, day, tzinfo=UTC))


def test_latest_is_the_newest_active_run(engine: Engine, tmp_path: Path) -> None:
    for day, name in enumerate(("first", "second", "not-at-work"), start=1):
        _run(engine, name, day)
    with run_lock(tmp_path / "not-at-work"):
        pass  # it was active before
    with run_lock(tmp_path / "first"):
        assert latest_active_run(engine, tmp_path) == "first"
        with run_lock(tmp_path / "second"):
            assert latest_active_run(engine, tmp_path) == "second"


def test_no_active_run_is_reported(engine: Engine, tmp_path: Path) -> None:
    said = r"^No run is active, so there is nothing to stop\.$"
    with pytest.raises(SetupError, match=said):
        latest_active_run(engine, tmp_path)
    _run(engine, "interrupted", 1)
    with pytest.raises(SetupError, match=said):
        latest_active_run(engine, tmp_path)
