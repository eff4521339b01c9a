"""What every entrant is held to: seconds, threads, a seed; and the clock that counts the seconds."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Clock = Literal["wall", "cpu"]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Limits:
    """Limits of one entrant.

    Attributes:
        seconds: Time from the start of the entrant's process on.
        threads: Number of cores and threads.
        seed: Seed of the entrant.
        clock: `wall` counts seconds of the wall clock; `cpu` counts CPU seconds of the process, so that other
            processes on the machine do not matter. `cpu` is exact for one thread only.
        started: Reading of `time.time()` at the start of the process.
    """

    seconds: float
    threads: int
    seed: int
    clock: Clock
    started: float

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.started + self.seconds - time.time()


def start_clock(seconds: float, threads: int, seed: int, clock: Clock) -> Limits:
    """Start the clock of this process; with `cpu`, `time.time()` counts CPU seconds from now on.

    Libraries with a time limit read `time.time()`, so they keep the same limit.
    """
    started = time.time() - time.process_time()
    if clock == "cpu":
        time.time = lambda: started + time.process_time()
    return Limits(seconds, threads, seed, clock, started)


def thread_environment(threads: int) -> dict[str, str]:
    """Return environment variables that hold numeric libraries to a number of threads."""
    return {name: str(threads) for name in _THREAD_VARIABLES}


def available_cores() -> Sequence[int]:
    """Return the numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))
