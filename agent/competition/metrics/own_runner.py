"""Score rows with a competition's own `metric.py` inside the sandbox: python own_runner.py SECONDS.

Reads `metric.py` and `rows.npz` beside this file. Writes `scores.npy` to the working folder, or after an
error `failure.txt` with the type and line of the error. The error message is not written, because it may
contain answers. Imports nothing but numpy and `metric.py`.
"""

import sys
import time
import traceback
from pathlib import Path

import numpy as np


def main() -> None:
    deadline = time.monotonic() + float(sys.argv[1])
    folder = Path(__file__).resolve().parent
    with np.load(folder / "rows.npz", allow_pickle=False) as arrays:
        rows = dict(arrays)
    try:
        scores = score_all(folder, rows, deadline)
    except Exception as error:  # the author of the metric gets every fault
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f" in line {frame.lineno}" for frame in frames if Path(frame.filename).name == "metric.py"]
        Path("failure.txt").write_text(type(error).__name__ + "".join(lines[-1:]))
        return
    np.save("scores.npy", scores)


def score_all(folder: Path, rows: dict[str, np.ndarray], deadline: float) -> np.ndarray:
    """Return scores (B,) for the row counts (B, N); NaN if undefined or after the deadline."""
    sys.path.insert(0, str(folder))
    from metric import score  # type: ignore[import-not-found]

    truth, prediction = unpack(rows, "truth"), unpack(rows, "prediction")
    scores = np.full(len(rows["counts"]), np.nan)
    for index, counts in enumerate(rows["counts"]):
        if index and time.monotonic() > deadline:
            break
        picked = np.repeat(np.arange(len(counts)), counts)
        try:
            scores[index] = float(score(pick(truth, picked), pick(prediction, picked)))
        except Exception:
            if (counts == 1).all():  # a resample may leave a metric undefined, all rows may not
                raise
    return scores


def pick(rows: np.ndarray, picked: np.ndarray) -> "np.ndarray | dict[str, np.ndarray]":
    """Return some rows; of several targets as a dictionary with an array per target."""
    if rows.dtype.names is None:
        some: np.ndarray = rows[picked]
        return some
    return {name: np.ascontiguousarray(rows[name][picked]) for name in rows.dtype.names}


def unpack(rows: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return an array; label sets as a dense bool matrix (N, C) from the indices of the set cells."""
    if name in rows:
        return rows[name]
    dense = np.zeros(rows[f"{name}_shape"], dtype=bool)
    dense[rows[f"{name}_rows"], rows[f"{name}_columns"]] = True
    return dense


if __name__ == "__main__":
    main()
