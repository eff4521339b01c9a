from pathlib import Path

import pytest

from agent.engine.trials.checkout import Checkout
from agent.repository.lineage import Lineage


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(Lineage(tmp_path / "repository.git"), tmp_path / "nodes")
