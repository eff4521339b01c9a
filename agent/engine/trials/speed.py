"""Measures how long a saved model takes to predict one row."""

import math
from dataclasses import dataclass

from agent.competition.prepared import Prepared
from agent.competition.timing_tables import write_timing_tables
from agent.core.contract import PREDICT
from agent.core.trees import remove_tree
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.execution import ExecutionRequest, TrialExecution
from agent.engine.trials.trial import Trial
from agent.execution.base import StopCheck

FEW_ROWS = 10  # of the batch whose time is that of the start
LEAST_ROWS, MOST_ROWS = 100, 20_000  # that the timed batch has more
BATCH_S = 2.0  # seconds that a batch takes at the limit; far longer than the noise of a start
TIMINGS = 2  # of each batch, at most; the shorter one counts, since other processes only add time
CLEARLY_BELOW, CLEARLY_ABOVE = 0.7, 1.4  # multiples of the limit beyond which one timing is enough
START_S = 60.0  # limit of an execution beyond what its rows may take; members of an ensemble start in turn
SLOWEST = 5.0  # a node that takes longer than this multiple of the limit is not timed to its end
SUFFIX = "-speed"  # of the folder in which a node predicts


@dataclass(frozen=True)
class Speed:
    """The measured time of predicting one row."""

    ms: float
    rows: int
    """Rows of the batch."""


def measure_speed(
    prepared: Prepared,
    checkout: Checkout,
    execution: TrialExecution,
    trial: Trial,
    limit_ms: float,
    stop_check: StopCheck | None,
) -> Speed | None:
    """Time `main.py --predict` on two batches; None if it fails or takes far longer than the limit.

    The time per row is the difference of both times over the difference of rows, so the start of the process,
    imports and the reading of the model do not count.

    Args:
        prepared: the prepared competition.
        checkout: the workspaces of the run.
        execution: executes the predictions, under the limits of all nodes.
        trial: an executed trial whose workspace holds its saved model.
        limit_ms: the milliseconds per row that the user asked for; they set the size of the batch.
        stop_check: stops the executions early.
    """
    more = min(max(math.ceil(BATCH_S * 1000 / limit_ms), LEAST_ROWS), MOST_ROWS)
    limit_s = START_S + SLOWEST * more * limit_ms / 1000
    shortest, ms = {FEW_ROWS: math.inf, FEW_ROWS + more: math.inf}, 0.0
    for _ in range(TIMINGS):
        for rows in shortest:
            seconds = _predict(prepared, checkout, execution, trial, rows, limit_s, stop_check)
            if seconds is None:
                return None
            shortest[rows] = min(shortest[rows], seconds)
        ms = max(shortest[FEW_ROWS + more] - shortest[FEW_ROWS], 0.0) * 1000 / more
        if 0 < ms < CLEARLY_BELOW * limit_ms or ms > CLEARLY_ABOVE * limit_ms:
            break
    return Speed(ms, FEW_ROWS + more)


def _predict(
    prepared: Prepared,
    checkout: Checkout,
    execution: TrialExecution,
    trial: Trial,
    rows: int,
    limit_s: float,
    stop_check: StopCheck | None,
) -> float | None:
    """Return the seconds of predicting a number of rows; None if it fails."""
    tables = trial.workspace.with_name(f"{trial.workspace.name}{SUFFIX}-tables")
    remove_tree(tables)
    write_timing_tables(prepared, tables, rows)
    request = ExecutionRequest((PREDICT,), model=trial.workspace, metadata=tables)
    with checkout.temporary(trial, SUFFIX) as copy:
        try:
            outcome = execution.execute(copy, limit_s, stop_check, request)
        except OSError:  # a candidate wrote the model
            return None
        finally:
            execution.drop_temporary_cache(trial.node)
            remove_tree(tables, ignore_errors=True)
    return outcome.seconds if outcome.status == "ok" else None
