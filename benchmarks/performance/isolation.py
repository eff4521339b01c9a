"""Time the isolation of an empty candidate, in a warm and in a cold process.

    python benchmarks/performance/isolation.py [--repeats 40]

Warm: forks of a process that has imported torch, timm, albumentations and pandas, in this machine's sandbox
against `sandbox="none"`. Cold: a new interpreter in the sandbox against a plain `python main.py`. The two of
a pair run in turns, so that a slow moment affects both. Prints the median of each side and the median
difference within pairs.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.execution import Executor, Job, Limits, make_executor

LIBRARIES = ("torch", "timm", "albumentations", "pandas")
GOALS_MS = {"warm": 30, "cold": 60}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("input", "metadata"):
            (root / name).mkdir()
        confined, free = (_warm(root / name, root, name) for name in ("auto", "none"))
        cold = make_executor("cold", nodes_root=root / "cold", readable=[root])
        try:
            missing = cold.guarantees.missing()
            print("isolation complete" if not missing else f"isolation incomplete: {' '.join(missing)}")
            _compare(
                "warm",
                _candidate_runner(confined, root, "auto"),
                _candidate_runner(free, root, "none"),
                repeats,
            )
            _compare("cold", _candidate_runner(cold, root, "cold"), _plain_runner(root / "plain"), repeats)
        finally:
            for executor in (confined, free, cold):
                executor.close()


def _warm(nodes: Path, root: Path, sandbox: str) -> Executor:
    assert sandbox in ("auto", "none")
    return make_executor(
        "warm",
        nodes_root=nodes,
        preload=LIBRARIES,
        readable=[root],
        sandbox="auto" if sandbox == "auto" else "none",
    )


def _candidate_runner(executor: Executor, root: Path, name: str) -> Callable[[], None]:
    workspace = root / name / "node"
    workspace.mkdir(parents=True)
    (workspace / "main.py").write_text("")
    job = Job(workspace, root / "input", root / "metadata", seed=0, limits=Limits(), time_hint_s=60)

    def run() -> None:
        outcome = executor.execute(job)
        if outcome.status != "ok":
            raise SystemExit(outcome.reason)

    return run


def _plain_runner(workspace: Path) -> Callable[[], None]:
    workspace.mkdir(parents=True)
    (workspace / "main.py").write_text("")

    def run() -> None:
        subprocess.run([sys.executable, "main.py"], cwd=workspace, check=True)

    return run


def _compare(name: str, isolated: Callable[[], None], plain: Callable[[], None], repeats: int) -> None:
    isolated()  # the first call imports and meets cold caches, so it does not count
    plain()
    pairs = [(_milliseconds(isolated), _milliseconds(plain)) for _ in range(repeats)]
    isolated_ms, without = (statistics.median(times) for times in zip(*pairs, strict=True))
    added = statistics.median(first - second for first, second in pairs)
    print(
        f"{name}: {isolated_ms:.1f} ms isolated, {without:.1f} ms without; isolation adds {added:.1f} ms "
        f"(goal: under {GOALS_MS[name]})"
    )


def _milliseconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
