"""`mars competitions`, `mars init` and `mars prepare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import options
from agent.cli.interrupts import interruptible
from agent.cli.preparation_steps import shown_steps
from agent.core import paths
from agent.core.errors import SetupError
from agent.core.format import as_argument, one_line

if TYPE_CHECKING:
    from agent.competition.prepared import Prepared
    from agent.competition.spec import CompetitionSpec
    from agent.drafting.llm.draft import DraftResult

_LEAST_TITLE = 20  # columns of the terminal


def competitions_command() -> None:
    """List the competitions that can be run by name."""
    from agent.competition.registry import list_competitions
    from agent.report.fitted_table import FittedColumn, fitted_table, table_console

    columns = [
        FittedColumn("name", rank=0),
        FittedColumn("task", rank=1),
        FittedColumn("metric", rank=2),
        FittedColumn("title", rank=3, wraps_at=_LEAST_TITLE),
    ]
    rows = [
        {"name": one.spec.id, "task": one.spec.task, "metric": one.spec.metric, "title": one.spec.title}
        for one in list_competitions(paths.home())
    ]
    console = table_console()
    console.print(fitted_table(columns, rows, console.width))


def init_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with your tables and media.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Language model at OPENAI_BASE_URL that reads the folder's description. Default: no model "
            "is asked."
        ),
    ] = None,
    max_usd: Annotated[
        float | None,
        typer.Option(min=0.0, callback=options.finite, help="Spend limit for the language model, in USD."),
    ] = None,
) -> None:
    """Write competition.yaml for your own folder from its files."""
    from agent.drafting.draft_check import try_draft
    from agent.drafting.rules.draft import draft_spec
    from agent.drafting.rules.write_draft import require_none_yet, write_draft

    if model is None:
        if max_usd is not None:
            raise SetupError("--max-usd applies only with --model: add --model NAME or leave --max-usd out.")
        require_none_yet(directory)
        draft, warnings = draft_spec(directory), list[str]()

        def check(spec: "CompetitionSpec") -> list[str]:
            warnings.extend(try_draft(spec, directory).warnings)
            return warnings

        file = write_draft(draft, directory, check)
    else:
        written = _draft_with_model(directory, model, max_usd)
        file, draft = written.file, written.draft
        if written.prepared is not None:
            _describe(written.prepared)
        warnings = []
    print(f"Wrote {file}:")
    for guess in draft.guesses:
        by = f"{guess.by}: " if guess.by else ""
        print(f"  {one_line(f'{guess.field}: {guess.value}')}  ({one_line(f'{by}{guess.reason}')})")
    for question in draft.questions:
        print(f"  Please check: {one_line(question)}")
    for note in dict.fromkeys([*draft.notes, *warnings]):
        if not any(question.startswith(note) for question in draft.questions):
            print(f"  Note: {one_line(note)}")
    _print_families(draft.spec, directory)


def _print_families(spec: "CompetitionSpec", directory: Path) -> None:
    """Print the families that can run the competition, and the next command."""
    from agent.execution.hardware import device
    from agent.planner.base import TaskContext
    from agent.planner.conditions import serves, unread_inputs, unserved_message
    from agent.repository.family import known_families

    context = TaskContext.of(spec, 0, device())
    families = known_families(paths.home())
    serving = [family.id for family in families.values() if serves(family, context)]
    if serving:
        print(f"Families that can run this competition: {', '.join(serving)}.")
        for name in serving if spec.image_input is None else []:  # preparation names them beside images
            if unread := unread_inputs(spec, families[name]):
                print(f"Note: {name} does not read {', '.join(unread)}.")
        print(f"Next: mars run --competition {as_argument(directory)}")
    else:
        print(unserved_message(spec, families))


def _draft_with_model(directory: Path, model: str, max_usd: float | None) -> "DraftResult":
    """Draft with a language model; print the model, its cost and the file with all messages."""
    from agent.drafting.llm.draft import draft_with_model
    from agent.drafting.llm.transcript import DraftTranscript
    from agent.drafting.rules.write_draft import require_none_yet
    from agent.llm.client import require_packages
    from agent.llm.endpoint import LOCAL_MODEL, find_endpoint
    from agent.llm.prices import load_prices
    from agent.report import formatting

    require_none_yet(directory)
    if model == LOCAL_MODEL:
        raise SetupError(
            f"--model {LOCAL_MODEL}: the local model is too small to read a description. Name a model of an "
            "endpoint or leave --model out."
        )
    home = paths.home()
    load_prices(home.prices)
    require_packages()
    endpoint = find_endpoint(model)
    transcript = DraftTranscript(directory)
    print(f"Asking {endpoint.models['planner']} at {endpoint.host} to describe the competition.")
    try:
        with interruptible():
            return draft_with_model(directory, home, endpoint, transcript, print, max_usd)
    finally:
        print(f"Language model: {formatting.spend(transcript.spend)}. All messages: {transcript.file}")


def prepare_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or folder of a competition.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder or zip file with the competition's files, or with its MLE-bench data."
        ),
    ] = None,
    data: options.Data = "auto",
) -> None:
    """Prepare the data of a competition: tables, splits and media."""
    from agent.competition.preparation.prepare import prepare
    from agent.competition.registry import find_competition
    from agent.competition.sources.locate import import_data, locate_data
    from agent.execution import run_script

    competition, home = find_competition(name, paths.home()), paths.home()
    paths.require_writable(home)
    if source is not None:
        if data == "sample":
            raise SetupError("--from provides the full data: leave --data sample out.")
        raw = import_data(competition, source, home)
    else:
        raw = locate_data(competition, home, data, run_script)
    print(raw.description)
    with shown_steps():
        prepared = prepare(competition.spec, raw, home)
    _describe(prepared)


def _describe(prepared: "Prepared") -> None:
    from agent.competition.positive_class import describe_positive_class

    rows = prepared.rows
    print(f"Rows: {rows.train} training, {rows.val} validation, {rows.audit} audit, {rows.test} test.")
    if (positive := describe_positive_class(prepared)) is not None:
        print(positive)
    for warning in prepared.warnings:
        print(f"Warning: {warning}")
    print(f"Prepared: {prepared.root}")
