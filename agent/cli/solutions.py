"""`mars solutions` and `mars grade`."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agent.cli import options
from agent.core import paths
from agent.core.contract import COMPETITION_ID
from agent.core.errors import SetupError
from agent.core.format import as_argument

if TYPE_CHECKING:
    from agent.solution.card import Card

_MAX_NAME = 200  # characters, below the limit of file systems


def solutions_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Competition whose card is shown.")
    ] = None,
    leaderboard: Annotated[
        float | None,
        typer.Option(
            callback=options.finite,
            help="Leaderboard score of NAME's submission, to add to its card. Earlier scores are kept.",
        ),
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="List all solutions of NAME that were kept, with their numbers."),
    ] = False,
    restore: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Make solution N of NAME's history the kept one; see --history."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the best solution per competition, or show the card of one."""
    from agent.solution import history as history_of_solutions
    from agent.solution.card import load_card
    from agent.solution.leaderboard import report_score

    root = paths.home().solutions
    chosen = {
        "--leaderboard": leaderboard is not None,
        "--history": history,
        "--restore": restore is not None,
    }
    asked = [option for option, is_asked in chosen.items() if is_asked]
    if len(asked) > 1:
        raise SetupError(f"{' and '.join(asked)}: use one of them at a time.")
    if asked and name is None:
        raise SetupError(f"{asked[0]} needs the name of the competition: mars solutions NAME {asked[0]}.")
    if name is not None:
        _check_name(name)
        history_of_solutions.recover(root, name)
    if name is not None and history:
        _print_history(root, name, as_json)
        return
    if name is not None and restore is not None:
        restored = history_of_solutions.restore(root, name, restore)
        print(restored.model_dump_json() if as_json else _restored(root / name, restore, restored))
        return
    if name is not None and leaderboard is not None:
        reported = report_score(root / name, leaderboard)
        print(reported.model_dump_json() if as_json else _comparison(reported, leaderboard))
        return
    if name is not None:
        _show(root, name, as_json)
        return
    folders = sorted(path for path in root.glob("*") if path.is_dir() and path.name[0] != ".")
    cards = []
    for folder in folders:
        try:
            card = load_card(folder)
        except SetupError as error:  # one damaged card must not hide the others
            print(f"Skipped: {error}", file=sys.stderr)
            continue
        cards += [card] if card is not None else []
    if as_json:
        print(json.dumps([card.model_dump(mode="json") for card in cards]))
    else:
        _print_table(cards)


def _check_name(name: str) -> None:
    """Raise SetupError for a path or a pattern, which the name of a competition never is."""
    if not re.fullmatch(COMPETITION_ID, name) or len(name) > _MAX_NAME:
        raise SetupError(
            f"'{name[:_MAX_NAME]}' is not the name of a competition; `mars solutions` lists the names."
        )


def _print_history(root: Path, name: str, as_json: bool) -> None:
    from agent.report.fitted_table import FittedColumn, fitted_table, table_console
    from agent.solution.history import entries as all_entries

    entries = all_entries(root, name)
    if not entries:
        raise SetupError(
            f"No solution of '{name}' was ever kept in {root}. "
            f"Create one with `mars run --competition {as_argument(name)}`."
        )
    if as_json:
        listed = [
            {"number": one.number, "kept": one.is_kept, **one.card.model_dump(mode="json")} for one in entries
        ]
        print(json.dumps(listed))
        return
    metrics = {one.card.metric for one in entries}
    has_other_data = len({(one.card.data_kind, one.card.fingerprint) for one in entries}) > 1
    columns = [
        FittedColumn("no.", rank=0),
        FittedColumn("date", rank=4),
        FittedColumn("run/node", rank=1),
        FittedColumn("data", rank=2),
        FittedColumn("validation", rank=0),
        FittedColumn("audit", rank=3),
        *([FittedColumn("metric", rank=2)] if len(metrics) > 1 else []),
    ]
    rows = [
        {
            "no.": f"{one.number}{'*' if one.is_kept else ''}",
            "date": one.card.kept_at[:10],
            "run/node": f"{one.card.run}/{one.card.node:03d}",
            "data": f"{one.card.data_kind} {one.card.fingerprint[:8]}"
            if has_other_data
            else one.card.data_kind,
            "validation": f"{one.card.validation:.5f}",
            "audit": "none" if one.card.audit is None else f"{one.card.audit:.5f}",
            "metric": one.card.metric,
        }
        for one in entries
    ]
    console = table_console()
    console.print(fitted_table(columns, rows, console.width))
    scored_by = f"Scores: {metrics.pop()}. " if len(metrics) == 1 else ""
    print(f"{scored_by}* is kept now. To bring another one back: mars solutions {name} --restore NO")


def _restored(folder: Path, number: int, card: "Card") -> str:
    return (
        f"Solution {number} of {card.competition} ({card.data_kind} data, {card.metric} "
        f"{card.validation:.5f}) is the kept one again: {folder}"
    )


def _show(root: Path, name: str, as_json: bool) -> None:
    from rich.markdown import Markdown

    from agent.solution.card import card_page, load_card

    card = load_card(root / name)
    if card is None:
        raise SetupError(
            f"No solution of '{name}' is kept in {root}. "
            f"Create one with `mars run --competition {as_argument(name)}`."
        )
    if as_json:
        print(card.model_dump_json())
    else:
        Console().print(Markdown(card_page(card)))


def _print_table(cards: "list[Card]") -> None:
    from agent.report.fitted_table import FittedColumn, fitted_table, table_console

    columns = (
        FittedColumn("competition", 0),
        FittedColumn("data", 1),
        FittedColumn("metric", 3),
        FittedColumn("validation", 0, justify="right"),
        FittedColumn("audit", 2, justify="right"),
        FittedColumn("leaderboard", 4, justify="right"),
        FittedColumn("idea", 0, wraps_at=24),
    )
    rows = [
        {
            "competition": card.competition,
            "data": card.data_kind,
            "metric": card.metric,
            "validation": f"{card.validation:.5f}",
            "audit": f"{card.audit:.5f}" if card.audit is not None else "none",
            "leaderboard": f"{card.leaderboard[-1].score:.5f}" if card.leaderboard else "",
            "idea": card.idea,
        }
        for card in cards
    ]
    console = table_console()
    console.print(fitted_table(columns, rows, console.width))


def _comparison(card: "Card", score: float) -> str:
    """Compare the leaderboard score with the harness's own scores, in the direction of the metric."""

    from agent.competition.metrics.direction import Direction

    def against(name: str, own: float) -> str:
        gain = Direction(card.higher_is_better).gain(score, own)
        return f"{abs(gain):.5f} {'better' if gain >= 0 else 'worse'} than the {name} score {own:.5f}"

    comparisons = [against("validation" if card.folds == 1 else "out-of-fold", card.validation)]
    comparisons += [against("audit", card.audit)] if card.audit is not None else []
    return (
        f"Leaderboard {card.metric} {score:.5f} of {card.competition}: {', '.join(comparisons)}. "
        "The score is added to the card."
    )


def grade_command(
    submission: Annotated[
        Path, typer.Argument(metavar="FILE", help="Submission with the competition's own ids.")
    ],
    competition: Annotated[str, typer.Option(help="Name or folder of the competition.")],
    data: options.Data = "auto",
) -> None:
    """Score a submission against the competition's private answers."""
    from agent.competition.grading import grade_submission
    from agent.competition.registry import find_competition
    from agent.competition.sources.locate import locate_data
    from agent.competition.sources.mle_bench import grader_rejection
    from agent.competition.untrusted_csv import SubmissionError
    from agent.execution import run_script

    found = find_competition(competition, paths.home())
    raw = locate_data(found, paths.home(), data, run_script)
    try:
        grade = grade_submission(raw.with_grader_metric(found.spec), raw.folder, submission, run=run_script)
    except SubmissionError as error:  # the user's file is wrong, not a candidate's
        raise SetupError(str(error)) from error
    if raw.source == "mle-bench" and (reason := grader_rejection(found.spec, submission)) is not None:
        print(f"Warning: {reason}", file=sys.stderr)
    print(f"{grade.metric}: {grade.score!r} on {grade.rows} rows ({raw.kind} data)")
    for one in grade.target_scores:
        parts = "".join(f", {name} {value:.4f}" for name, value in one.parts.items())
        print(f"  {one.target}: {one.metric} {'undefined' if one.score is None else repr(one.score)}{parts}")
