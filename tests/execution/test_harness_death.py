"""Candidates die with a killed harness."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.execution.contract import SPAWN_SLEEPER, token
from tests.execution.support import Site, alive
from tests.support.waiting import wait_until

__all__ = ["token"]

HARNESS = """
import sys
from pathlib import Path
from agent.execution import Job, Limits, make_executor
root, kind, sandbox = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
executor = make_executor(kind, nodes_root=root / "run" / "nodes",
                         readable=[root / "public"], sandbox=sandbox)
executor.execute(Job(root / "run" / "nodes" / "a", root / "public" / "input", root / "public" / "metadata",
                     seed=1, limits=Limits(time_s=300), time_hint_s=300))
"""


@pytest.mark.parametrize("sandbox", ["auto", "none"])
@pytest.mark.parametrize("kind", ["cold", "warm"])
def test_candidates_die_with_a_killed_harness(tmp_path: Path, token: str, kind: str, sandbox: str) -> None:
    site = Site(tmp_path)
    sleeper = SPAWN_SLEEPER.format(token=token)
    site.job("a", sleeper + "spawn()\nimport time\ntime.sleep(300)\n")
    command = [sys.executable, "-c", HARNESS, str(tmp_path), kind, sandbox]
    harness = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}
    )  # it leaves a folder there
    wait_until(lambda: alive(token))
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    wait_until(lambda: not alive(token))
    assert not alive(token)
