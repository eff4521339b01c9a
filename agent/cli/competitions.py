"""`mars competitions`, `mars init` and `mars prepare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import options
from agent.cli.interrupts import interruptible
from agent.cli.preparation_steps import shown_steps
from agent.core import paths
from agent.core.errors import SetupError
from agent.core.format import as_argument

if TYPE_CHECKING:
    from agent.competition.prepared import Prepared
    from agent.competition.spec import CompetitionSpec
    from agent.drafting.llm.draft import DraftResult
    from agent.drafting.rules.draft import Draft

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
    drop_blank_targets: Annotated[
        bool,
        typer.Option("--drop-blank-targets", help="Leave out labelled rows with a blank or invalid target."),
    ] = False,
) -> None:
    """Write competition.yaml for your own folder from its files."""
    from agent.drafting.summary import summarise

    if model is None:
        if max_usd is not None:
            raise SetupError("--max-usd applies only with --model: add --model NAME or leave --max-usd out.")
        file, draft, warnings = _draft_by_rules(directory, drop_blank_targets)
    else:
        if drop_blank_targets:
            raise SetupError("--drop-blank-targets applies only without --model: leave one of them out.")
        written = _draft_with_model(directory, model, max_usd)
        file, draft = written.file, written.draft
        if written.prepared is not None:
            _describe(written.prepared)
        warnings = []
    print(f"Wrote {file}:")
    for line in summarise(draft, warnings):
        print(f"  {line}")
    _print_families(draft.spec, directory)


def _draft_by_rules(directory: Path, drop_blank_targets: bool) -> tuple[Path, "Draft", list[str]]:
    """Draft by the files alone; return the written file, the draft and what its trial found."""
    from agent.competition.quantities import DROP_ADVICE
    from agent.drafting.draft_check import InvalidDraftError, try_draft
    from agent.drafting.rules.draft import draft_spec, without_blank_targets
    from agent.drafting.rules.write_draft import require_none_yet, write_draft

    require_none_yet(directory)
    draft, warnings = draft_spec(directory), list[str]()
    if drop_blank_targets:
        draft = without_blank_targets(draft)

    def check(spec: "CompetitionSpec") -> list[str]:
        warnings.extend(try_draft(spec, directory).warnings)
        return warnings

    try:
        return write_draft(draft, directory, check), draft, warnings
    except InvalidDraftError as error:  # there is no competition.yaml to edit yet
        message = str(error).replace(DROP_ADVICE, "add --drop-blank-targets to this command")
        raise SetupError(message) from error


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
    if prepared.folds:
        out_of_fold = f"{prepared.folds_executed} are held out in turn, {sum(prepared.fold_rows)} rows"
        print(f"Folds: {prepared.folds}, {out_of_fold}; fold 0 holds the validation rows.")
    if (positive := describe_positive_class(prepared)) is not None:
        print(positive)
    for warning in prepared.warnings:
        print(f"Note: {warning}")
    print(f"Prepared: {prepared.root}")
