"""`mars lessons`: what was learned, across runs and competitions."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent import paths
from agent.cli.run import interruptible
from agent.database import open_database
from agent.memory.lesson import Evidence, Lesson
from agent.memory.store import LessonStore, read_lessons, write_lessons
from agent.report import wording
from agent.report.observer import make_observer
from agent.verify import SEEDS, verify

app = typer.Typer(help="What experiments taught, with the evidence.", no_args_is_help=True)


def _store() -> LessonStore:
    return LessonStore(open_database(paths.home().database))


@app.command("list")
def list_command() -> None:
    """Lists the lessons, the surest first."""
    table = Table("id", "lesson", "effect", "for", "against", "time", "learned on", box=None)
    for lesson in sorted(_store().all(), key=lambda item: (-item.confidence, item.id)):
        table.add_row(
            lesson.id,
            lesson.title,
            _effect(lesson) if lesson.evidence else wording.effect(lesson),
            str(lesson.confirmations),
            str(lesson.contradictions),
            f"{lesson.time_factor:.2f}x",
            f"{lesson.scope.family}, {lesson.scope.task}, ~10^{lesson.scope.magnitude} rows",
        )
    Console().print(table)


@app.command("show")
def show_command(lesson_id: Annotated[str, typer.Argument(metavar="ID", help="For example 00003.")]) -> None:
    """Shows one lesson with all its evidence."""
    console = Console(highlight=False)
    lesson = _store().get(lesson_id)
    for text in _page(lesson):
        console.print(text, markup=False)


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file to write.")],
) -> None:
    """Writes all lessons to a file that `mars run --lessons` and `mars lessons import` read."""
    lessons = _store().all()
    write_lessons(lessons, file)
    print(f"{len(lessons)} lessons written to {file}.")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file that was exported.")],
) -> None:
    """Adds exported lessons; equal ones merge and add their evidence."""
    print(f"{_store().import_all(read_lessons(file))} lessons read from {file}.")


@app.command("verify")
def verify_command(
    lesson_id: Annotated[str, typer.Argument(metavar="ID", help="For example 00003.")],
    seeds: Annotated[int, typer.Option(min=1, help="New seeds; each takes two executions.")] = SEEDS,
) -> None:
    """Runs a lesson's pair, with only its change and without, on new seeds, and adds what it finds.

    The exit code is 1 when one of the two fails, and says nothing of the finding.
    """
    with interruptible():
        found = verify(lesson_id, seeds, paths.home(), make_observer(Console(), False))
    before, new, after = found.before, found.evidence, found.after
    print(f"Lesson {before.id} said: {before.title} ({_effect(before)}, {before.verdict}).")
    said = f"{_effect(new)}, {before.verdict_of(new)}"
    print(f"On {seeds} new seed(s), run {found.run}: {said}: {found.finding}.")
    print(f"The lesson says now: {after.title} ({_effect(after)}, {after.verdict}).")


def _effect(item: Lesson | Evidence) -> str:
    return f"{item.effect:+.1%} ± {item.standard_error:.1%}"


def _page(lesson: Lesson) -> list[str]:
    if lesson.kind == "debug":
        return _page_of_fixes(lesson)
    return [
        f"Lesson {lesson.id}: {lesson.title} ({lesson.verdict})",
        lesson.summary,
        lesson.findings,
        *_read_by_a_model(lesson),
        lesson.key_lesson,
        f"Confidence {lesson.confidence:.2f}; {lesson.confirmations} for, {lesson.contradictions} against.",
        *(
            f"  {item.competition} ({item.data_kind}), run {item.run}: node {item.child:03d} against "
            f"{item.parent:03d}: {item.effect:+.1%} ± {item.standard_error:.1%}, {lesson.verdict_of(item)}"
            for item in lesson.evidence
        ),
    ]


def _page_of_fixes(lesson: Lesson) -> list[str]:
    return [
        f"Lesson {lesson.id}: {lesson.title} ({wording.effect(lesson)})",
        lesson.summary,
        lesson.findings,
        lesson.key_lesson,
        f"Confidence {lesson.confidence:.2f}.",
        *(
            f"  {tried.competition} ({tried.data_kind}), run {tried.run}: fix {tried.number} of node "
            f"{tried.node:03d}, {'the error was gone' if tried.mended else 'the error stayed'}"
            for tried in lesson.fixes
        ),
    ]


def _read_by_a_model(lesson: Lesson) -> list[str]:
    words = lesson.words
    return [f"A model read, of node {words.node:03d} of run {words.run}: {words.findings}"] if words else []
