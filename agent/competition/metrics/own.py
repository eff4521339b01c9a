"""A competition's own metric: its `metric.py` runs in the sandbox, with the rows and nothing else.

The contract: `score(truth, prediction)` returns a number. Both are numpy arrays of N rows: labels (N,) as
class indices, label sets (N, C) bool, probabilities (N, C) whose truth is a label or a label set, values (N,)
or (N, T). It depends on its arguments alone. Resamples give its standard error as far as their time goes.
"""

import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from agent.competition.metrics.metric import Floats, Metric, Rows
from agent.competition.spec import OWN_METRIC, CompetitionSpec, OwnMetric
from agent.errors import InfrastructureError, MarsError, SetupError

SCORE_LIMIT_S = 120.0  # one scoring of all rows
RESAMPLING_S = 10.0  # all resamples of a prediction together
_MEMORY_BYTES = 8 * 2**30
_FILE_BYTES = 2**28
_RUNNER = Path(__file__).with_name("own_runner.py")


class RunBounded(Protocol):
    """Runs `python script args` isolated, in the folder `writable`; raises SetupError where it fails."""

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


def own_metric(spec: CompetitionSpec, own: OwnMetric, run: RunBounded | None) -> Metric:
    """The metric that `metric.py` defines; without `run` it can be asked for anything but scores."""

    def scorer(truth: Rows, prediction: Rows) -> _OwnScorer:
        if run is None:
            raise InfrastructureError(
                f"{OWN_METRIC} was to be run without a sandbox; this is a defect of MARS."
            )
        return _OwnScorer(own, run, truth, prediction)

    return Metric(
        name=spec.metric,
        definition=_plain(own.definition),
        higher_is_better=own.higher_is_better,
        kinds={spec.task: own.prediction},
        scorer=scorer,
        best_score=own.best,
    )


def _plain(definition: str) -> str:
    """One line that can stand in any docstring."""
    return " ".join(definition.split()).replace("\\", "/").replace('"', "'")


@dataclass
class _OwnScorer:
    """One pair of truth and prediction, and the time that is left for its resamples."""

    own: OwnMetric
    run: RunBounded
    truth: Rows
    prediction: Rows
    left_s: float = field(default=RESAMPLING_S)

    def scores(self, weights: Floats) -> Floats:
        """Scores (B,); all rows once must have one, resamples are NaN where there is no time or a fault."""
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
        with tempfile.TemporaryDirectory(prefix="mars-metric-") as folder:
            given, made = Path(folder) / "given", Path(folder) / "made"
            given.mkdir()
            made.mkdir()
            shutil.copyfile(_RUNNER, given / _RUNNER.name)
            (given / OWN_METRIC).write_text(self.own.code, encoding="utf-8")
            rows: dict[str, Any] = {**_packed("truth", self.truth), **_packed("prediction", self.prediction)}
            rows["counts"] = counts
            np.savez(given / "rows.npz", **rows)
            try:
                self.run(
                    given / _RUNNER.name,
                    [repr(seconds)],
                    [given],
                    made,
                    time_s=SCORE_LIMIT_S + seconds,
                    memory_bytes=_MEMORY_BYTES,
                    file_bytes=_FILE_BYTES,
                )
            except SetupError as error:
                reason = str(error).rpartition("own_runner.py: ")[2]
                raise SetupError(f"The competition's {OWN_METRIC} {reason}") from error
            return _scores_in(made, len(counts))


def _packed(name: str, rows: Rows) -> dict[str, npt.NDArray[np.generic]]:
    """Rows as arrays that a file can hold: label sets by their cells."""
    if not isinstance(rows, csr_array):
        return {name: rows}
    cells = rows.tocoo()
    return {
        f"{name}_shape": np.array(rows.shape),
        f"{name}_rows": cells.row[cells.data],
        f"{name}_columns": cells.col[cells.data],
    }


def _scores_in(folder: Path, count: int) -> Floats:
    """The scores (count,) that the runner left, in a folder where the metric may have written anything."""
    failure, file = folder / "failure.txt", folder / "scores.npy"
    if failure.is_file() and not failure.is_symlink():
        with failure.open("rb") as stream:
            said = stream.read(100).decode("utf-8", "replace")
        raise SetupError(f"The competition's {OWN_METRIC} failed: {''.join(filter(str.isprintable, said))}.")
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > 8 * count + 1024:
            raise ValueError("no file of scores")
        scores = np.load(file, allow_pickle=False)
        if scores.shape != (count,) or scores.dtype != np.float64:
            raise ValueError("other scores than asked for")
    except (OSError, ValueError) as error:
        raise SetupError(f"The competition's {OWN_METRIC} ended without a score.") from error
    found: Floats = scores
    return found
