"""Check a metric that a language model wrote, in the sandbox on synthetic rows, before it sees real rows."""

import math
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from agent.competition.metrics import Rows, SandboxRunner, metric_of
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.execution import run_script
from agent.execution.isolation import detect_isolation

SCORING_LIMIT_S = 20.0
"""Time limit of one scoring of the synthetic rows, in seconds."""

_ROWS = 120
_MAX_ERROR = 1e-6  # of perfect predictions


def can_run_untrusted_code() -> bool:
    """Return whether the sandbox of this machine blocks the network, the home folder and writes outside."""
    guarantees = detect_isolation("auto").guarantees(warm=False)
    return guarantees.network_blocked and guarantees.home_hidden and guarantees.writes_confined


def find_metric_fault(spec: CompetitionSpec, classes: int, seconds: float = SCORING_LIMIT_S) -> str:
    """Return one sentence about the fault of a metric, for the model that wrote it; empty without a fault.

    Args:
        spec: The specification with the code of the metric.
        classes: The number of classes; 0 for regression.
        seconds: Time limit of one scoring, in seconds.
    """
    metric = metric_of(spec, _limit_time(seconds))
    truth, perfect, poor = _synthesise(spec, classes)
    try:
        best, repeated, worse = (metric.score(truth, guess) for guess in (perfect, perfect, poor))
    except SetupError as error:  # safe to quote: the rows are synthetic
        return f"own_metric.code: on synthetic rows, {error}"
    if not (math.isfinite(best) and abs(metric.error(best)) <= _MAX_ERROR):
        return (
            f"own_metric: perfect predictions of synthetic rows get {best:.6g}, not best = {metric.best:.6g}."
        )
    if best != repeated:
        return "own_metric.code: the same synthetic rows get a different score each time."
    if not (math.isfinite(worse) and metric.error(worse) > 0):
        return (
            f"own_metric: poor predictions of synthetic rows get {worse:.6g}, perfect ones {best:.6g}; with "
            f"higher_is_better = {str(metric.higher_is_better).lower()} poor predictions must score worse."
        )
    return ""


def _limit_time(seconds: float) -> SandboxRunner:
    """Return the sandboxed script runner with a lower time limit."""

    def run(
        script: Path,
        args: list[str],
        readable: list[Path],
        writable: Path,
        *,
        time_s: float,
        memory_bytes: int,
        file_bytes: int,
    ) -> None:
        run_script(
            script,
            args,
            readable,
            writable,
            time_s=min(time_s, seconds),
            memory_bytes=memory_bytes,
            file_bytes=file_bytes,
        )

    return run


def _synthesise(spec: CompetitionSpec, classes: int) -> tuple[Rows, Rows, Rows]:
    """Return truth, perfect and poor predictions of `_ROWS` rows in the form that the metric takes."""
    assert spec.own_metric is not None
    rng = np.random.default_rng(0)
    takes_probabilities = spec.own_metric.prediction == "probability"
    if spec.task == "multilabel":
        cells = rng.random((_ROWS, classes)) < 0.4
        truth, other = csr_array(cells), csr_array(np.roll(cells, 1, axis=0))
        if not takes_probabilities:
            return truth, truth, other
        return truth, cells.astype(np.float64), rng.random((_ROWS, classes))
    if spec.task == "classification":
        labels = rng.permutation(np.arange(_ROWS) % classes)
        if not takes_probabilities:
            return labels, labels, np.roll(labels, 1)
        guess = rng.random((_ROWS, classes)) + 0.01
        return labels, np.eye(classes)[labels], guess / guess.sum(axis=1, keepdims=True)
    shape = (_ROWS,) if len(spec.targets) == 1 else (_ROWS, len(spec.targets))
    values = rng.uniform(1.0, 9.0, shape)
    return values, values, np.roll(values, 1, axis=0)
