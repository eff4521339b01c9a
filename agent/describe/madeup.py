"""Tries a metric that a language model wrote: in the sandbox, on made-up rows, before it sees any other."""

import math
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from agent.competition.metrics import Rows, RunBounded, metric_of
from agent.competition.spec import CompetitionSpec
from agent.errors import SetupError
from agent.execution import run_script
from agent.execution.isolation import detect

SECONDS = 20.0
"""One scoring of the made-up rows may take so long."""

_ROWS = 120
_OFF_AT_MOST = 1e-6


def is_safe_here() -> bool:
    """Whether this machine can run code that nobody has read: without network, files and a way out."""
    guarantees = detect("auto").guarantees(warm=False)
    return guarantees.network_blocked and guarantees.home_hidden and guarantees.writes_confined


def why_not(spec: CompetitionSpec, classes: int, seconds: float = SECONDS) -> str:
    """A sentence for the model about what is wrong with its metric; "" where it stands the trial.

    Args:
        spec: with the metric's code.
        classes: how many there are; 0 where values are predicted.
        seconds: that one scoring may take.
    """
    metric = metric_of(spec, _within(seconds))
    truth, perfect, poor = _made_up(spec, classes)
    try:
        best, again, worse = (metric.score(truth, guess) for guess in (perfect, perfect, poor))
    except SetupError as error:  # of made-up rows; nothing of the user's is in it
        return f"own_metric.code: on made-up rows, {error}"
    if not (math.isfinite(best) and abs(metric.error(best)) <= _OFF_AT_MOST):
        return (
            f"own_metric: perfect predictions of made-up rows get {best:.6g}, not best = {metric.best:.6g}."
        )
    if best != again:
        return "own_metric.code: the same made-up rows get another score each time."
    if not (math.isfinite(worse) and metric.error(worse) > 0):
        return (
            f"own_metric: poor predictions of made-up rows get {worse:.6g}, perfect ones {best:.6g}; with "
            f"higher_is_better = {str(metric.higher_is_better).lower()} they must be worse."
        )
    return ""


def _within(seconds: float) -> RunBounded:
    """The script runner, but nothing may take longer than so many seconds."""

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


def _made_up(spec: CompetitionSpec, classes: int) -> tuple[Rows, Rows, Rows]:
    """Truth, perfect and poor predictions (of N rows each) in the forms that the metric takes."""
    assert spec.own_metric is not None
    rng = np.random.default_rng(0)
    certain = spec.own_metric.prediction == "probability"
    if spec.task == "multilabel":
        cells = rng.random((_ROWS, classes)) < 0.4
        truth, other = csr_array(cells), csr_array(np.roll(cells, 1, axis=0))
        if not certain:
            return truth, truth, other
        return truth, cells.astype(np.float64), rng.random((_ROWS, classes))
    if spec.task == "classification":
        labels = rng.permutation(np.arange(_ROWS) % classes)
        if not certain:
            return labels, labels, np.roll(labels, 1)
        guess = rng.random((_ROWS, classes)) + 0.01
        return labels, np.eye(classes)[labels], guess / guess.sum(axis=1, keepdims=True)
    shape = (_ROWS,) if len(spec.targets) == 1 else (_ROWS, len(spec.targets))
    values = rng.uniform(1.0, 9.0, shape)
    return values, values, np.roll(values, 1, axis=0)
