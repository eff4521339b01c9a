"""`mars lessons`: lessons of all runs and competitions."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agent.cli.interrupts import interruptible
from agent.core import paths
from agent.core.format import counted
from agent.reproduce.defaults import SEEDS

if TYPE_CHECKING:
    from agent.memory.lesson import Lesson, Scope
    from agent.memory.store import LessonStore

app = typer.Typer(help="Lessons from experiments, with their evidence.", no_args_is_help=True)


def _store() -> "LessonStore":
    from agent.core.database import open_database
    from agent.memory.store import LessonStore

    return LessonStore(open_database(paths.home().database))


def _print_damage(store: "LessonStore") -> None:
    if sentence := store.damage():
        print(f"Warning: {sentence}", file=sys.stderr)


@app.command("list")
def list_command() -> None:
    """List the lessons, most confident first."""
    from agent.report import formatting
    from agent.report.fitted_table import FittedColumn, fitted_table, table_console

    store = _store()
    lessons = sorted(store.all(), key=lambda item: (-item.confidence, item.id))
    _print_damage(store)
    columns = (
        FittedColumn("id", 0),
        FittedColumn("lesson", 0, wraps_at=32),
        FittedColumn("error", 0),
        FittedColumn("for", 1, justify="right"),
        FittedColumn("against", 1, justify="right"),
        FittedColumn("time", 2, justify="right"),
        FittedColumn("learned on", 3, wraps_at=20),
    )
    rows = [
        {
            "id": lesson.id,
            "lesson": lesson.title,
            "error": formatting.short_effect(lesson),
            "for": str(lesson.confirmations),
            "against": str(lesson.contradictions),
            "time": f"{lesson.time_factor:.2f} ×",
            "learned on": _learned_on(lesson.scope),
        }
        for lesson in lessons
    ]
    console = table_console()
    console.print(fitted_table(columns, rows, console.width))


@app.command("show")
def show_command(lesson_id: Annotated[str, typer.Argument(metavar="ID", help="For example 00003.")]) -> None:
    """Show one lesson with all its evidence."""
    console = Console(highlight=False)
    lesson = _store().get(lesson_id)
    for text in _describe(lesson):
        console.print(text, markup=False)


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file to write.")],
) -> None:
    """Write all lessons to a file for `mars run --lessons` and `mars lessons import`."""
    from agent.memory.store import write_lessons

    store = _store()
    lessons = store.all()
    _print_damage(store)
    write_lessons(lessons, file)
    print(f"{counted(len(lessons), 'lesson')} written to {file}.")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON file written by `mars lessons export`.")],
) -> None:
    """Add exported lessons. Equal lessons merge and pool their evidence."""
    from agent.memory.store import read_lessons

    print(f"{counted(_store().import_all(read_lessons(file)), 'lesson')} read from {file}.")


@app.command("verify")
def verify_command(
    lesson_id: Annotated[str, typer.Argument(metavar="ID", help="For example 00003.")],
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of new seeds; each needs two executions.")
    ] = SEEDS,
) -> None:
    """Test a lesson on new seeds: run its pair of nodes with and without the change, and add the evidence.

    The exit code is 1 if an execution fails. It does not depend on the finding.
    """
    with interruptible():
        from agent.report import formatting
        from agent.report.observer import make_observer
        from agent.reproduce.lesson_checks import verify_lesson

        found = verify_lesson(lesson_id, seeds, paths.home(), make_observer(Console(), False))
    before, new, after = found.before, found.evidence, found.after
    count = "1 new seed" if seeds == 1 else f"{seeds} new seeds"
    print(f"Lesson {before.id} before: {formatting.titled_effect(before)}.")
    print(f"Run {found.run} on {count}: {formatting.comparison(before, new)}. The lesson is {found.finding}.")
    print(f"Lesson {after.id} now: {formatting.titled_effect(after)}.")


def _describe(lesson: "Lesson") -> list[str]:
    from agent.report import formatting

    if lesson.kind == "debug":
        return _describe_fixes(lesson)
    return [
        f"Lesson {lesson.id}: {lesson.title}",
        f"Effect: {formatting.effect(lesson)}.",
        lesson.summary,
        lesson.findings,
        *_model_findings(lesson),
        lesson.key_lesson,
        f"Confidence {lesson.confidence:.2f} (pairs for: {lesson.confirmations}, "
        f"against: {lesson.contradictions}).",
        *(
            f"  {pair.competition} ({pair.data_kind}), run {pair.run}, node {pair.child:03d} against "
            f"{pair.parent:03d}: {formatting.comparison(lesson, pair)}"
            for pair in lesson.evidence
        ),
    ]


def _describe_fixes(lesson: "Lesson") -> list[str]:
    from agent.report import formatting

    return [
        f"Lesson {lesson.id}: {lesson.title}",
        f"Effect: {formatting.effect(lesson)}.",
        lesson.summary,
        lesson.findings,
        lesson.key_lesson,
        f"Confidence {lesson.confidence:.2f}.",
        *(
            f"  {fix.competition} ({fix.data_kind}), run {fix.run}, fix {fix.number} of node "
            f"{fix.node:03d}: {'the error was fixed' if fix.mended else 'the error remained'}"
            for fix in lesson.fixes
        ),
    ]


def _model_findings(lesson: "Lesson") -> list[str]:
    words = lesson.words
    if words is None:
        return []
    return [f"Findings of a language model on node {words.node:03d} of run {words.run}: {words.findings}"]


def _learned_on(scope: "Scope") -> str:
    """Return where a lesson was learned: `tabular (linear), regression, ~10^3 rows`."""
    structure = f" ({scope.structure})" if scope.structure else ""
    return f"{scope.family}{structure}, {scope.task}, ~10^{scope.magnitude} rows"
