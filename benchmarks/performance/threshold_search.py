"""Times the threshold search of rendered repositories against plainer code, and compares the curves.

    python benchmarks/performance/threshold_search.py [--rows 28000] [--classes 3474] [--timed-steps 3]

- rendered search: `np.histogram` with the thresholds as edges, one pass over the probabilities.
- a sort: the same counts by `np.sort` and `np.searchsorted`.
- counts: `np.count_nonzero(probabilities > threshold)`, a pass for each of 100 thresholds.
- loop of f1_score: `sklearn.metrics.f1_score` for each threshold, as the seed solution does. It takes
  minutes, so only a few steps are timed and the rest is extrapolated.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from rendered_image_library import multilabel_task, rendered_modules
from scipy.sparse import csr_array
from sklearn.metrics import f1_score

Curve = Callable[[csr_array, np.ndarray, np.ndarray], np.ndarray]
LABELS_PER_ROW = 5


def made_up_case(rows: int, classes: int) -> tuple[csr_array, np.ndarray]:
    """Truth (N, C), about five labels per row, and probabilities (N, C) float32 that know something of it."""
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
    """Micro-F1 from counts over all cells, one pass per threshold. (T,)."""
    positives = probabilities[truth.nonzero()]
    scores = []
    for threshold in thresholds:
        predicted = sum(
            int(np.count_nonzero(block > threshold)) for block in np.array_split(probabilities, 64)
        )
        scores.append(2 * int(np.count_nonzero(positives > threshold)) / (predicted + positives.size))
    return np.array(scores)


def sorted_curve(truth: csr_array, probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Micro-F1 from the sorted probabilities. (T,)."""
    positives = probabilities[truth.nonzero()]
    predicted = probabilities.size - np.searchsorted(np.sort(probabilities, axis=None), thresholds, "right")
    hits = positives.size - np.searchsorted(np.sort(positives), thresholds, "right")
    return np.asarray(2 * hits / (predicted + positives.size))


def fastest(curve: Curve, case: tuple[csr_array, np.ndarray, np.ndarray]) -> tuple[np.ndarray, float]:
    """The curve and the best of three times, in seconds."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        scores = curve(*case)
        times.append(time.perf_counter() - started)
    return scores, min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=28_000)
    parser.add_argument("--classes", type=int, default=3_474)
    parser.add_argument(
        "--timed-steps", type=int, default=3, help="Steps of the loop that are run and timed."
    )
    arguments = parser.parse_args()
    task = multilabel_task(n_train=100_000, n_classes=arguments.classes)
    (search,) = rendered_modules(["inference"], {}, task)
    truth, probabilities = made_up_case(arguments.rows, arguments.classes)
    thresholds = search.THRESHOLDS

    case = truth, probabilities, thresholds
    curve, rendered_s = fastest(search.threshold_curve, case)
    by_sorting, sort_s = fastest(sorted_curve, case)
    counted, count_s = fastest(counted_curve, case)

    dense = truth.toarray().astype(np.float32)
    steps = np.linspace(0, thresholds.size - 1, arguments.timed_steps).astype(int)
    started = time.perf_counter()
    scores = [
        f1_score(dense, (probabilities > thresholds[step]).astype(np.float32), average="micro")
        for step in steps
    ]
    step_s = (time.perf_counter() - started) / len(steps)

    loop_s = step_s * thresholds.size
    same = np.array_equal(curve, counted) and np.array_equal(curve, by_sorting)
    same_as_loop = np.array_equal(curve[steps], scores)
    print(f"({arguments.rows}, {arguments.classes}) probabilities, {thresholds.size} thresholds")
    print(f"rendered search    {rendered_s:10.2f} s")
    print(f"a sort             {sort_s:10.2f} s")
    print(f"counts             {count_s:10.2f} s")
    print(
        f"loop of f1_score   {loop_s:10.2f} s  ({len(steps)} steps timed, {step_s:.2f} s each, extrapolated)"
    )
    print(f"loop / rendered    {loop_s / rendered_s:10.0f}")
    print(f"curves equal to the bit: sort and counts {same}, loop {same_as_loop}")
    raise SystemExit(0 if same and same_as_loop else 1)


if __name__ == "__main__":
    main()
