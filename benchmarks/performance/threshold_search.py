"""Time the threshold search of rendered repositories against a loop of F1 scores; compare the curves.

    python benchmarks/performance/threshold_search.py [--rows 28000] [--classes 3474] [--timed-steps 3]

The loop is the usual solution, also in the seed: `sklearn.metrics.f1_score` at each of 100 thresholds. It
takes minutes, so the benchmark times a few steps and extrapolates. The curve is compared at every threshold
with counts over all cells.
"""

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import f1_score

from agent.core.paths import templates_dir
from agent.repository.rendering import template_environment

IMPORTS = "import numpy as np\nfrom scipy.sparse import csr_array\n\n\n"
LABELS_PER_ROW = 5


def rendered_search() -> ModuleType:
    """Render and import the partial that repositories include."""
    environment = template_environment(templates_dir() / "_shared")
    partial = environment.get_template("thresholds.py.j2").render(competition={"metric": "micro_f1"})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "thresholds.py"
        file.write_text(IMPORTS + partial, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("thresholds", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def synthetic_case(rows: int, classes: int) -> tuple[csr_array, np.ndarray]:
    """Return truth (N, C) with about five labels per row, and correlated probabilities (N, C) float32."""
    rng = np.random.default_rng(0)
    columns = np.minimum(rng.exponential(classes / 12, rows * LABELS_PER_ROW).astype(np.int64), classes - 1)
    cells = np.unique(np.repeat(np.arange(rows), LABELS_PER_ROW) * classes + columns)
    truth = csr_array((np.ones(cells.size, dtype=bool), np.divmod(cells, classes)), shape=(rows, classes))
    probabilities = np.empty((rows, classes), dtype=np.float32)
    for row in range(rows):
        probabilities[row] = 1.5 * rng.standard_normal(classes, dtype=np.float32) - 4
    probabilities[truth.nonzero()] += 4
    np.exp(-probabilities, out=probabilities)
    probabilities += 1
    np.reciprocal(probabilities, out=probabilities)
    return truth, probabilities


def counted_curve(truth: csr_array, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return micro-F1 (T,) from counts over all cells, one pass per threshold."""
    positives = probabilities[truth.nonzero()]
    scores = []
    for threshold in thresholds:
        predicted = sum(
            int(np.count_nonzero(block > threshold)) for block in np.array_split(probabilities, 64)
        )
        scores.append(2 * int(np.count_nonzero(positives > threshold)) / (predicted + positives.size))
    return np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=28_000)
    parser.add_argument("--classes", type=int, default=3_474)
    parser.add_argument("--timed-steps", type=int, default=3, help="Number of timed steps of the loop.")
    arguments = parser.parse_args()
    search = rendered_search()
    truth, probabilities = synthetic_case(arguments.rows, arguments.classes)
    thresholds = search.THRESHOLDS

    times = []
    for _ in range(3):
        started = time.perf_counter()
        curve = search.threshold_curve(truth, probabilities, thresholds)
        times.append(time.perf_counter() - started)

    dense = truth.toarray().astype(np.float32)
    steps = np.linspace(0, thresholds.size - 1, arguments.timed_steps).astype(int)
    started = time.perf_counter()
    scores = [
        f1_score(dense, (probabilities > thresholds[step]).astype(np.float32), average="micro")
        for step in steps
    ]
    step_s = (time.perf_counter() - started) / len(steps)

    loop_s = step_s * thresholds.size
    same = np.array_equal(curve, counted_curve(truth, probabilities, thresholds))
    same_as_loop = np.array_equal(curve[steps], scores)
    print(f"({arguments.rows}, {arguments.classes}) probabilities, {thresholds.size} thresholds")
    print(
        f"loop of f1_score   {loop_s:10.2f} s  ({len(steps)} steps timed, {step_s:.2f} s each, extrapolated)"
    )
    print(f"rendered search    {min(times):10.2f} s  (best of {len(times)})")
    print(f"ratio              {loop_s / min(times):10.0f}")
    print(
        f"bit-equal          to counts over all cells at every threshold: {same}; to the loop: {same_as_loop}"
    )
    raise SystemExit(0 if same and same_as_loop else 1)


if __name__ == "__main__":
    main()
