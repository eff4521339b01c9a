"""A competition's own metric: `metric.py` runs in the sandbox and sees the rows only.

Contract: `score(truth, prediction)` returns a number and depends on its arguments alone. Both arguments are
numpy arrays of N rows: labels (N,) as class indices, label sets (N, C) bool, probabilities (N, C) with labels
or label sets as truth, values (N,) or (N, T). For several targets with types, both are dictionaries of such
arrays by target. The standard error uses as many resamples as the time limit allows.
"""

import io
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import Floats, Rows, is_sparse
from agent.competition.spec import METRIC_FILE, CompetitionSpec, OwnMetric
from agent.core.errors import InfrastructureError, MarsError, SetupError, redacted_as
from agent.core.locks import temporary_folder
from agent.core.untrusted_files import is_plain_file, open_inside, read_inside

SCORE_LIMIT_S = 120.0  # for one scoring of all rows
_RESAMPLING_LIMIT_S = 10.0  # for all resamples of a prediction together
_MEMORY_BYTES = 8 * 2**30
_FILE_BYTES = 2**28
_RUNNER = Path(__file__).with_name("own_runner.py")


class SandboxRunner(Protocol):
    """Runs `python script args` in the sandbox, in the folder `writable`; raises SetupError if it fails."""

    def __call__(
        self,
        script: Path,
        args: list[str],
        readable: list[Path],
        writable: Path,
        *,
        time_s: float,
        memory_bytes: int,
        file_bytes: int,
    ) -> None: ...


def own_metric(spec: CompetitionSpec, own: OwnMetric, run: SandboxRunner | None) -> Metric:
    """Return the metric that `metric.py` defines. Without `run`, the metric cannot score."""

    def scorer(truth: Rows, prediction: Rows) -> _OwnScorer:
        if run is None:
            raise InfrastructureError(
                f"{METRIC_FILE} was asked for a score without a sandbox; this is a defect of MARS."
            )
        return _OwnScorer(own, run, truth, prediction)

    return Metric(
        name=spec.metric,
        definition=_docstring_safe(own.definition),
        higher_is_better=own.higher_is_better,
        prediction_kinds={spec.task: own.prediction},
        scorer=scorer,
        best_score=own.best,
    )


def _docstring_safe(definition: str) -> str:
    """Return the definition as one line that any docstring can hold."""
    return " ".join(definition.split()).replace("\\", "/").replace('"', "'")


@dataclass
class _OwnScorer:
    """Scores one pair of truth and prediction; resamples share a time limit."""

    own: OwnMetric
    run: SandboxRunner
    truth: Rows
    prediction: Rows
    left_s: float = field(default=_RESAMPLING_LIMIT_S)

    def scores(self, weights: Floats) -> Floats:
        """Return scores (B,). A fault raises if all rows are scored once; a failed resample is NaN."""
        counts = weights.astype(np.int32)
        if len(counts) == 1 and (counts == 1).all():
            return self._run(counts, SCORE_LIMIT_S)
        if self.left_s <= 0:
            return np.full(len(counts), np.nan)
        started = time.monotonic()
        try:
            return self._run(counts, self.left_s)
        except MarsError:
            return np.full(len(counts), np.nan)
        finally:
            self.left_s -= time.monotonic() - started

    def _run(self, counts: npt.NDArray[np.int32], seconds: float) -> Floats:
        with temporary_folder("mars-metric-") as folder:
            readable, writable = folder / "readable", folder / "writable"
            readable.mkdir()
            writable.mkdir()
            shutil.copyfile(_RUNNER, readable / _RUNNER.name)
            (readable / METRIC_FILE).write_text(self.own.code, encoding="utf-8")
            rows: dict[str, Any] = {**_pack("truth", self.truth), **_pack("prediction", self.prediction)}
            rows["counts"] = counts
            np.savez(readable / "rows.npz", **rows)
            try:
                self.run(
                    readable / _RUNNER.name,
                    [repr(seconds)],
                    [readable],
                    writable,
                    time_s=SCORE_LIMIT_S + seconds,
                    memory_bytes=_MEMORY_BYTES,
                    file_bytes=_FILE_BYTES,
                )
            except SetupError as error:
                reason = str(error).rpartition(f"{_RUNNER.name}: ")[2]
                raise SetupError(f"The competition's {METRIC_FILE} {reason}") from error
            return _read_scores(writable, len(counts))


def _pack(name: str, rows: Rows) -> dict[str, npt.NDArray[np.generic]]:
    """Return rows as arrays for a file: sparse label sets as shape and indices of the set cells."""
    if not is_sparse(rows):
        return {name: rows}
    cells = rows.tocoo()
    return {
        f"{name}_shape": np.array(rows.shape),
        f"{name}_rows": cells.row[cells.data],
        f"{name}_columns": cells.col[cells.data],
    }


@redacted_as("the code of the metric fails on the validation rows")
def _read_scores(folder: Path, count: int) -> Floats:
    """Return the scores (count,) of the runner. The metric may have written anything into the folder."""
    if is_plain_file(folder, "failure.txt"):
        with open_inside(folder, "failure.txt") as stream:
            reason = stream.read(100).decode("utf-8", "replace")
        raise SetupError(
            f"The competition's {METRIC_FILE} failed: {''.join(filter(str.isprintable, reason))}."
        )
    try:
        content = io.BytesIO(read_inside(folder, "scores.npy", 8 * count + 1024))
        if np.lib.format.read_magic(content) != (1, 0):
            raise ValueError("scores.npy has another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(content)
        if shape != (count,) or dtype != np.float64:  # checked before anything of that shape is made
            raise ValueError("scores.npy has another shape or type")
        scores: Floats = np.frombuffer(content.read(8 * count), np.float64, count).copy()
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise SetupError(f"The competition's {METRIC_FILE} ended without a score.") from error
    return scores
