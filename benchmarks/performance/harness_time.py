"""Time the harness per node, without the candidate, over 500 nodes of a family with trivial candidates.

    python benchmarks/performance/harness_time.py [--nodes 500]

The loop is that of `mars run` with the live screen, drawn to an unread terminal. The time of a node runs from
the end of the previous node to its own end, minus the candidate's own time. It includes decision, rendering,
commit, checkout, sandboxed start, scoring, record and lesson.
AIDE, measured the same way on a similar machine: 32 ms, growing to 130 ms at node 300 (with its live tree).
"""

import argparse
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.record.events import NodeFinished, RepeatFinished
from agent.record.opened_run import Run
from agent.report.live_screen import LiveScreen

TOY = Path(__file__).resolve().parents[2] / "tests" / "toy"
EDGE = 50


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=500)
    arguments = parser.parse_args()
    use_one_blas_thread()
    with tempfile.TemporaryDirectory() as folder:
        home = _toy_home(Path(folder))
        request = RunRequest(competition="toy", minutes=120, node_minutes=1, max_nodes=arguments.nodes)
        console = Console(file=io.StringIO(), force_terminal=True, width=140, height=40)
        summary = start(request, home, lambda metric: LiveScreen(console, metric))
        _print(harness_ms(summary.run), len(summary.run.state.valid), len(summary.run.state.nodes))


def use_one_blas_thread() -> None:
    """Start this process again with one thread for numpy, as the command `mars` has it."""
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _toy_home(root: Path) -> Home:
    shutil.copytree(TOY / "families", root / "templates")
    family = root / "templates" / "toy" / "family.yaml"
    longer = f"[{', '.join(map(str, range(1, 41)))}]"  # room for many nodes
    family.write_text(family.read_text().replace("[1, 2, 3, 4, 5, 6]", longer))
    shutil.copytree(TOY / "competition", root / "benchmarks" / "toy")
    os.environ["MARS_HOME"] = str(root)
    return Home(root)


def harness_ms(run: Run) -> list[float]:
    """Return milliseconds per node in order of their ends, counted from the last node or repeat.

    An ensemble does not report its own time, and is left out.
    """
    times, last = [], 0.0
    for event in run.journal.events():
        if isinstance(event, RepeatFinished):
            last = event.elapsed_s
        if isinstance(event, NodeFinished):
            own = json.loads((run.nodes / f"{event.node:03d}" / "working" / "analysis.json").read_text())
            if "own_seconds" in own:
                times.append(1000 * (event.elapsed_s - last - own["own_seconds"]))
            last = event.elapsed_s
    return times


def _print(times: list[float], valid: int, nodes: int) -> None:
    first, final = statistics.median(times[1 : EDGE + 1]), statistics.median(times[-EDGE:])
    print(f"nodes                     {nodes}, {valid} valid")
    print(f"harness per node, median  {statistics.median(times):.1f} ms (goal: under 25)")
    print(f"first {EDGE} / last {EDGE}        {first:.1f} / {final:.1f} ms, ratio {final / first:.2f}")
    print(f"95th percentile           {statistics.quantiles(times, n=20)[-1]:.1f} ms")


if __name__ == "__main__":
    main()
