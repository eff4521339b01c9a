"""`mars run` on the inputs that `mars init` accepts: a solution, a sensible score, the sample's shape."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases.case import Case
from tests.cases.test_init_cases import CASES

MARS = [sys.executable, "-m", "agent.cli.app"]
_RUN = [case for case in CASES if case.best is not None]
_LOWER_IS_BETTER = {"rmse"}


@pytest.mark.slow
@pytest.mark.parametrize("case", _RUN, ids=lambda case: case.name)
def test_run(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    case.make(folder)
    environment = {**os.environ, "MARS_HOME": str(tmp_path / "home")}
    subprocess.run([*MARS, "init", str(folder)], check=True, capture_output=True, env=environment)
    file = folder / "competition.yaml"
    if case.edit is not None:
        pattern, replacement = case.edit
        file.write_text(
            re.sub(f"(?m)^{pattern}$", replacement, file.read_text(encoding="utf-8")), encoding="utf-8"
        )
    command = [*MARS, "run", "--competition", str(folder), "--minutes", "2", "--max-nodes", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout)
    metric = re.search(r"(?m)^metric: (\S+)", file.read_text(encoding="utf-8"))
    assert metric is not None
    assert case.best is not None
    score = result["best"]["val"]
    assert score <= case.best if metric[1] in _LOWER_IS_BETTER else score >= case.best
    if case.header is not None:
        submission = Path(result["solution_path"]) / "submission.csv"
        assert tuple(submission.read_text(encoding="utf-8").splitlines()[0].split(",")) == case.header
