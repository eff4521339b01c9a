"""Time a small experiment from start to outcome, in a warm and in a cold process.

    python benchmarks/performance/candidate_start.py [--repeats N]

Both run the same candidate through the executors and the sandbox of a search. The candidate imports torch,
timm, albumentations and pandas and trains a small network with a fixed seed. The ratio is that of the
medians; the single import of the fork server is printed separately. The exit code is 1 if the results differ
in any bit.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from agent.execution import Executor, Job, Limits, make_executor

GOAL = 20.0
LIBRARIES = ("torch", "timm", "albumentations", "pandas")

CANDIDATE = f"""
import {", ".join(LIBRARIES)}

torch.manual_seed(0)
rows, labels = torch.randn(512, 16), torch.arange(512) % 4
model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for _ in range(20):
    loss = torch.nn.functional.cross_entropy(model(rows), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
numbers = [loss, *(weight.sum() for weight in model.parameters())]
open("working/result", "w").write(" ".join(number.item().hex() for number in numbers))
"""


def main() -> int:
    """Print one JSON object; return 1 if the results differ or the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cold_s, cold_results, _ = measure(root, "cold", repeats=repeats)
        warm_s, warm_results, import_s = measure(root, "warm", repeats=repeats)
    same = len({*cold_results, *warm_results}) == 1
    ratio = statistics.median(cold_s) / statistics.median(warm_s)
    figures = {
        "cold_s": round(statistics.median(cold_s), 3),
        "warm_s": round(statistics.median(warm_s), 3),
        "ratio": round(ratio, 1),
        "goal": GOAL,
        "same_to_the_bit": same,
        "server_start_s": round(import_s, 2),
        "repeats": repeats,
    }
    print(json.dumps(figures))
    return 0 if same and ratio >= GOAL else 1


def measure(root: Path, name: str, repeats: int) -> tuple[list[float], list[str], float]:
    """Return seconds and result of each run, and the seconds of the first, uncounted run."""
    nodes = root / name
    executor = make_executor(name, nodes_root=nodes, preload=LIBRARIES, readable=[root])
    try:
        first_s, _ = run(executor, root, nodes / "first")
        timed = [run(executor, root, nodes / str(repeat)) for repeat in range(repeats)]
    finally:
        executor.close()
    return [seconds for seconds, _ in timed], [result for _, result in timed], first_s


def run(executor: Executor, root: Path, workspace: Path) -> tuple[float, str]:
    """Execute the candidate once; return seconds, and its loss and weights in hexadecimal."""
    for folder in (workspace, root / "input", root / "metadata"):
        folder.mkdir(parents=True, exist_ok=True)
    (workspace / "main.py").write_text(CANDIDATE)
    job = Job(workspace, root / "input", root / "metadata", seed=0, limits=Limits(), time_hint_s=60)
    start = time.perf_counter()
    outcome = executor.execute(job)
    seconds = time.perf_counter() - start
    if outcome.status != "ok":
        raise SystemExit(f"{outcome.reason}\n{outcome.log.read_text()}")
    return seconds, (workspace / "working" / "result").read_text()


if __name__ == "__main__":
    sys.exit(main())
