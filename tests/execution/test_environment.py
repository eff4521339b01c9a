"""The variables that a candidate gets from its job."""

from pathlib import Path

import pytest

from agent.execution.environment import candidate_environment
from tests.execution.support import Site


@pytest.mark.parametrize(("folds", "value"), [(None, None), (1, "1"), (3, "3")])
def test_a_candidate_is_told_how_many_folds_to_execute(
    tmp_path: Path, folds: int | None, value: str | None
) -> None:
    job = Site(tmp_path).job("node", "pass", folds=folds)
    assert candidate_environment(job, tmp_path).get("MARS_FOLDS") == value
