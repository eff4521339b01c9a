"""Conclusive lessons on new seeds, by the code of `mars lessons verify`: how many keep their sign.

    python benchmarks/performance/lesson_signs.py [--competition digits] [--minutes 6] [--run-seed 0]
        [--seeds 1]
    python benchmarks/performance/lesson_signs.py --home DIR [--seeds 1]

Without `--home` a search is made first, in a home of its own that is removed afterwards. With it, the
lessons of that MARS_HOME are re-run; each gets what was found as further evidence.

A lesson is conclusive where its effect is believed (`agent.memory.lesson.doubt`). It keeps its sign where
the pair's effect on the new seeds points the same way, whatever its size. One that cannot be re-run, for
instance since its run is on another machine, is counted apart.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.database import open_database
from agent.errors import MarsError
from agent.memory.lesson import Evidence, Lesson
from agent.memory.store import LessonStore
from agent.paths import Home
from agent.report.observer import Observer
from agent.report.plain import PlainLines
from agent.request import RunRequest
from agent.session import start
from agent.verify import Verification, verify

GOAL = 0.95


@dataclass(frozen=True)
class Rerun:
    """What became of one lesson: what the new seeds found, or why there are none."""

    lesson: Lesson
    found: Verification | None
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether the effect points the same way as before."""
        return self.found is not None and self.found.evidence.effect * self.lesson.effect > 0

    @property
    def line(self) -> str:
        before = f"{self.lesson.id} {self.lesson.title}: {_effect(self.lesson)}"
        if self.found is None:
            return f"{before}; not re-run: {self.reason}"
        word = "kept" if self.kept else "NOT KEPT"
        return f"{before}, now {_effect(self.found.evidence)}: {word} ({self.found.finding})"


def conclusive(home: Home) -> tuple[list[Lesson], int]:
    """(lessons that are conclusive, number of all); SystemExit where nothing is on record."""
    if not home.database.exists():
        raise SystemExit(
            f"{home.root}: holds no record of runs; give the MARS_HOME of a search, or leave --home out."
        )
    lessons = LessonStore(open_database(home.database)).all()
    return [lesson for lesson in lessons if lesson.verdict != "inconclusive"], len(lessons)


def rerun(lessons: Sequence[Lesson], seeds: int, home: Home, observer: Observer) -> Iterator[Rerun]:
    """Puts one lesson after the other to the test; none that fails keeps the next from its turn."""
    for lesson in lessons:
        try:
            yield Rerun(lesson, verify(lesson.id, seeds, home, observer))
        except MarsError as error:
            yield Rerun(lesson, None, str(error))


def summary(reruns: Sequence[Rerun], lessons: int, seeds: int) -> str:
    """The figures in two sentences."""
    again = [one for one in reruns if one.found is not None]
    kept = sum(one.kept for one in again)
    share = f"{kept} of {len(again)}" + (f" = {kept / len(again):.0%}" if again else "")
    return (
        f"{lessons} lessons, {len(reruns)} of them conclusive, {len(again)} re-run on {seeds} new seed(s), "
        f"{len(reruns) - len(again)} could not be. Kept their sign: {share} (goal: {GOAL:.0%})."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="A MARS_HOME with lessons; then nothing is searched.")
    parser.add_argument("--seeds", type=int, default=1, help="New seeds for each lesson.")
    parser.add_argument("--competition", help="What to search first (default: digits).")
    parser.add_argument("--minutes", type=float, help="How long to search (default: 6).")
    parser.add_argument("--run-seed", type=int, help="The search's seed (default: 0).")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds: give 1 or more.")
    searching = (arguments.competition, arguments.minutes, arguments.run_seed)
    if arguments.home is not None:
        if any(option is not None for option in searching):
            parser.error("--home: its lessons are taken as they are; leave out what to search.")
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
    for one in rerun(lessons, seeds, home, _observer()):
        reruns.append(one)
        print(one.line, flush=True)
    print(summary(reruns, total, seeds))


def _observer() -> Observer:
    return PlainLines(Console(file=sys.stderr))


def _effect(item: Lesson | Evidence) -> str:
    return f"{item.effect:+.1%} ± {item.standard_error:.1%}"


if __name__ == "__main__":
    main()
