"""`mars lessons`: what was learned, across runs and competitions."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent import paths
from agent.database import open_database
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore, read_lessons, write_lessons

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
            f"{lesson.effect:+.1%} ± {lesson.standard_error:.1%}",
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
    file: Annotated[Path, typer.Argument(help="JSON file to write.")],
) -> None:
    """Writes all lessons to a file that `mars run --lessons` and `mars lessons import` read."""
    lessons = _store().all()
    write_lessons(lessons, file)
    print(f"{len(lessons)} lessons written to {file}.")


@app.command("import")
def import_command(file: Annotated[Path, typer.Argument(help="JSON file that was exported.")]) -> None:
    """Adds exported lessons; equal ones merge and add their evidence."""
    print(f"{_store().import_all(read_lessons(file))} lessons read from {file}.")


def _page(lesson: Lesson) -> list[str]:
    return [
        f"Lesson {lesson.id}: {lesson.title} ({lesson.verdict})",
        lesson.summary,
        lesson.findings,
        lesson.key_lesson,
        f"Confidence {lesson.confidence:.2f}; {lesson.confirmations} for, {lesson.contradictions} against.",
        *(
            f"  {item.competition} ({item.data_kind}), run {item.run}: node {item.child:03d} against "
            f"{item.parent:03d}: {item.effect:+.1%} ± {item.standard_error:.1%}, {item.verdict}"
            for item in lesson.evidence
        ),
    ]
