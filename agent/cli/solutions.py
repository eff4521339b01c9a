"""`mars solutions` and `mars grade`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from agent import paths
from agent.competition.grading import grade_submission
from agent.competition.registry import find_competition
from agent.competition.sources import locate_data
from agent.errors import SetupError
from agent.execution import run_script
from agent.solution.card import describe, load_card


def register(app: typer.Typer) -> None:
    app.command("solutions")(solutions_command)
    app.command("grade")(grade_command)


def solutions_command(
    name: Annotated[str | None, typer.Argument(help="A competition: shows its card.")] = None,
) -> None:
    """Lists the best solution per competition, or shows one's card."""
    root = paths.home().solutions
    if name is not None:
        card = load_card(root / name)
        if card is None:
            raise SetupError(f"No solution of '{name}' is kept in {root}; `mars run` makes one.")
        Console().print(Markdown(describe(card)))
        return
    table = Table("competition", "data", "metric", "validation", "audit", "idea", box=None)
    for folder in sorted(path for path in root.glob("*") if path.is_dir() and path.name[0] != "."):
        card = load_card(folder)
        if card is not None:
            audit = f"{card.audit:.5f}" if card.audit is not None else "none"
            score = f"{card.validation:.5f}"
            table.add_row(card.competition, card.data_kind, card.metric, score, audit, card.idea)
    Console().print(table)


def grade_command(
    submission: Annotated[Path, typer.Argument(help="A submission with the competition's own ids.")],
    competition: Annotated[str, typer.Option(help="Name or folder of the competition.")],
    data: Annotated[str, typer.Option(help="Which data's answers: auto, full or sample.")] = "auto",
) -> None:
    """Scores a submission against the competition's private answers."""
    if data not in ("auto", "full", "sample"):
        raise SetupError(f"--data takes auto, full or sample, not '{data}'.")
    found = find_competition(competition, paths.home())
    raw = locate_data(found, paths.home(), data, run_script)  # type: ignore[arg-type]
    grade = grade_submission(raw.graded(found.spec), raw.folder, submission)
    print(f"{grade.metric}: {grade.score!r} on {grade.rows} rows ({raw.kind} data)")
