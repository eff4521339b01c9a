"""Results as JSON lines, so that a run that was stopped goes on."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """One entrant on one table with one seed.

    Attributes:
        score: Metric on the private rows; None if the entrant failed.
        error: The score as an error, lower is better.
        failure: Why there is no score.
        seconds: Wall-clock time.
        cpu_s, foreign_s: CPU time of the entrant, and of all other processes on its cores meanwhile.
        facts: What a MARS run says about itself.
    """

    table: str
    seed: int
    entrant: str
    minutes: float
    threads: int
    clock: str
    metric: str
    score: float | None
    error: float | None
    failure: str | None
    seconds: float
    cpu_s: float
    foreign_s: float
    measured: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two results the same measurement."""
        return self.table, self.seed, self.entrant, self.minutes, self.threads, self.clock

    @property
    def is_contended(self) -> bool:
        """Whether other processes took more than a tenth of the time of this entrant's cores."""
        return self.clock == "wall" and self.foreign_s > 0.1 * self.seconds * self.threads


def read_results(path: Path) -> list[Result]:
    """Return the newest result of each measurement in a file."""
    lines = path.read_text().splitlines() if path.exists() else []
    newest = {result.key: result for result in (Result(**json.loads(line)) for line in lines if line.strip())}
    return list(newest.values())


def append_result(path: Path, result: Result) -> None:
    """Append one result to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(json.dumps(asdict(result)) + "\n")


def comparable(results: Iterable[Result], minutes: float, threads: int, clock: str) -> list[Result]:
    """Return the results that were measured under these conditions."""
    clocks = {"mars": "wall"}  # No clock but that of the wall is the same for all processes of a run of MARS.
    return [
        result
        for result in results
        if (result.minutes, result.threads) == (minutes, threads)
        and result.clock == clocks.get(result.entrant.split("-")[0], clock)
    ]
