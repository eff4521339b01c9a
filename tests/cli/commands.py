"""Run the `mars` command in separate processes."""

import subprocess
import sys

from agent.core.paths import Home
from tests.support.waiting import wait_until

MARS = [sys.executable, "-m", "agent.cli.app"]


def mars(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command to its end and check its exit code."""
    done = subprocess.run([*MARS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def start_run(home: Home, *options: str, nodes: int = 1) -> tuple[subprocess.Popen[str], str]:
    """Start a long toy run in the background; return process and run id once it has started `nodes` nodes."""
    before = {path.name for path in home.workspaces.glob("toy-*")}
    process = subprocess.Popen(
        [*MARS, "run", "--competition", "toy", "--minutes", "5", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def started() -> list[str]:
        folders = [path for path in home.workspaces.glob("toy-*") if path.name not in before]
        return [path.name for path in folders if len(list(path.glob("nodes/*"))) >= nodes]

    wait_until(lambda: started() or process.poll() is not None)
    if process.poll() is not None:
        raise AssertionError(f"the run ended before {nodes} nodes: {process.communicate()[0]}")
    return process, started()[0]
