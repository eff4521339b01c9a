"""Test conclusive lessons on new seeds with `mars lessons verify`: how many keep their sign.

    python benchmarks/performance/lesson_signs.py [--competition digits] [--minutes 6] [--run-seed 0]
        [--seeds 1]
    python benchmarks/performance/lesson_signs.py --home DIR [--seeds 1]

Without `--home`, the script first runs a search in a temporary home. With `--home`, it re-runs the lessons of
that MARS_HOME and adds the new evidence to them.

A lesson is conclusive if its effect exceeds `agent.memory.lesson.doubt`. A lesson keeps its sign if the
effect on the new seeds has the same sign, whatever its size. Lessons that cannot be re-run, for example
because their run is on another machine, are counted separately.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.core.database import open_database
from agent.core.errors import MarsError
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore
from agent.record.observer import Observer
from agent.report.formatting import comparison, titled_effect
from agent.report.plain_lines import PlainLines
from agent.reproduce.lesson_checks import Verification, verify_lesson

GOAL = 0.95


@dataclass(frozen=True)
class Rerun:
    """A lesson with its verification on new seeds, or the reason why there is none."""

    lesson: Lesson
    found: Verification | None
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether the effect has the same sign as before."""
        return self.found is not None and self.found.evidence.effect * self.lesson.effect > 0

    @property
    def line(self) -> str:
        before = f"{self.lesson.id} {titled_effect(self.lesson)}"
        if self.found is None:
            return f"{before}; not re-run: {self.reason}"
        outcome = "sign kept" if self.kept else "SIGN CHANGED"
        now = comparison(self.lesson, self.found.evidence)
        return f"{before}; now {now}: {outcome} ({self.found.finding})"


def conclusive(home: Home) -> tuple[list[Lesson], int]:
    """Return the conclusive lessons and the number of all lessons; exit if the home has no record."""
    if not home.database.exists():
        raise SystemExit(
            f"{home.root}: has no record of runs. Give the MARS_HOME of a search, or leave --home out."
        )
    lessons = LessonStore(open_database(home.database)).all()
    return [lesson for lesson in lessons if lesson.verdict != "inconclusive"], len(lessons)


def rerun(lessons: Sequence[Lesson], seeds: int, home: Home, observer: Observer) -> Iterator[Rerun]:
    """Verify each lesson in turn; a failure does not stop the following ones."""
    for lesson in lessons:
        try:
            yield Rerun(lesson, verify_lesson(lesson.id, seeds, home, observer))
        except MarsError as error:
            yield Rerun(lesson, None, str(error))


def summary(reruns: Sequence[Rerun], lessons: int, seeds: int) -> str:
    """Summarise the re-runs in two sentences."""
    completed = [rerun for rerun in reruns if rerun.found is not None]
    kept = sum(rerun.kept for rerun in completed)
    share = f"{kept} of {len(completed)}" + (f" = {kept / len(completed):.0%}" if completed else "")
    return (
        f"{lessons} lessons: {len(reruns)} conclusive, {len(completed)} re-run on {seeds} new seed(s), "
        f"{len(reruns) - len(completed)} not re-run. Same sign as before: {share} (goal: {GOAL:.0%})."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="MARS_HOME with lessons; no search is run.")
    parser.add_argument("--seeds", type=int, default=1, help="Number of new seeds per lesson.")
    parser.add_argument("--competition", help="Competition to search (default: digits).")
    parser.add_argument("--minutes", type=float, help="Minutes of search (default: 6).")
    parser.add_argument("--run-seed", type=int, help="Seed of the search (default: 0).")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds: give 1 or more.")
    searching = (arguments.competition, arguments.minutes, arguments.run_seed)
    if arguments.home is not None:
        if any(option is not None for option in searching):
            parser.error("--home: no search is run; leave --competition, --minutes and --run-seed out.")
        _report(Home(arguments.home.resolve()), arguments.seeds)
        return
    with tempfile.TemporaryDirectory(prefix="lesson-signs-") as folder:
        home = Home(Path(folder))
        os.environ["MARS_HOME"] = folder
        request = RunRequest(
            competition=arguments.competition or "digits",
            minutes=arguments.minutes or 6.0,
            seed=arguments.run_seed or 0,
        )
        start(request, home, lambda _: _observer())
        _report(home, arguments.seeds)


def _report(home: Home, seeds: int) -> None:
    os.environ["MARS_HOME"] = str(home.root)
    lessons, total = conclusive(home)
    reruns = []
    for result in rerun(lessons, seeds, home, _observer()):
        reruns.append(result)
        print(result.line, flush=True)
    print(summary(reruns, total, seeds))


def _observer() -> Observer:
    return PlainLines(Console(file=sys.stderr))


if __name__ == "__main__":
    main()
