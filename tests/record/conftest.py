from pathlib import Path

import pytest
from sqlalchemy import Engine

from agent.core.database import open_database


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A new, empty database."""
    return open_database(tmp_path / "mars.db")
