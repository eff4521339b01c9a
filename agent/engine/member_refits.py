"""Refits of an ensemble's members, side by side, as far as the time allows."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from agent.engine.trials.runner import TrialRunner
from agent.execution.base import StopCheck
from agent.record.state import Node


@dataclass
class MemberRefits:
    """Refits members, the largest weight per second first.

    Args:
        runner: executes the refits; it is thread-safe.
        nodes: the nodes of the run.
        weights: weight of each member in the ensemble.
        expected_s: expected seconds of each member's refit; a member without them is not refitted.
        limit_s: time limit in seconds of all refits together.
        metadata: the tables of the refit.
        stop_check: stops the executions early.
    """

    runner: TrialRunner
    nodes: Mapping[int, Node]
    weights: Mapping[int, float]
    expected_s: Mapping[int, float]
    limit_s: float
    metadata: Path
    stop_check: StopCheck | None
    refitted: list[int] = field(default_factory=list)
    _waiting: list[int] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def run(self, workers: int) -> float:
        """Refit as many members as fit; return the seconds of the worker that took longest."""
        worth = {
            number: weight / max(self.expected_s[number], 1e-3)
            for number, weight in self.weights.items()
            if weight > 0 and number in self.expected_s
        }
        self._waiting = sorted(worth, key=lambda number: -worth[number])
        if workers == 1:
            return self._work()
        with ThreadPoolExecutor(max_workers=workers) as pool:
            return max(future.result() for future in [pool.submit(self._work) for _ in range(workers)])

    def _work(self) -> float:
        """Refit one member after the other until none fits; return the seconds of these refits."""
        seconds = 0.0
        while (number := self._next(self.limit_s - seconds)) is not None:
            result = self.nodes[number].result
            assert result is not None
            left_s = self.limit_s - seconds
            outcome = self.runner.refit(
                number, result.commit, (), left_s, self.stop_check, metadata=self.metadata
            )
            seconds += outcome.seconds
            with self._lock:
                if outcome.status == "ok":
                    self.refitted.append(number)
                if outcome.stop is not None:
                    self._waiting.clear()
            if outcome.status != "ok":
                self.runner.drop_refit_files(number)
        return seconds

    def _next(self, left_s: float) -> int | None:
        """Take the first waiting member whose refit fits into the time left."""
        with self._lock:
            for number in self._waiting:
                if self.expected_s[number] <= left_s:
                    self._waiting.remove(number)
                    return number
        return None
