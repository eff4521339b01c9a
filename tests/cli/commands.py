"""Run the `mars` command in separate processes."""

import subprocess
import sys
import time

from agent.core.paths import Home

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
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        for path in sorted(home.workspaces.glob("toy-*")):
            if path.name not in before and len(list(path.glob("nodes/*"))) >= nodes:
                return process, path.name
        time.sleep(0.01)
    process.kill()
    raise AssertionError(f"the run did not start {nodes} nodes: {process.communicate()[0]}")
